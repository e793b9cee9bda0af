"""What a lookup and a request cost, beside C, redis-py and another checkout of this package.

Everything is measured in one run against one p0f, in alternation, since times of different runs do
not compare: what counts are the ratios within each round.
"""
