"""Running contenders in alternation. Knows nothing of what they do."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

Contender = Callable[[int], float]
"""Does its work that many times and returns the seconds that took."""

BLOCK = 0.02
"""Seconds to spend on one contender in a round: a few hundred lookups or more, so that the start of
an event loop does not show."""
T = TypeVar("T")


def progress(steps: Sequence[T], what: str) -> Iterator[T]:
    """The steps, with a line on the terminal that says how far they are."""
    began = time.monotonic()
    for number, step in enumerate(steps, 1):
        if sys.stderr.isatty() or number == len(steps):
            end = "\n" if number == len(steps) else ""
            seconds = time.monotonic() - began
            print(f"\r{what}: {number}/{len(steps)}, {seconds:.0f} s ", end=end, file=sys.stderr)
            sys.stderr.flush()
        yield step


def alternate(
    contenders: Mapping[str, Contender], rounds: int, *, block: float = BLOCK
) -> list[dict[str, float]]:
    """The seconds that each contender needed for one piece of work, for each round.

    The order is another one in each round, so that nobody always runs after the same neighbour.
    """
    counts = {name: _count_for(run, block) for name, run in contenders.items()}
    order = list(contenders)
    results = []
    for _ in progress(range(rounds), "lookups and requests, rounds"):
        random.shuffle(order)
        times = {name: contenders[name](counts[name]) / counts[name] for name in order}
        results.append({name: times[name] for name in contenders})
    return results


def _count_for(run: Contender, block: float) -> int:
    """How often to run it to fill a block; the run that finds out also warms it up."""
    count = 16
    while (seconds := run(count)) < block / 2:
        count *= 2
    return max(1, round(count * block / seconds))
