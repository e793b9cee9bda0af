"""Medians, how far they can be trusted, and the bars they are held against. Measures nothing.

A ratio is taken within each round, so that whatever slows the machine down for a while slows both
sides of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

TOLERANCE = 0.03  # by that much the same code differs from itself in another checkout
BEFORE = " (other)"  # stands behind the names of the other checkout's contenders
Round = Mapping[str, float]  # what each contender needed, or reached, in one round


class Spread(NamedTuple):
    """A median, and where the median of the machine's long run lies with 95 % confidence."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Of one or more values, whatever their distribution: the ranks that enclose a median follow
    the binomial distribution with p = 1/2."""
    ordered = sorted(values)
    middle, reach = (len(ordered) - 1) / 2, 1.96 * math.sqrt(len(ordered)) / 2
    low, high = max(0, math.floor(middle - reach)), math.ceil(middle + reach)
    return Spread(median(ordered), ordered[low], ordered[min(high, len(ordered) - 1)])


def ratio(rounds: Sequence[Round], name: str, yardstick: str) -> Spread:
    """How many times the yardstick's figure another one is."""
    return spread([one[name] / one[yardstick] for one in rounds])


class Bar(NamedTuple):
    """The most that a ratio may be; it is missed only beyond the noise."""

    what: str
    measured: Spread
    limit: float

    @property
    def verdict(self) -> str:
        if self.measured.low > self.limit:
            return "MISSED"
        return "kept" if self.measured.high <= self.limit else "within noise"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    every = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in every)


def bars_table(bars: Iterable[Bar]) -> str:
    return table(
        ("bar", "limit", "measured (95 %)", "verdict"),
        ((bar.what, f"{bar.limit:g}", str(bar.measured), bar.verdict) for bar in bars),
    )


def against(rounds: Sequence[Round], names: Iterable[str]) -> Iterable[Bar]:
    """That these take no longer than in the other checkout, if there is one."""
    for name in names:
        if name + BEFORE in rounds[0]:
            measured = ratio(rounds, name, name + BEFORE)
            yield Bar(f"{name}: time / the other checkout's", measured, 1 + TOLERANCE)
