"""How well a signature file names systems, scored on a table of SYN shapes with the User-Agents
they came with.

    python -m tests.fingerprint.score [TABLE] [SIGNATURES]     score it
    python -m tests.fingerprint.score --count-evidence         write ';; seen' into SIGNATURES
    python -m tests.fingerprint.score --table COLLECTION > TABLE    make a table

TABLE is tests/fingerprint/vectors/shapes.tsv and SIGNATURES the package's file if they are not
given. What a label is worth, and the rule by which a shape gets one, is in docs/labels.md.

The fact a reader would get wrong: "right" is agreement with the User-Agent. Nobody can be right of
a relay's SYN, so a file that names more relays is both less right and more honest.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from p0f_middleware.fingerprint.matcher import Verdict
from p0f_middleware.fingerprint.signatures import load, read_text

from .collection import make_table
from .evidence import with_evidence
from .labels import RELAY
from .matching import PacketMatcher
from .shapes import TABLE, Shape, by_family, packets, read_table

OURS = Path(__file__).parents[2] / "p0f_middleware" / "fingerprint" / "signatures.fp"
RESULTS = ("right", "wrong", RELAY, "unknown")
QUALITIES = ("specific", "generic", "fuzzy", "none")
_RELAY_NAME = "Proxy or VPN"
_WORDS = {
    "Windows": ("windows",),
    "Apple": ("mac", "ios"),
    "Linux": ("linux", "android", "chrom"),
    "BSD": ("bsd", "dragonfly"),
    "Solaris": ("solaris", "illumos"),
}


class Score(NamedTuple):
    """How often what was said of a SYN; counts are split evenly among the MSS values of a row."""

    results: Counter[str]
    by_quality: dict[str, Counter[str]]
    relays: Counter[str]
    """What is called a relay, by family of the User-Agent."""
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


def result(name: str | None, claimed: str) -> str:
    """Which of `RESULTS` it is to call the SYN of the *claimed* family *name*."""
    said = family(name)
    if said == RELAY or name is None:
        return said or "unknown"
    return "right" if said == claimed else "wrong"


def quality(verdict: Verdict) -> str:
    """Which of `QUALITIES` a verdict has."""
    if verdict.label is None:
        return "none"
    if verdict.fuzzy:
        return "fuzzy"
    return "generic" if verdict.generic else "specific"


def score(matcher: PacketMatcher, shapes: Iterable[Shape], kind: str) -> Score:
    """What *matcher* makes of a table's shapes; *kind* is 'variants' or 'connections'."""
    found = Score(Counter(), {name: Counter() for name in QUALITIES}, Counter(), Counter())
    for shape, verdict, counts in _verdicts(matcher, shapes, kind):
        name = verdict.label.name if verdict.label else None
        for claimed, count in counts.items():
            outcome = result(name, claimed)
            found.results[outcome] += count  # type: ignore[assignment]  # parts of counts
            found.by_quality[quality(verdict)][outcome] += count  # type: ignore[assignment]
            if outcome == RELAY:
                found.relays[claimed] += count  # type: ignore[assignment]
            if outcome != "right":
                said = f"{name} {verdict.label.flavor}" if verdict.label else "-"
                found.missed[outcome, said, _described(shape)] += count  # type: ignore[assignment]
    return found


def _verdicts(
    matcher: PacketMatcher, shapes: Iterable[Shape], kind: str
) -> Iterator[tuple[Shape, Verdict, dict[str, float]]]:
    for shape in shapes:
        counts: Mapping[str, int] = getattr(shape, kind)
        for packet in packets(shape):
            match = matcher.packet(packet)
            assert match is not None, f"{_described(shape)} does not become a SYN"
            shared = {name: n / len(shape.sizes) for name, n in by_family(counts).items() if n}
            yield shape, match.verdict, shared


def _described(shape: Shape) -> str:
    marks = {"df": shape.df, "id+": shape.ident, "ecn": shape.ecn, "ts1-": shape.zero_timestamp}
    quirks = ",".join(mark for mark, holds in marks.items() if holds)
    return f"{shape.ttl}:{shape.window},{shape.scale}:{shape.layout}:{quirks}"


def report(found: Score, kind: str, missed: int) -> Iterator[str]:
    """The lines that tell a score."""
    total = found.results.total()
    yield f"{kind}: {total:.0f}"
    yield "  all       " + _percentages(found.results)
    for name, results in found.by_quality.items():
        if results.total():
            share = 100 * results.total() / total
            yield f"  {name:9} {_percentages(results)}  ({share:.1f} % of all)"
    yield (
        f"  of {found.relays.total():.0f} called a relay, {found.relays_from_linux:.1f} % came with"
        " the User-Agent of Android, Linux or ChromeOS"
    )
    for miss, count in found.missed.most_common(missed):
        yield f"  {100 * count / total:.2f} %\t" + "\t".join(miss)


def _percentages(results: Counter[str]) -> str:
    total = results.total()
    return " / ".join(f"{name} {100 * results[name] / total:.2f}" for name in RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("table", nargs="?", type=Path, default=TABLE)
    parser.add_argument("signatures", nargs="?", type=Path, default=OURS)
    parser.add_argument("--missed", type=int, default=0, metavar="N", help="show N misses")
    parser.add_argument("--count-evidence", action="store_true", help="write ';; seen' lines")
    parser.add_argument(
        "--table", dest="collection", type=Path, help="make a table of a collection"
    )
    given = parser.parse_args()
    if given.collection:
        with given.collection.open() as lines:
            sys.stdout.writelines(f"{line}\n" for line in make_table(lines))
        return
    shapes = read_table(given.table)
    if given.count_evidence:
        text = with_evidence(read_text(given.signatures), shapes)
        given.signatures.write_text(text, encoding="utf-8")
        return
    matcher = PacketMatcher(load(given.signatures))
    for kind in ("variants", "connections"):
        print(*report(score(matcher, shapes, kind), kind, given.missed), sep="\n")


if __name__ == "__main__":
    main()
