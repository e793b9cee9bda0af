"""The evidence beside each signature: `;; seen` lines, counted from a table and never by hand.

Only SYNs that match a signature exactly count for it: a fuzzy match is of another shape.
"""

from __future__ import annotations

from collections.abc import Iterable

from p0f_middleware.fingerprint.signatures import parse

from .matching import PacketMatcher
from .shapes import FAMILIES, Shape, by_family, packets

_SEEN = ";; seen "


def with_evidence(text: str, shapes: Iterable[Shape]) -> str:
    """The *text* of a signature file, with the evidence of a table instead of what it has."""
    lines = [line for line in text.split("\n") if not line.startswith(_SEEN)]
    counts = count_evidence("\n".join(lines), shapes)
    written = []
    for number, line in enumerate(lines, 1):
        written.append(line)
        if number in counts:
            pairs = (f"{family}={count}" for family, count in counts[number].items())
            written.append(_SEEN + " ".join(pairs))
    return "\n".join(written)


def count_evidence(text: str, shapes: Iterable[Shape]) -> dict[int, dict[str, int]]:
    """By the line of a signature in *text*: variants of each family that match it exactly."""
    matcher = _matcher_by_line(text)
    counts: dict[int, dict[str, int]] = {}
    for shape in shapes:
        variants = by_family(shape.variants)
        match = matcher.packet(next(packets(shape)))
        if match is None or match.verdict.label is None or match.verdict.fuzzy:
            continue
        if any(variants.values()):
            line = int(match.verdict.label.flavor)
            known = counts.setdefault(line, dict.fromkeys(FAMILIES, 0))
            for family, count in variants.items():
                known[family] += count
    return counts


def _matcher_by_line(text: str) -> PacketMatcher:
    """A matcher whose labels have the line of the signature that matched for their flavor."""
    database = parse(text)
    requests = [
        signature._replace(label=signature.label._replace(flavor=str(signature.line)))
        for signature in database.requests
    ]
    return PacketMatcher(database._replace(requests=tuple(requests)))
