"""Compares what a request's headers claim with its fingerprint: `check_claim` and its `Claim`.

`_user_agent` reads what headers claim. The comparison is between families of systems (Windows;
Apple; Linux with Android and ChromeOS), because neither headers nor SYNs are reliable beyond that.

In doubt, the verdict is not MISMATCH. AGREE needs any match, but MISMATCH needs a fingerprint that
honest visitors of another family hardly ever have: missing a lie costs a site less.
"""

import re
from enum import Enum
from typing import Any, NamedTuple

from ._info import BadSoftware, MatchQuality, P0fInfo, os_evidence, with_bad_sw
from ._public import public
from ._user_agent import APPLE, LINUX, WINDOWS, Family, Headers, Route, read_headers

__all__ = ["Claim", "ClaimVerdict", "check_claim", "check_request", "read_headers"]


@public
class ClaimVerdict(str, Enum):
    """Whether a request's headers agree with its fingerprint; equal to the plain strings."""

    AGREE = "agree"
    """Both are of one family. This proves nothing: a SYN can be imitated."""
    MISMATCH = "mismatch"
    """They are of different families, and the fingerprint is one that rarely misleads."""
    RELAY = "relay"
    """The visitor's system is hidden by a proxy, VPN or relay, or may be with such a browser."""
    UNSURE = "unsure"
    """There is no fingerprint, or it is not reliable enough for a verdict."""
    NO_CLAIM = "no_claim"
    """The User-Agent was not sent, names no system or several, or is a robot's that says so."""

    __hash__ = str.__hash__  # Enum's is Python code, and each request counts what it gets

    def __str__(self) -> str:
        return self.value


@public
class Claim(NamedTuple):
    """What a request's headers claim, what its fingerprint shows, and whether the two agree.

    Immutable, hashable and picklable; `str()` gives a sentence for people.

    Attributes:
        verdict: whether they agree.
        claimed: the family that the User-Agent names ("Windows", "Apple", "Linux"); None if none.
        seen: the family of the fingerprint; for other systems and relays their name ("FreeBSD",
            "Proxy or VPN"); None if there is no fingerprint or no signature matches it.
        platform: the family that Sec-CH-UA-Platform names; None if none, or if `claimed` is None.
        relay_possible: whether a mismatch may come of a proxy, VPN or gateway in front of an honest
            visitor, since those run Linux. Always so for a relay, and never for other verdicts.
    """

    verdict: ClaimVerdict
    claimed: Family | None
    seen: str | None
    platform: Family | None = None
    relay_possible: bool = False

    @property
    def contradictory(self) -> bool:
        """Whether User-Agent and Sec-CH-UA-Platform name different families. Then one of them is
        false, whatever the fingerprint says."""
        return self.platform is not None and self.claimed != self.platform

    def as_dict(self) -> dict[str, str | bool | None]:
        """The five attributes as `json.dumps` takes them."""
        return self._asdict() | {"verdict": self.verdict.value}

    def __str__(self) -> str:
        if self.claimed is None:
            return "the User-Agent names no system, or several, or says that it is a program's"
        says = f"the User-Agent says {self.claimed}"
        if self.contradictory:
            says += f", Sec-CH-UA-Platform says {self.platform}"
        if self.seen is None:
            return f"{says}, and no fingerprint shows the visitor's system"
        if self.verdict == ClaimVerdict.AGREE:
            return f"{says}, and so does the SYN"
        if self.verdict == ClaimVerdict.UNSURE:
            return f"{says}, the SYN looks like {self.seen}'s, which is not certain"
        if self.verdict == ClaimVerdict.RELAY:
            known = f"{self.seen}'s, as through a proxy, a VPN or a relay"
            return f"{says}, the SYN is {known if self.seen in _SEEN else 'that of a proxy or VPN'}"
        if self.relay_possible:
            return f"{says}, the SYN is {self.seen}'s: a false User-Agent, or a proxy or VPN"
        missing = self.seen == LINUX and not self.contradictory
        lacks = ", and the browser's Sec-CH-UA-Platform is missing" if missing else ""
        return f"{says}, the SYN is {self.seen}'s{lacks}"


_RELAY = re.compile(r"proxy|\bvpn\b|relay", re.IGNORECASE).search
_SEEN: dict[Family, re.Pattern[str]] = {
    WINDOWS: re.compile("Windows"),
    APPLE: re.compile(r"Mac ?OS|macOS|\biOS|iPadOS"),
    LINUX: re.compile("Linux|Android|Chrom(?:e|ium) ?OS"),
}
_AMBIGUOUS: dict[str, re.Pattern[str]] = {
    LINUX: re.compile(
        # SYNs of other systems resemble Linux's after middleboxes and VPNs have changed them, and
        # those of kernels before 4.20 come from appliances and proxies: of the SYNs with ten
        # segments, 18 of 22 have a User-Agent of Windows or Apple.
        r"blanked|zeroed|rewritten|removed|no timestamps|no SACK|no (?:window )?scaling"
        r"|\b2\.[246]\b|\b3\.\d+(?:-| to |$)|\b3\.x|or older|or earlier|proxy|\bvpn\b",
        re.IGNORECASE,
    ),
    # Linux sends the same SYN with net.ipv4.tcp_timestamps and tcp_window_scaling off.
    WINDOWS: re.compile("no window scaling"),
}

_Result = tuple[Claim, BadSoftware | None]  # the `bad_sw` to set, if any
# One result for each signature and `Headers`, and the changed copies. Threads share both without a
# lock: each step is one operation of a dict, which is atomic.
_REMEMBERED = 1024
_results: dict[tuple[object, Headers], _Result] = {}
_copies: dict[tuple[int, BadSoftware], tuple[P0fInfo, P0fInfo]] = {}


def check_claim(
    info: P0fInfo | None,
    user_agent: str | None,
    platform: str | None = None,
    *,
    scheme: str | None = None,
    via: str | None = None,
    forwarded: str | None = None,
    purpose: str | None = None,
) -> Claim:
    """Compare the system that a request's headers claim with its fingerprint.

    A pure function that never raises; the strings may have any content and length. What is not
    given counts as not sent. The middleware gives it all of these.

    Args:
        info: the request's fingerprint; None if there is none.
        user_agent, platform, purpose: User-Agent, Sec-CH-UA-Platform (with its quotes) and
            Sec-Purpose.
        scheme: "https" or "http"; None for a CORS preflight and a WebSocket, for which no browser
            sends Sec-CH-UA-Platform.
        via, forwarded: Via, and X-Forwarded-For or another header that names a client, unless your
            own proxy may have written them.
    """
    return _check(info, read_headers(user_agent, platform, scheme, via, forwarded, purpose))[0]


def check_request(info: P0fInfo | None, headers: Headers) -> tuple[Claim, P0fInfo | None]:
    """The claim, as `check_claim` returns it, and `info` with the `bad_sw` that follows from it.

    Where p0f has set `bad_sw` already, it stays. The same `info` gives the same changed copy.
    """
    claim, bad_sw = _check(info, headers)
    if bad_sw is None or info is None:
        return claim, info
    place = id(info), bad_sw
    kept = _copies.get(place)
    if kept is None or kept[0] is not info:
        kept = info, with_bad_sw(info, bad_sw)
        _keep(_copies, place, kept)
    return claim, kept[1]


def _check(info: P0fInfo | None, headers: Headers) -> _Result:
    key = os_evidence(info) if isinstance(info, P0fInfo) else None, headers
    result = _results.get(key)
    if result is None:
        result = _judge(info, headers)
        _keep(_results, key, result)
    return result


def _judge(info: P0fInfo | None, headers: Headers) -> _Result:
    claimed, platform, route = headers
    seen = _seen(info)
    if claimed is None:
        return Claim(ClaimVerdict.NO_CLAIM, None, seen), None
    verdict = _verdict(info, seen, {claimed, platform or claimed}, route)
    relay_possible = verdict == ClaimVerdict.RELAY
    if verdict == ClaimVerdict.MISMATCH and platform in (None, claimed):
        relay_possible = seen == LINUX and route != "forged"
    claim = Claim(verdict, claimed, seen, platform, relay_possible)
    if not isinstance(info, P0fInfo) or info.bad_sw is not None:
        return claim, None
    if claim.contradictory or (verdict == ClaimVerdict.MISMATCH and not relay_possible):
        return claim, BadSoftware.MISMATCH
    return claim, BadSoftware.OS_MISMATCH if verdict == ClaimVerdict.MISMATCH else None


def _seen(info: P0fInfo | None) -> str | None:
    """The family that the fingerprint shows; its own name for other systems than the three."""
    name = info.os_name if isinstance(info, P0fInfo) else None
    families = [family for family, named in _SEEN.items() if name and named.search(name)]
    return families[0] if len(families) == 1 else name


def _verdict(
    info: P0fInfo | None, seen: str | None, claimed: set[Family], route: Route
) -> ClaimVerdict:
    if info is None or seen is None:
        return ClaimVerdict.UNSURE
    if claimed == {seen}:
        return ClaimVerdict.AGREE
    if _RELAY(seen):
        return ClaimVerdict.RELAY
    # No relay changes what a browser says of itself in two headers.
    if len(claimed) == 1 and (route == "proxy" or (route == "relay" and seen == LINUX)):
        return ClaimVerdict.RELAY
    return ClaimVerdict.MISMATCH if _rarely_misleads(info, seen) else ClaimVerdict.UNSURE


def _rarely_misleads(info: P0fInfo, seen: str) -> bool:
    """Whether honest visitors of other families hardly ever have such a fingerprint."""
    if info.source == "address" or info.os_match_q != MatchQuality.NORMAL or seen not in _SEEN:
        return False
    if info.source == "p0f" and (info.last_nat or info.last_chg):
        return False  # several machines share the address, and p0f may describe another one
    return seen not in _AMBIGUOUS or not _AMBIGUOUS[seen].search(info.os_flavor or "")


def _keep(memory: dict[Any, Any], key: object, value: object) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()  # that is rare, and values in use soon return
    memory[key] = value
