"""What a lookup and a request cost, beside what C needs for the same: `python -m tests.benchmarks`.

Everything is measured in one run against one p0f, in alternation, since times of different runs do
not compare: what counts are the ratios within each round.
"""
