"""Scores a signature file on a table of SYN shapes with the User-Agents they came with, and counts
the evidence beside its signatures.

    python -m tests.fingerprint.score [TABLE] [SIGNATURES]     score it
    python -m tests.fingerprint.score --count-evidence         write ';; seen' into SIGNATURES

TABLE is tests/fingerprint/vectors/shapes.tsv and SIGNATURES the package's file if they are not
given. What a label is worth, and the rule by which a shape gets one, is in docs/labels.md.

The fact a reader would get wrong: "right" is agreement with the User-Agent. Nobody can be right of
a relay's SYN, so a file that names more relays is both less right and more honest.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import exp, log
from pathlib import Path
from typing import NamedTuple

from p0f_middleware import P0fInfo
from p0f_middleware.fingerprint.signatures import load, parse

from .ours import OURS, Reader, is_fuzzy, label_of, reader_of
from .shapes import FAMILIES, TABLE, Shape, by_family, packets, read_table

RELAY = "relay"
RESULTS = ("right", "wrong", RELAY, "unknown")
_RELAY_NAME = "Proxy or VPN"
_WORDS = {
    "Windows": ("windows",),
    "Apple": ("mac", "ios"),
    "Linux": ("linux", "android", "chrom"),
    "BSD": ("bsd", "dragonfly"),
    "Solaris": ("solaris", "illumos"),
}

# What the counts of a shape bear out


NOISE = 0.1  # the share of a family's own SYNs that come with the User-Agent of any system
FACTOR = 10.0  # how many times likelier than the next the best explanation must be
FACTOR_IN_GROUP = 100.0  # to depart from the label of a layout: of many, some do by chance
LEAST = 3  # variants below which nothing is named by the table alone


def sender(
    counts: Mapping[str, int], shares: Mapping[str, float], factor: float = FACTOR
) -> str | None:
    """Who sends a shape, by its *counts*: a family, `RELAY`, or None if they do not bear it out.

    A relay's User-Agents are spread like the whole collection's (*shares*). A family's are its own
    but for `NOISE`, which is spread the same way.
    """
    if sum(counts.values()) < LEAST:
        return None

    def likelihood(one: str) -> float:
        own = 0 if one == RELAY else 1 - NOISE
        return sum(
            n * log(own * (family == one) + (1 - own) * shares[family])
            for family, n in counts.items()
        )

    likelihoods = {one: likelihood(one) for one in (RELAY, *counts)}
    best, next_best = sorted(likelihoods, key=likelihoods.__getitem__, reverse=True)[:2]
    ahead = exp(min(likelihoods[best] - likelihoods[next_best], 700))
    return best if ahead >= factor else None


# How often a signature file is right


class Score(NamedTuple):
    """How often what was said of a SYN; counts are split evenly among the MSS values of a row."""

    results: Counter[str]
    by_quality: dict[str, Counter[str]]
    relays: Counter[str]  # what is called a relay, by family of the User-Agent
    missed: Counter[tuple[str, ...]]

    def percent(self, result: str) -> float:
        """The share of one of `RESULTS`, in percent."""
        return 100 * self.results[result] / self.results.total()

    @property
    def relays_from_linux(self) -> float:
        """The percentage of relays that came with the User-Agent of Android, Linux, ChromeOS."""
        return 100 * self.relays["Linux"] / (self.relays.total() or 1)


def family(name: str | None) -> str | None:
    """The family of an operating system by words in its *name*; `RELAY` for a relay.

    None without a name, and for a name that is none of a general system.
    """
    if name == _RELAY_NAME:
        return RELAY
    words = (name or "").lower()
    return next((one for one, keys in _WORDS.items() if any(key in words for key in keys)), None)


def _result(name: str | None, claimed: str) -> str:
    said = family(name)
    if said == RELAY or name is None:
        return said or "unknown"
    return "right" if said == claimed else "wrong"


def _quality(info: P0fInfo | None) -> str:
    if info is None or info.signature is None:
        return "none"
    return "fuzzy" if is_fuzzy(info) else "generic" if label_of(info)[0] == "g" else "specific"


def score(read: Reader, shapes: Iterable[Shape], kind: str) -> Score:
    """What *read* makes of a table's shapes; *kind* is 'variants' or 'connections'."""
    found = Score(Counter(), {}, Counter(), Counter())
    for shape in shapes:
        counts = by_family(getattr(shape, kind))
        for info in map(read, packets(shape)):
            _, _, *names = label_of(info) or (None, None)
            name, said = names[0] if names else None, " ".join(names) or "-"
            results = found.by_quality.setdefault(_quality(info), Counter())
            for claimed, whole in counts.items():
                if not whole:
                    continue
                count, outcome = whole / len(shape.sizes), _result(name, claimed)
                found.results[outcome] += count  # type: ignore[assignment]  # parts of counts
                results[outcome] += count  # type: ignore[assignment]
                if outcome == RELAY:
                    found.relays[claimed] += count  # type: ignore[assignment]
                if outcome != "right":
                    found.missed[outcome, said, str(shape)] += count  # type: ignore[assignment]
    return found


def _report(found: Score, kind: str, missed: int) -> Iterator[str]:
    total = found.results.total()
    yield f"{kind}: {total:.0f}"
    yield "  all       " + _percentages(found.results)
    for name, results in sorted(found.by_quality.items()):
        share = 100 * results.total() / total
        yield f"  {name:9} {_percentages(results)}  ({share:.1f} % of all)"
    yield (
        f"  of {found.relays.total():.0f} called a relay, {found.relays_from_linux:.1f} % came with"
        " the User-Agent of Android, Linux or ChromeOS"
    )
    for miss, count in found.missed.most_common(missed):
        yield f"  {100 * count / total:.2f} %\t" + "\t".join(miss)


def _percentages(results: Counter[str]) -> str:
    total = results.total() or 1
    return " / ".join(f"{name} {100 * results[name] / total:.2f}" for name in RESULTS)


# The evidence beside each signature, counted from a table and never by hand


_SEEN = ";; seen "


def with_evidence(text: str, shapes: Iterable[Shape]) -> str:
    """The *text* of a signature file, with the evidence of a table instead of what it has.

    Only SYNs that match a signature exactly count for it: a fuzzy match is of another shape.
    """
    lines = [line for line in text.split("\n") if not line.startswith(_SEEN)]
    counts = _count_evidence("\n".join(lines), shapes)
    for number in sorted(counts, reverse=True):
        pairs = (f"{family}={count}" for family, count in counts[number].items())
        lines.insert(number, _SEEN + " ".join(pairs))
    return "\n".join(lines)


def _count_evidence(text: str, shapes: Iterable[Shape]) -> dict[int, dict[str, int]]:
    """By the line of a signature in *text*: variants of each family that match it exactly."""
    database = parse(text)
    # The label of each signature says which line it is in.
    read = reader_of(
        database._replace(
            requests=tuple(
                signature._replace(label=signature.label._replace(notation=str(signature.line)))
                for signature in database.requests
            )
        )
    )
    counts: dict[int, dict[str, int]] = {}
    for shape in shapes:
        info = read(next(packets(shape)))
        if info and info.signature and _quality(info) != "fuzzy" and any(shape.variants.values()):
            known = counts.setdefault(int(info.signature), dict.fromkeys(FAMILIES, 0))
            for name, count in by_family(shape.variants).items():
                known[name] += count
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("table", nargs="?", type=Path, default=TABLE)
    parser.add_argument("signatures", nargs="?", type=Path, default=OURS)
    parser.add_argument("--missed", type=int, default=0, metavar="N", help="show N misses")
    parser.add_argument("--count-evidence", action="store_true", help="write ';; seen' lines")
    given = parser.parse_args()
    shapes = read_table(given.table)
    if given.count_evidence:
        text = with_evidence(given.signatures.read_text(), shapes)
        given.signatures.write_text(text, encoding="utf-8")
        return
    read = reader_of(load(given.signatures))
    for kind in ("variants", "connections"):
        print(*_report(score(read, shapes, kind), kind, given.missed), sep="\n")


if __name__ == "__main__":
    main()
