"""Matches SYNs against a signature database by the rules of p0f 3.09b.

File order decides only between signatures of the same rank. A specific signature that fits exactly
beats any generic one, and a generic one beats any fuzzy match. A fuzzy match with an application's
signature counts as no match, even if an operating system's signature comes next.
"""

from __future__ import annotations

from typing import NamedTuple

from .packet import DISTANCES, MAX_DISTANCE, QUIRKS, Shape
from .raw_sig import Traits, Window, raw_sig, read_raw_sig, traits_of
from .signatures import Database, Label, Signature

_SENDSYN = (1331, 1337)  # MSS and window of p0f-sendsyn's probes, which p0f ignores

# In a fuzzy match, a SYN may lack these quirks of the signature, and may have these others.
_MAY_VANISH = QUIRKS["df"] | QUIRKS["id+"]
_MAY_APPEAR = QUIRKS["id-"] | QUIRKS["ecn"]


class Verdict(NamedTuple):
    """What SYNs of one shape show, whether or not a signature matches."""

    raw_sig: str
    label: Label | None  # the matching signature's
    fuzzy: bool  # TTL, df, id or ecn differ from that signature's
    distance: int | None  # hops; None if the TTL on arrival is not known
    random_ttl: bool  # the tool chooses TTLs at random: `distance` is only an upper bound
    link: str | None
    link_mtu: int | None  # None if the MSS does not depend on the link: there is none, or a tool's
    seen: tuple[tuple[str, int], ...] | None = None  # the evidence, unless fuzzy: another shape

    @property
    def generic(self) -> bool:
        """The matching signature is a last resort."""
        return self.label is not None and self.label.generic

    @property
    def excess_distance(self) -> bool:
        """No path is so long: the initial TTL was unusual, or guessed wrong."""
        return self.distance is not None and self.distance > MAX_DISTANCE


class Matcher:
    """Matches SYNs with the signatures of `database`; threads may share it. It never raises."""

    def __init__(self, database: Database) -> None:
        self._links = database.links
        # By layout and window scale, which rule out most signatures; None stands for other scales.
        # So does the window, in front of each; None if it can be any.
        self._index: dict[tuple[str, int | None], list[tuple[int | str | None, Signature]]] = {}
        scales = {signature.scale for signature in database.requests}
        for signature in database.requests:
            window = None if _modulus(signature) else signature.window
            for scale in scales if signature.scale is None else (signature.scale,):
                key = signature.layout, scale
                self._index.setdefault(key, []).append((window, signature))

    def match(self, shape: Shape) -> Verdict | None:
        """The verdict on a SYN of that shape; None for a probe of p0f-sendsyn."""
        traits = traits_of(shape)
        return self._decide(traits, raw_sig(traits))

    def match_text(self, text: str) -> Verdict | None:
        """The verdict on the SYN that a text describes; None if it is not in p0f's notation.

        A text may describe several windows; then a signature fits if it fits one of them.
        """
        traits = read_raw_sig(text)
        return None if traits is None else self._decide(traits, text)

    def _decide(self, traits: Traits, text: str) -> Verdict | None:
        if any((traits.mss, window.size) == _SENDSYN for window in traits.windows):
            return None
        found, fuzzy = min((self._find(traits, window) for window in traits.windows), key=_rank)
        distance = _distance(found, traits.ttl)
        if fuzzy and found and found.label.userland:
            # p0f 3.09b counts this as no match, and then does not compute the distance.
            found, fuzzy, distance = None, False, 0
        if not traits.hops_known:
            distance = None
        link_mtu = None if found and found.label.userland else _link_mtu(traits)
        link = self._links.get(link_mtu) if link_mtu else None
        if found is None:
            return Verdict(text, None, False, distance, False, link, link_mtu)
        seen = None if fuzzy else found.seen
        any_ttl = found.any_lower_ttl
        return Verdict(text, found.label, fuzzy, distance, any_ttl, link, link_mtu, seen)

    def _find(self, traits: Traits, window: Window) -> _Found:
        quirks, ttl = traits.quirks, traits.ttl
        if quirks is None:
            return None, False
        generic = similar = None
        fitting = None, window.size, window.multiple
        layout, scale = traits.layout, traits.scale
        for any_of, signature in (
            self._index.get((layout, scale)) or self._index.get((layout, None)) or ()
        ):
            if any_of not in fitting or not _may_fit(signature, traits, window.divisor):
                continue
            wanted = signature.quirks_for(traits.version)
            hops_fit = traits.ttl_known and 0 <= signature.ttl - ttl <= MAX_DISTANCE
            if quirks == wanted and (signature.any_lower_ttl or hops_fit):
                if not signature.label.generic:
                    return signature, False
                generic = generic or signature
            elif similar is None and traits.ttl_known and _is_similar(quirks, wanted):
                similar = signature
        return generic or similar, generic is None and similar is not None


_Found = tuple[Signature | None, bool]  # and whether it fits only fuzzily


def _may_fit(signature: Signature, traits: Traits, divisor: int) -> bool:
    """Whether a signature fits but for its quirks, its distance and a window that is no modulus."""
    return (
        signature.mss in (None, traits.mss)
        and signature.ip_options == traits.ip_options
        and signature.payload in (None, traits.payload)
        and not (signature.any_lower_ttl and traits.ttl > signature.ttl)
        and divisor % (_modulus(signature) or 1) == 0
    )


def _modulus(signature: Signature) -> int | None:
    window = signature.window
    return int(window[1:]) if isinstance(window, str) and window.startswith("%") else None


def _is_similar(quirks: int, wanted: int) -> bool:
    return not (wanted & ~quirks & ~_MAY_VANISH or quirks & ~wanted & ~_MAY_APPEAR)


def _rank(found: _Found) -> tuple[int, int]:
    signature, fuzzy = found
    if signature is None:
        return 3, 0
    return (2 if fuzzy else int(signature.label.generic)), signature.line


def _distance(found: Signature | None, ttl: int) -> int | None:
    if found and (found.any_lower_ttl or 0 <= found.ttl - ttl <= MAX_DISTANCE):
        return found.ttl - ttl
    return DISTANCES[ttl]


def _link_mtu(traits: Traits) -> int | None:
    return traits.mss + (40 if traits.version == 4 else 60) if traits.mss else None
