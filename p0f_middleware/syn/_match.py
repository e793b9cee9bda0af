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
from socket import AF_INET, AF_INET6, inet_ntop
from typing import NamedTuple

from ._packet import (
    DISTANCES,
    MAX_DISTANCE,
    Options,
    Shape,
    ShapeFields,
    raw_signature,
    read_options,
    read_syn,
    window_multiple,
)
from ._signatures import QUIRKS, Database, Label, Signature

_SENDSYN = (1331, 1337)  # MSS and window of p0f-sendsyn's probes, which p0f passes over

# A fuzzy match allows these quirks of the signature to be missing, and these others to be there.
_MAY_VANISH = QUIRKS["df"] | QUIRKS["id+"]
_MAY_APPEAR = QUIRKS["id-"] | QUIRKS["ecn"]
_MUST_AGREE = ~(_MAY_VANISH | _MAY_APPEAR)


class Verdict(NamedTuple):
    """What a SYN of some shape tells, whether or not a signature matches.

    ``raw_sig`` is the SYN in p0f's notation. ``label`` is the matching signature's; None for no
    match. ``fuzzy`` says that TTL, df, id or ecn differ from that signature's. ``distance`` counts
    hops from the matching signature's initial TTL or, without one, from a guessed one; with
    ``random_ttl`` the tool draws TTLs at random and it is only an upper bound. ``link_mtu`` is the
    MTU the MSS implies and ``link`` the database's name for it. Both are None where the MSS tells
    nothing of the link (none was sent, or a tool made the SYN), and ``link`` where the MTU has no
    name.
    """

    raw_sig: str
    label: Label | None
    fuzzy: bool
    distance: int
    random_ttl: bool
    link: str | None
    link_mtu: int | None

    @property
    def generic(self) -> bool:
        """Whether the match is with one of the database's last resorts."""
        return self.label is not None and self.label.generic

    @property
    def excess_distance(self) -> bool:
        """Whether no path is that long: the TTL was set by hand, or its start guessed wrong."""
        return self.distance > MAX_DISTANCE


class SynMatch(NamedTuple):
    """Who sent a SYN (its source address, packed, and TCP port) and what the SYN tells."""

    source: bytes
    port: int
    verdict: Verdict

    @property
    def address(self) -> str:
        """The source address as text."""
        return inet_ntop(AF_INET if len(self.source) == 4 else AF_INET6, self.source)


class _Candidate(NamedTuple):
    """A signature, prepared for packets of one IP version; ``modulus`` is that of the window."""

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
    """Matches SYNs against *database*; threads may share it.

    The verdicts on the *memory* shapes met last are remembered.
    """

    def __init__(self, database: Database, *, memory: int = 4096) -> None:
        self._links = database.links
        self._index = _index(database.requests)
        self._verdict = lru_cache(maxsize=memory)(self._judge)

    def match(self, syn: bytes) -> SynMatch | None:
        """What the IP and TCP headers in *syn* tell; the data of TCP Fast Open may be missing.

        Returns None for what p0f does not fingerprint: no TCP, IPv6 extension headers, a fragment,
        no SYN or one with ACK, FIN or RST, headers cut short or of impossible lengths, a probe of
        p0f-sendsyn. Raises nothing, whatever the bytes.
        """
        read = read_syn(syn)
        if read is None:
            return None
        source, port, fields = read
        verdict = self._verdict(fields)
        return None if verdict is None else SynMatch(source, port, verdict)

    def _judge(self, fields: ShapeFields) -> Verdict | None:
        shape = Shape._make(fields)
        options = read_options(shape.options)
        if (options.mss, shape.window) == _SENDSYN:
            return None
        multiple = window_multiple(shape, options)
        found, fuzzy = self._find(shape, options, multiple)
        distance = _distance(found, shape.ttl)
        if fuzzy and found and found.label.userland:
            # That is no match, and 3.09b does not get to the distance either.
            found, fuzzy, distance = None, False, 0
        link_mtu = None if found and found.label.userland else _link_mtu(shape.version, options.mss)
        return Verdict(
            raw_signature(shape, options, multiple),
            found.label if found else None,
            fuzzy,
            distance,
            found is not None and found.any_lower_ttl,
            self._links.get(link_mtu) if link_mtu else None,
            link_mtu,
        )

    def _find(
        self, shape: Shape, options: Options, multiple: str | None
    ) -> tuple[Signature | None, bool]:
        """The signature that wins, and whether it fits only fuzzily."""
        version, ttl, ip_options, own_window, fixed_quirks, payload, _ = shape
        mss, scale, _, layout, option_quirks = options
        quirks = fixed_quirks | option_quirks
        key = version, quirks & _MUST_AGREE, layout
        candidates = self._index.get((*key, scale)) or self._index.get((*key, None), ())
        generic = similar = None
        for window, candidate in candidates:
            if window is not None and window != own_window and window != multiple:
                continue
            wanted, initial, any_lower, length, size, modulus, data, signature = candidate
            if size not in (None, mss) or length != ip_options or data not in (None, payload):
                continue
            if own_window % modulus or (any_lower and ttl > initial):
                continue
            exact = quirks == wanted and (any_lower or 0 <= initial - ttl <= MAX_DISTANCE)
            if exact and not signature.label.generic:
                return signature, False
            if exact:
                generic = generic or signature
            elif similar is None and not (
                wanted & ~quirks & ~_MAY_VANISH or quirks & ~wanted & ~_MAY_APPEAR
            ):
                similar = signature
        return generic or similar, generic is None and similar is not None


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


def _link_mtu(version: int, mss: int) -> int | None:
    return mss + (40 if version == 4 else 60) if mss else None
