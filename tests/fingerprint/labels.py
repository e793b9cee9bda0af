"""Which label the counts of a table bear out: the rule that signatures.fp is written by.

What lives here is arithmetic on counts by family. docs/labels.md has the rule in words.

The fact a reader would get wrong: few counts say little. A shape seen three times with one family
is not named for its share of 100 %, but because that is ten times likelier if that family sent it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

RELAY = "relay"
NOISE = 0.1
"""The share of a family's own SYNs that come with the User-Agent of any system."""
FACTOR = 10.0
"""How many times likelier the best explanation must be than the next, to count."""
FACTOR_IN_GROUP = 100.0
"""The same for a shape to depart from the label of its layout: of many, some do by chance."""
LEAST = 3
"""Variants below which nothing is named by the table alone."""


def explanations(counts: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, float]:
    """The logarithm of how likely the *counts* are, by who sends the shape.

    The senders are each family, or a relay, whose User-Agents are spread like the whole
    collection's (*shares*). A family's are its own but for `NOISE`, which is spread the same way.
    """
    found = {RELAY: sum(n * log(shares[family]) for family, n in counts.items())}
    for sender in counts:
        found[sender] = sum(
            n * log((1 - NOISE) * (family == sender) + NOISE * shares[family])
            for family, n in counts.items()
        )
    return found


def lead(counts: Mapping[str, int], shares: Mapping[str, float]) -> tuple[str, float]:
    """The likeliest sender, and how many times likelier it is than the next."""
    (best, most), (_, second) = sorted(
        explanations(counts, shares).items(), key=lambda item: -item[1]
    )[:2]
    return best, exp(min(most - second, 700))


def sender(
    counts: Mapping[str, int], shares: Mapping[str, float], factor: float = FACTOR
) -> str | None:
    """Who sends a shape, by its counts: a family, `RELAY`, or None if they do not bear it out."""
    if sum(counts.values()) < LEAST:
        return None
    best, ahead = lead(counts, shares)
    return best if ahead >= factor else None


def refuted(
    label: str, counts: Mapping[str, int], shares: Mapping[str, float], factor: float = FACTOR
) -> bool:
    """Whether the counts speak against *label* (a family or `RELAY`) that was given before."""
    named = sender(counts, shares, factor)
    return named is not None and named != label
