"""A SYN's shape, matched against a signature database by the rules of p0f 3.09b.

What lives here knows no socket, no file and no framework: bytes of a SYN in, :class:`SynMatch` out.
A verdict is remembered under the SYN's shape, so that a shape met before costs reading the fixed
fields and one look-up.

The fact a reader would get wrong: the order of the file decides among equals only. A specific
signature that fits beats any generic one, a generic one beats any that fits only fuzzily, and a
fuzzy match with an application's signature is no match at all, even if an operating system's would
come next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from ._database import Database, Label, Signature
from ._notation import QUIRKS
from ._packet import (
    DISTANCES,
    MAX_DISTANCE,
    Shape,
    ShapeFields,
    read_options,
    read_syn,
    without_ethernet,
)
from ._raw_sig import Traits, Window, raw_sig, read_raw_sig, traits_of

_SENDSYN = (1331, 1337)  # MSS and window of p0f-sendsyn's probes, which p0f passes over

# A fuzzy match allows these quirks of the signature to be missing, and these others to be there.
_MAY_VANISH = QUIRKS["df"] | QUIRKS["id+"]
_MAY_APPEAR = QUIRKS["id-"] | QUIRKS["ecn"]
_MUST_AGREE = ~(_MAY_VANISH | _MAY_APPEAR)


class Verdict(NamedTuple):
    """What a SYN of some shape tells, whether or not a signature matches.

    `raw_sig` is the SYN in p0f's notation. `label` is the matching signature's; None for no match.
    `fuzzy` says that TTL, df, id or ecn differ from that signature's. `distance` counts hops from
    the matching signature's initial TTL or, without one, from a guessed one; None if the TTL on
    arrival is not known. With `random_ttl` the tool draws TTLs at random, and `distance` is only an
    upper bound. `link_mtu` is the MTU that the MSS implies and `link` the database's name for it.
    Both are None where the MSS tells nothing of the link (none was sent, or a tool made the SYN),
    and `link` where the MTU has no name. `seen` is the matching signature's evidence, pairs of a
    family and a count; None without any, and for a fuzzy match, which is another shape.
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
        """Whether the match is with one of the database's last resorts."""
        return self.label is not None and self.label.generic

    @property
    def excess_distance(self) -> bool:
        """Whether no path is that long: the TTL was set by hand, or its start guessed wrong."""
        return self.distance is not None and self.distance > MAX_DISTANCE


class SynMatch(NamedTuple):
    """Who sent a SYN (its source address, packed, and TCP port) and what the SYN tells."""

    source: bytes
    port: int
    verdict: Verdict

    @property
    def address(self) -> str:
        """The source address as text."""
        return str(ip_address(self.source))


class _Candidate(NamedTuple):
    """A signature, prepared for packets of one IP version; `modulus` is that of the window."""

    quirks: int
    ttl: int
    any_lower_ttl: bool
    ip_options: int
    mss: int | None
    modulus: int
    payload: bool | None
    signature: Signature


# Most candidates fall by their window, so it stands before them; a modulus is a wildcard there.
_Windowed = tuple[int | str | None, _Candidate]
_Index = dict[tuple[int, int, str, int | None], tuple[_Windowed, ...]]


class Matcher:
    """Matches SYNs with the signatures of `database`; threads may share it.

    The verdicts on the `memory` shapes met last are remembered.
    """

    def __init__(self, database: Database, *, memory: int = 4096) -> None:
        self._links = database.links
        self._index = _index(database.requests)
        self._verdict = lru_cache(maxsize=memory)(self._judge)

    def match(self, syn: bytes) -> SynMatch | None:
        """What the IP and TCP headers in `syn` tell; the data of TCP Fast Open may be missing, and
        an Ethernet header may stand before them.

        Returns None for what p0f does not fingerprint: not TCP, IPv6 extension headers, a fragment,
        not a SYN or one with ACK, FIN or RST, headers cut short or of impossible lengths, a probe
        of p0f-sendsyn. Raises nothing, whatever the bytes.
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
        """The verdict on the SYN that a text in p0f's notation stands for.

        It is the one that the SYN gets. A text may stand for several windows; then a signature
        fits if it fits one of them. Returns None for a text that is not in p0f's notation. Raises
        nothing.
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
            # That is no match, and 3.09b does not get to the distance either.
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
        """The signature that wins if the window is `own`, and whether it fits only fuzzily."""
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
    """The lower, the better p0f likes it: a specific signature, a generic one, a fuzzy match; of
    two of a kind, the one that comes first in the file."""
    signature, fuzzy = found
    if signature is None:
        return 3, 0
    return (2 if fuzzy else int(signature.label.generic)), signature.line


def _index(signatures: Sequence[Signature]) -> _Index:
    """Signatures, in file order, by IP version, quirks that must agree, layout and window scale.

    Those of any scale are under each scale another one names, and alone under None for the rest.
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
