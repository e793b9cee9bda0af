"""Matches SYNs against a signature database by the rules of p0f 3.09b.

This module takes the bytes of a SYN and returns a :class:`SynMatch`; it knows no socket, no file
and no framework. It caches verdicts by the SYN's shape, so a shape that was seen before costs only
the reading of the fixed fields and one dict lookup.

The fact a reader would get wrong: file order decides only between signatures of the same rank. A
specific signature that fits exactly beats any generic one, and a generic one beats any fuzzy match.
A fuzzy match with an application's signature counts as no match, even if an operating system's
signature comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from .database import Database, Label, Signature
from .notation import QUIRKS
from .packet import (
    DISTANCES,
    MAX_DISTANCE,
    Shape,
    ShapeFields,
    read_options,
    read_syn,
    without_ethernet,
)
from .raw_sig import Traits, Window, raw_sig, read_raw_sig, traits_of

_SENDSYN = (1331, 1337)  # MSS and window of p0f-sendsyn's probes, which p0f ignores

# In a fuzzy match, a SYN may lack these quirks of the signature, and may have these others.
_MAY_VANISH = QUIRKS["df"] | QUIRKS["id+"]
_MAY_APPEAR = QUIRKS["id-"] | QUIRKS["ecn"]
_MUST_AGREE = ~(_MAY_VANISH | _MAY_APPEAR)


class Verdict(NamedTuple):
    """What SYNs of one shape show, whether or not a signature matches.

    `raw_sig` is the SYN in p0f's notation. `label` is the matching signature's; None for no match.
    `fuzzy` means that TTL, df, id or ecn differ from that signature's. `distance` counts hops from
    the matching signature's initial TTL or, without a match, from a guessed one; None if the TTL on
    arrival is not known. `random_ttl` means that the sending tool chooses TTLs at random, so that
    `distance` is only an upper bound. `link_mtu` is the MTU that the MSS implies, and `link` the
    database's name for it. Both are None if the MSS does not depend on the link (the SYN has no
    MSS, or a tool made the SYN); `link` is also None if the MTU has no name. `seen` is the matching
    signature's evidence, pairs of a family and a count; None if it has none, and for a fuzzy match,
    which is of another shape.
    """

    raw_sig: str
    label: Label | None
    fuzzy: bool
    distance: int | None
    random_ttl: bool
    link: str | None
    link_mtu: int | None
    seen: tuple[tuple[str, int], ...] | None = None

    @property
    def generic(self) -> bool:
        """Whether the matching signature is a generic, last-resort one."""
        return self.label is not None and self.label.generic

    @property
    def excess_distance(self) -> bool:
        """Whether `distance` is longer than any path: the initial TTL was unusual, or guessed
        wrong."""
        return self.distance is not None and self.distance > MAX_DISTANCE


class SynMatch(NamedTuple):
    """The sender of a SYN (source address, packed, and TCP port) and the verdict on the SYN."""

    source: bytes
    port: int
    verdict: Verdict

    @property
    def address(self) -> str:
        """The source address as text."""
        return str(ip_address(self.source))


class _Candidate(NamedTuple):
    """A signature, prepared for packets of one IP version; `modulus` is the window's."""

    quirks: int
    ttl: int
    any_lower_ttl: bool
    ip_options: int
    mss: int | None
    modulus: int
    payload: bool | None
    signature: Signature


# The window rules out most candidates, so it stands in front; None there also stands for a modulus.
_Windowed = tuple[int | str | None, _Candidate]
_Index = dict[tuple[int, int, str, int | None], tuple[_Windowed, ...]]


class Matcher:
    """Matches SYNs with the signatures of `database`; threads may share it.

    It caches the verdicts on the `memory` shapes that it met last.
    """

    def __init__(self, database: Database, *, memory: int = 4096) -> None:
        self._links = database.links
        self._index = _index(database.requests)
        self._verdict = lru_cache(maxsize=memory)(self._judge)

    def match(self, syn: bytes) -> SynMatch | None:
        """The sender of the SYN in `syn`, and the verdict on it.

        `syn` has the IP and TCP headers; the data of TCP Fast Open may be missing, and an Ethernet
        header may come first. Returns None for packets that p0f does not fingerprint: not TCP, IPv6
        extension headers, a fragment, not a SYN, a SYN with ACK, FIN or RST, headers that are cut
        short or have impossible lengths, a probe of p0f-sendsyn. Raises nothing, whatever the
        bytes.
        """
        read = read_syn(syn) or read_syn(without_ethernet(syn))
        if read is None:
            return None
        source, port, fields = read
        verdict = self.verdict(fields)
        return None if verdict is None else SynMatch(source, port, verdict)

    def verdict(self, shape: ShapeFields) -> Verdict | None:
        """The verdict on a SYN of that shape; None for a probe of p0f-sendsyn."""
        return self._verdict(shape)

    def match_text(self, text: str) -> Verdict | None:
        """The verdict on the SYN that a text in p0f's notation describes.

        The SYN itself would get the same verdict. A text may describe several windows; then a
        signature fits if it fits one of them. Returns None for a text that is not in p0f's
        notation. Raises nothing.
        """
        traits = read_raw_sig(text)
        return None if traits is None else self._decide(traits, text)

    def _judge(self, fields: ShapeFields) -> Verdict | None:
        shape = Shape._make(fields)
        traits = traits_of(shape, read_options(shape.options))
        return self._decide(traits, raw_sig(traits))

    def _decide(self, traits: Traits, text: str) -> Verdict | None:
        if any((traits.mss, window.size) == _SENDSYN for window in traits.windows):
            return None
        found, fuzzy = min((self._find(traits, window) for window in traits.windows), key=_rank)
        distance = _distance(found, traits.ttl)
        if fuzzy and found and found.label.userland:
            # p0f 3.09b counts this as no match, and then does not compute the distance.
            found, fuzzy, distance = None, False, 0
        link_mtu = None if found and found.label.userland else _link_mtu(traits)
        return Verdict(
            text,
            found.label if found else None,
            fuzzy,
            distance if traits.hops_known else None,
            found is not None and found.any_lower_ttl,
            self._links.get(link_mtu) if link_mtu else None,
            link_mtu,
            found.seen if found and not fuzzy else None,
        )

    def _find(self, traits: Traits, own: Window) -> _Found:
        """The best signature if the window is `own`, and whether it fits only fuzzily."""
        version, ttl, ttl_known, _, ip_options, mss, _, scale, layout, quirks, payload = traits
        if quirks is None:
            return None, False
        key = version, quirks & _MUST_AGREE, layout
        candidates = self._index.get((*key, scale)) or self._index.get((*key, None), ())
        generic = similar = None
        for window, candidate in candidates:
            if window is not None and window != own.size and window != own.multiple:
                continue
            wanted, initial, any_lower, length, size, modulus, data, signature = candidate
            if size not in (None, mss) or length != ip_options or data not in (None, payload):
                continue
            if own.divisor % modulus or (any_lower and ttl > initial):
                continue
            fits = any_lower or (ttl_known and 0 <= initial - ttl <= MAX_DISTANCE)
            if quirks == wanted and fits and not signature.label.generic:
                return signature, False
            if quirks == wanted and fits:
                generic = generic or signature
            elif similar is None and ttl_known and _is_similar(quirks, wanted):
                similar = signature
        return generic or similar, generic is None and similar is not None


_Found = tuple[Signature | None, bool]
"""A signature, and whether it fits only fuzzily."""


def _is_similar(quirks: int, wanted: int) -> bool:
    return not (wanted & ~quirks & ~_MAY_VANISH or quirks & ~wanted & ~_MAY_APPEAR)


def _rank(found: _Found) -> tuple[int, int]:
    """The rank of a match; p0f prefers the lowest: a specific signature, then a generic one, then a
    fuzzy match; of two with the same rank, the one that comes first in the file."""
    signature, fuzzy = found
    if signature is None:
        return 3, 0
    return (2 if fuzzy else int(signature.label.generic)), signature.line


def _index(signatures: Sequence[Signature]) -> _Index:
    """Signatures, in file order, by IP version, quirks that must agree, layout and window scale.

    Signatures for any scale are listed under each scale that occurs, and alone under None for all
    other scales.
    """
    groups: dict[tuple[int, int, str], list[tuple[int | None, _Windowed]]] = {}
    for signature in signatures:
        for version in (4, 6):
            windowed = _windowed(signature, version)
            key = version, windowed[1].quirks & _MUST_AGREE, signature.layout
            groups.setdefault(key, []).append((signature.scale, windowed))
    return {
        (*key, scale): tuple(windowed for own, windowed in group if own in (None, scale))
        for key, group in groups.items()
        for scale in {None, *(own for own, _ in group)}
    }


def _windowed(signature: Signature, version: int) -> _Windowed:
    window, modulus = signature.window, 1
    if isinstance(window, str) and window.startswith("%"):
        modulus = int(window[1:])
        window = None
    return window, _Candidate(
        signature.quirks_for(version),
        signature.ttl,
        signature.any_lower_ttl,
        signature.ip_options,
        signature.mss,
        modulus,
        signature.payload,
        signature,
    )


def _distance(found: Signature | None, ttl: int) -> int:
    if found and (found.any_lower_ttl or 0 <= found.ttl - ttl <= MAX_DISTANCE):
        return found.ttl - ttl
    return DISTANCES[ttl]


def _link_mtu(traits: Traits) -> int | None:
    return traits.mss + (40 if traits.version == 4 else 60) if traits.mss else None
