"""How often check_claim accuses honest senders, and how many lies it catches.

`python -m tests.claims_score [TABLE] [SIGNATURES]` prints both for a table of SYN shapes that
counts the User-Agents each shape came with.

An alarm is a mismatch between a shape and a User-Agent it did come with, so that the table's own
lies and proxies count as alarms. A lie is made by giving every SYN of one family the User-Agents of
another. The fact a reader would get wrong: the two kinds of counts in the table differ, see
`fingerprint.shapes`; variants make strays look a thousand times as common as they are.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from p0f_middleware import ClaimVerdict, P0fInfo, check_claim
from p0f_middleware.fingerprint import fingerprint_syn

from .fingerprint.shapes import FAMILIES, TABLE, Shape, packets, read_table

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
# What the browsers of each label send; where there are two, each counts half. Only the second, the
# Safari of an Apple system, comes with a relay of its own.
USER_AGENTS = {
    "Windows": (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",),
    "MacOS": (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME} Safari/537.36",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Version/18.3 Safari/605.1.15",
    ),
    "iOS": (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {_WEBKIT} CriOS/134.0.6998.33"
        " Mobile/15E148 Safari/604.1",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {_WEBKIT} Version/18.3"
        " Mobile/15E148 Safari/604.1",
    ),
    "Android": (f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36",),
    "Linux": (f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Safari/537.36",),
    "ChromiumOS": (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_CHROME} Safari/537.36",),
}
# The label whose first User-Agent somebody sends who claims a family; Apple's is Chrome's
LIES = {"Windows": "Windows", "Apple": "MacOS", "Linux": "Android"}


class Sender(NamedTuple):
    """SYNs of one shape and size, and how often they came with each label."""

    info: P0fInfo | None
    counts: dict[str, float]


Tallies: TypeAlias = "dict[str, Counter[str]]"
KINDS: dict[str, Callable[[Shape], Mapping[str, int]]] = {
    "variants": lambda shape: shape.variants,
    "connections": lambda shape: shape.connections,
}


@lru_cache(4096)
def _fingerprint(syn: bytes, signatures: str | None) -> P0fInfo | None:
    return fingerprint_syn(syn, signatures)


def senders(shapes: Iterable[Shape], kind: str, signatures: str | None = None) -> Iterator[Sender]:
    """The table's senders by counts of that kind."""
    for shape in shapes:
        syns = list(packets(shape))
        for syn in syns:
            counts = {label: n / len(syns) for label, n in KINDS[kind](shape).items() if n}
            yield Sender(_fingerprint(syn, signatures), counts)


def honest(people: Iterable[Sender]) -> Tallies:
    """Verdicts by label, and on "all" together, on senders of their own User-Agents."""
    tallies: Tallies = {name: Counter() for name in ("all", *USER_AGENTS)}
    for info, counts in people:
        for label, count in counts.items():
            for agent in USER_AGENTS[label]:
                for verdict in _verdicts(info, agent):
                    for name in ("all", label):
                        tallies[name][verdict] += count / len(USER_AGENTS[label])  # type: ignore[assignment]
    return tallies


SURE = "no relay"  # counts mismatches that no relay explains, beside the verdict itself


def _verdicts(info: P0fInfo | None, agent: str) -> list[str]:
    claim = check_claim(info, agent)
    sure = claim.verdict == ClaimVerdict.MISMATCH and not claim.relay_possible
    return [claim.verdict.value, *([SURE] if sure else [])]


def lies(people: Iterable[Sender]) -> Tallies:
    """Verdicts on families whose members all claim another: by "family", both others in equal
    parts, and by "family as other"."""
    tallies: Tallies = {}
    for info, counts in people:
        for family, labels in FAMILIES.items():
            count = sum(counts.get(label, 0) for label in labels)
            for other in FAMILIES.keys() - {family}:
                for verdict in _verdicts(info, USER_AGENTS[LIES[other]][0]):
                    for name in (family, f"{family} as {other}"):
                        tallies.setdefault(name, Counter())[verdict] += count  # type: ignore[assignment]
    return dict(sorted(tallies.items()))


def percent(tally: Counter[str], verdict: str) -> float:
    return 100 * tally[verdict] / ((sum(tally.values()) - tally[SURE]) or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", type=Path, default=TABLE)
    parser.add_argument("signatures", nargs="?")
    given = parser.parse_args()
    for kind in KINDS:
        people = list(senders(read_table(given.table), kind, given.signatures))
        _print(f"{kind}, honest", honest(people))
        _print(f"{kind}, lying", lies(people))


def _print(title: str, tallies: Tallies) -> None:
    verdicts = ("agree", "mismatch", SURE, "relay", "unsure")
    print(f"{title + ' (%)':<24}" + "".join(f"{verdict:>10}" for verdict in verdicts))
    for name, tally in tallies.items():
        if tally:
            cells = "".join(f"{percent(tally, verdict):10.2f}" for verdict in verdicts)
            print(f"{name:<24}{cells}")
    print()


if __name__ == "__main__":
    main()
