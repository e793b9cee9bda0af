"""Matches SYNs against a signature database by the rules of p0f 3.09b.

File order decides only between signatures of the same rank. A specific signature that fits exactly
beats any generic one, and a generic one beats any fuzzy match. A fuzzy match with an application's
signature counts as no match, even if an operating system's signature comes next.
"""

from collections.abc import Iterator

from .._info import STRING_SIZE, MatchQuality, P0fInfo
from .packet import DISTANCES, MAX_DISTANCE, QUIRKS, Shape
from .raw_sig import Traits, Window, raw_sig, read_raw_sig, traits_of
from .signatures import Database, Label, Signature

_SENDSYN = (1331, 1337)  # MSS and window of p0f-sendsyn's probes, which p0f ignores
_LONGEST_LABEL = 200

# In a fuzzy match, a SYN may lack these quirks of the signature, and may have these others.
_MAY_VANISH = QUIRKS["df"] | QUIRKS["id+"]
_MAY_APPEAR = QUIRKS["id-"] | QUIRKS["ecn"]

_SPECIFIC, _GENERIC, _FUZZY = range(3)  # ranks of matches


class Matcher:
    """Matches SYNs with the signatures of `database`; threads may share it. It never raises.

    The fingerprints have no times.
    """

    def __init__(self, database: Database) -> None:
        self._links = database.links
        self._by_layout: dict[str, list[Signature]] = {}
        for signature in database.requests:
            self._by_layout.setdefault(signature.layout, []).append(signature)

    def match(self, shape: Shape) -> P0fInfo | None:
        """The fingerprint of a SYN of that shape; None for a probe of p0f-sendsyn."""
        traits = traits_of(shape)
        return self._fingerprint(traits, raw_sig(traits))

    def match_text(self, text: str) -> P0fInfo | None:
        """The fingerprint of the SYN that a text describes; None if it is not in p0f's notation.

        A text may describe several windows; then a signature fits if it fits one of them.
        """
        traits = read_raw_sig(text)
        return None if traits is None else self._fingerprint(traits, text)

    def _fingerprint(self, traits: Traits, text: str) -> P0fInfo | None:
        if any((traits.mss, window.size) == _SENDSYN for window in traits.windows):
            return None
        rank, _, found = min(self._matches(traits), default=(None, 0, None))
        fuzzy = rank == _FUZZY
        if fuzzy and found and found.label.userland:
            # p0f 3.09b counts this as no match, and then does not compute the distance.
            found, distance = None, 0 if traits.hops_known else None
        else:
            distance = _distance(found, traits)
        label = found.label if found else None
        system = None if label is None or label.userland else label
        quality = MatchQuality.FUZZY if fuzzy else MatchQuality.NORMAL
        mtu = _link_mtu(traits, label)
        evidence = found.seen if found and not fuzzy else ()
        return P0fInfo(
            total_conn=1,
            distance=distance,
            os_name=_clean(system.name) if system else None,
            os_flavor=_clean(system.flavor) if system else None,
            os_match_q=quality | (system.generic and MatchQuality.GENERIC) if system else None,
            link_type=_clean(self._links.get(mtu, "")) or None,
            # The field has 16 bits, and the MTU of Linux's loopback is 65536 for IPv6.
            link_mtu=mtu if 0 < mtu <= 0xFFFF else None,
            raw_sig=text,
            signature=_clean(label.notation, _LONGEST_LABEL) if label else None,
            seen_as={_clean(family): count for family, count in evidence} or None,
            source="syn",
        )

    def _matches(self, traits: Traits) -> Iterator[tuple[int, int, Signature]]:
        """The signatures that fit, each behind its rank and its place in the file."""
        quirks, ttl = traits.quirks, traits.ttl
        for signature in self._by_layout.get(traits.layout, ()):
            if quirks is None or not _may_fit(signature, traits):
                continue
            wanted = signature.quirks_for(traits.version)
            hops_fit = traits.ttl_known and 0 <= signature.ttl - ttl <= MAX_DISTANCE
            if quirks == wanted and (signature.any_lower_ttl or hops_fit):
                rank = _GENERIC if signature.label.generic else _SPECIFIC
                yield rank, signature.line, signature
            elif traits.ttl_known and _is_similar(quirks, wanted):
                yield _FUZZY, signature.line, signature


def _may_fit(signature: Signature, traits: Traits) -> bool:
    """Whether a signature fits but for its quirks and its distance."""
    return (
        signature.scale in (None, traits.scale)
        and signature.mss in (None, traits.mss)
        and signature.ip_options == traits.ip_options
        and signature.payload in (None, traits.payload)
        and not (signature.any_lower_ttl and traits.ttl > signature.ttl)
        and any(_window_fits(signature.window, window) for window in traits.windows)
    )


def _window_fits(wanted: int | str | None, window: Window) -> bool:
    if isinstance(wanted, str) and wanted.startswith("%"):
        return window.divisor % int(wanted[1:]) == 0
    return wanted in (None, window.size, window.multiple)


def _is_similar(quirks: int, wanted: int) -> bool:
    return not (wanted & ~quirks & ~_MAY_VANISH or quirks & ~wanted & ~_MAY_APPEAR)


def _distance(found: Signature | None, traits: Traits) -> int | None:
    if not traits.hops_known or (found and found.any_lower_ttl):  # a tool's TTLs are random
        return None
    if found and 0 <= found.ttl - traits.ttl <= MAX_DISTANCE:
        return found.ttl - traits.ttl
    # No path is longer: then the initial TTL was unusual, or is guessed wrong.
    return DISTANCES[traits.ttl] if DISTANCES[traits.ttl] <= MAX_DISTANCE else None


def _link_mtu(traits: Traits, label: Label | None) -> int:
    """0 if the MSS does not depend on the link: there is none, or a tool's."""
    if not traits.mss or (label and label.userland):
        return 0
    return traits.mss + (40 if traits.version == 4 else 60)


def _clean(name: str, size: int = STRING_SIZE) -> str:
    """As much of a name as fits `size` bytes of UTF-8, without NULs."""
    encoded = name.replace("\0", "").encode(errors="replace")
    return encoded[:size].decode(errors="ignore")
