"""Merges two signature files into one that p0f loads: ours, and the additions of another.

Signatures of the other file that ours cover, so that they could never win a SYN, are left out. This
module does not match SYNs; it only decides whether one signature covers another.

The fact a reader would get wrong: p0f refuses a whole file if an earlier signature covers a later
one, and for that it treats a ``*`` signature like an IPv6 packet. So a signature must also be left
out if ours covers it only for IPv6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ._database import Label, Signature
from ._signatures import BLANKS, READ_SECTIONS, SECTION, parse

_HEADING = "\n; --- Additions from the other file ---\n"
_MAX_DISTANCE = 35  # hops: a TTL lower by up to 35 is that of the same SYN, further away


class Merged(NamedTuple):
    """The *text* of both files, and the entries of the other that were *left_out*, a line each."""

    text: str
    left_out: tuple[str, ...]


def merge(ours: str, theirs: str, source: str = "<signatures>") -> Merged:
    """Merge the texts of two signature files; *source* names the second in errors.

    The result has the classes of both; our links and TCP requests, then those of theirs that ours
    do not cover; and all other sections of theirs.

    Raises :class:`SignatureError` for a malformed line in either text.
    """
    own, other = parse(ours), parse(theirs, source)
    classes = dict.fromkeys((*own.classes, *other.classes))
    lines = theirs.split("\n")
    links = {mtu: name for mtu, name in other.links.items() if mtu not in own.links}
    covered = _Covered(own.requests)
    kept = [signature for signature in other.requests if signature not in covered]
    ours_by_section = _bodies(ours)
    parts = [
        f"classes = {','.join(classes)}\n\n",
        *ours_by_section.get("mtu", ["[mtu]\n"]),
        *_written_links(links),
        *ours_by_section.get("tcp:request", ["[tcp:request]\n"]),
        *_written_requests(kept, lines),
        *(
            body
            for name, bodies in _bodies(theirs).items()
            if name and name not in READ_SECTIONS
            for body in bodies
        ),
    ]
    left_out = [f"MTU {mtu}, {name}" for mtu, name in other.links.items() if mtu in own.links]
    left_out += [
        f"line {signature.line}, {signature.label.notation}: {_text_of(signature, lines)}"
        for signature in other.requests
        if signature in covered
    ]
    return Merged("".join(parts), tuple(left_out))


def _bodies(text: str) -> dict[str, list[str]]:
    """The pieces of text by section, each with its heading.

    The text before the first heading is section ''.
    """
    pieces: list[tuple[str, list[str]]] = [("", [])]
    for line in text.removesuffix("\n").split("\n"):
        if heading := SECTION.fullmatch(line.strip(BLANKS)):
            pieces.append((heading[1], []))
        pieces[-1][1].append(line)
    bodies: dict[str, list[str]] = {}
    for name, piece in pieces:
        bodies.setdefault(name, []).append("\n".join(piece) + "\n")
    return bodies


def _text_of(signature: Signature, lines: Sequence[str]) -> str:
    """The text after the ``sig =`` of a signature."""
    line = lines[signature.line - 1].partition("\0")[0]
    return line.partition("=")[2].strip(BLANKS)


def _written_links(links: dict[int, str]) -> Iterator[str]:
    if links:
        yield _HEADING
    for name, mtus in groupby(links, key=lambda mtu: links[mtu]):
        yield f"\nlabel = {name}\n"
        yield from (f"sig   = {mtu}\n" for mtu in mtus)
    yield "\n"


def _written_requests(signatures: Sequence[Signature], lines: Sequence[str]) -> Iterator[str]:
    if signatures:
        yield _HEADING

    def label_of(signature: Signature) -> Label:
        return signature.label

    for label, group in groupby(signatures, key=label_of):
        yield f"\nlabel = {label.notation}\n"
        if label.systems:
            yield f"sys   = {','.join(label.systems)}\n"
        for signature in group:
            yield f"sig   = {_text_of(signature, lines)}\n"
            if signature.seen:
                counts = " ".join(f"{family}={count}" for family, count in signature.seen)
                yield f";; seen {counts}\n"
    yield "\n"


class _Covered:
    """The set of signatures that ours cover: ``signature in covered``."""

    def __init__(self, ours: Iterable[Signature]) -> None:
        self._by_layout: dict[str, list[Signature]] = {}
        for signature in ours:
            self._by_layout.setdefault(signature.layout, []).append(signature)

    def __contains__(self, theirs: object) -> bool:
        assert isinstance(theirs, Signature)
        ours = [
            signature
            for signature in self._by_layout.get(theirs.layout, ())
            if (theirs.label.generic or not signature.label.generic) and _fits(signature, theirs)
        ]
        versions = (4, 6) if theirs.version is None else (theirs.version,)
        return all(
            any(our.quirks_for(version) == theirs.quirks_for(version) for our in ours)
            for version in versions
        ) or any(
            our.quirks_for(theirs.version or 6) == theirs.quirks
            for our in ours
            if not our.label.generic
        )


def _fits(ours: Signature, theirs: Signature) -> bool:
    """Whether *ours* fits every SYN that *theirs* fits, quirks aside."""
    hops = ours.ttl - theirs.ttl
    return (
        ours.ip_options == theirs.ip_options
        and ours.mss in (None, theirs.mss)
        and ours.scale in (None, theirs.scale)
        and ours.payload in (None, theirs.payload)
        and (hops >= 0 if ours.any_lower_ttl else 0 <= hops <= _MAX_DISTANCE)
        and _window_fits(ours.window, theirs)
    )


def _window_fits(window: int | str | None, theirs: Signature) -> bool:
    if window is None or window == theirs.window:
        return True
    if isinstance(window, int) or not isinstance(theirs.window, int):
        return False
    if window.startswith("%"):
        return theirs.window % int(window[1:]) == 0
    if theirs.mss is None:
        return False
    unit = theirs.mss + (40 if window.startswith("mtu") else 0)
    return theirs.window == unit * int(window[4:])
