"""Medians, and how far they can be trusted. Pure arithmetic on what was measured.

A ratio is taken within each round, so that whatever slows the machine down for a while slows both
sides of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Round = Mapping[str, float]
"""What each contender needed in one round, in seconds for each lookup or request."""


@dataclass(frozen=True)
class Spread:
    """A median with the quartiles of the values and the noise of the median itself."""

    median: float
    quartiles: tuple[float, float]
    noise: tuple[float, float]
    """The median of the machine's long run lies in here with 95 % confidence."""

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.noise[0]:.2f} to {self.noise[1]:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Of one or more values. Makes no assumption on how they are distributed."""
    ordered = sorted(values)
    last = len(ordered) - 1
    # The ranks that enclose a median follow the binomial distribution with p = 1/2.
    reach = 1.96 * math.sqrt(len(ordered)) / 2

    def at(rank: float) -> float:
        return ordered[min(max(round(rank), 0), last)]

    return Spread(
        median(ordered),
        (at(last * 0.25), at(last * 0.75)),
        (at(math.floor(last / 2 - reach)), at(math.ceil(last / 2 + reach))),
    )


@dataclass(frozen=True)
class Bar:
    """A promise about a ratio: at most, or with `at_least` at least, `limit`."""

    name: str
    limit: float
    ratio: Callable[[Round], float]
    at_least: bool = False

    def of(self, rounds: Sequence[Round]) -> Spread:
        """The ratio as measured."""
        return spread([self.ratio(one) for one in rounds])

    def missed(self, measured: Spread) -> bool:
        """Whether the ratio misses the limit by more than the noise."""
        low, high = measured.noise
        return high < self.limit if self.at_least else low > self.limit

    def verdict(self, measured: Spread) -> str:
        if self.missed(measured):
            return "MISSED"
        low, high = measured.noise
        certain = low >= self.limit if self.at_least else high <= self.limit
        return "kept" if certain else "within noise"
