"""What a request's headers claim: the family of systems, and how the request may have come.

The User-Agent is searched for a list of words that name systems. The result is a family and not a
system, because browsers are honest about no more than that: an iPad says Macintosh.

None is a good answer: where nothing is claimed, nothing can be false, while a wrong guess calls an
honest visitor a liar. So a User-Agent that names two families claims neither, unless a rule below
says which is meant.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

Family: TypeAlias = Literal["Windows", "Apple", "Linux"]
WINDOWS: Family = "Windows"
APPLE: Family = "Apple"
LINUX: Family = "Linux"

Route: TypeAlias = Literal["proxy", "relay", "unknown", "forged"]
"""How an honest request with these headers comes: through a proxy, by its own words; through a
relay, where its user has one; "unknown"; or not at all, for no browser sends such headers."""

LONGEST = 320  # characters of a User-Agent that are read; browsers send 60 to 300
REMEMBERED = 1024  # User-Agents whose reading is remembered


class UserAgent(NamedTuple):
    """What a User-Agent claims."""

    family: Family | None  # None also if it is a program's that says so
    relays: bool = False  # the browser comes with a relay or VPN of its own
    http_relays: bool = False  # iCloud Private Relay carries its plain HTTP
    hints: bool = False  # it is Chromium's, which always sends Sec-CH-UA-Platform over HTTPS


NO_CLAIM = UserAgent(None)

Headers: TypeAlias = "tuple[Family | None, Family | None, Route]"
"""The families that User-Agent and Sec-CH-UA-Platform name, and how the request may have come: few
and small triples, which can be kept where headers cannot."""


def read_headers(
    user_agent: object,
    platform: object = None,
    scheme: object = None,
    via: object = None,
    forwarded: object = None,
    purpose: object = None,
) -> Headers:
    """What a request's headers claim, by the names of `check_claim`. They may be WSGI's text or
    ASGI's bytes, of any length; anything else claims nothing."""
    family, relays, http_relays, hints = read_user_agent(user_agent)
    route: Route = "unknown"
    if via or forwarded or (purpose and "anonymous-client-ip" in header_text(purpose)):
        route = "proxy"  # the last one is Chrome's private prefetch proxy
    elif hints and platform is None and scheme == "https":
        route = "forged"
    elif relays or (http_relays and scheme == "http"):
        route = "relay"
    return family, None if platform is None else platform_family(platform), route


def read_user_agent(header: object) -> UserAgent:
    if not isinstance(header, (str, bytes)):
        header = header_text(header)
    return _read(header if len(header) <= LONGEST else header[:LONGEST])


def platform_family(header: object) -> Family | None:
    """The family that a Sec-CH-UA-Platform names; None if it names none of the three."""
    try:
        return _PLATFORMS.get(header)
    except (TypeError, ValueError):  # it has no hash, as a server's bytearray
        return _PLATFORMS.get(header_text(header))


_PLATFORMS: dict[object, Family] = {  # as WSGI has them, and as ASGI
    '"Windows"': WINDOWS,
    **dict.fromkeys(('"macOS"', '"iOS"'), APPLE),
    **dict.fromkeys(('"Linux"', '"Android"', '"Chrome OS"', '"Chromium OS"'), LINUX),
}
_PLATFORMS |= {str(name).encode(): family for name, family in _PLATFORMS.items()}


def header_text(header: object) -> str:
    """A header's first `LONGEST` characters; '' for what is no header."""
    if isinstance(header, (bytes, bytearray, memoryview)):
        return bytes(header[:LONGEST]).decode("latin-1")
    return header[:LONGEST] if isinstance(header, str) else ""


_REDUCED_SYSTEMS: dict[str, Family] = {
    "Windows NT 10.0; Win64; x64": WINDOWS,
    "Macintosh; Intel Mac OS X 10_15_7": APPLE,
    "X11; Linux x86_64": LINUX,
    "X11; CrOS x86_64 14541.0.0": LINUX,
    "Linux; Android 10; K": LINUX,
}
_REDUCED = re.compile(
    # What Chrome, Edge and Opera have sent since version 101 (chromium.org/updates/ua-reduction);
    # over HTTPS, they have sent Sec-CH-UA-Platform since 89 (MDN). WebViews, Electron, Qt and
    # headless browsers, which may not, have other User-Agents.
    rf"Mozilla/5\.0 \(({'|'.join(map(re.escape, _REDUCED_SYSTEMS))})\) AppleWebKit/537\.36"
    r" \(KHTML, like Gecko\) Chrome/\d{3}\.0\.0\.0 (?:Mobile )?Safari/537\.36"
    r"( (?:EdgA?|OPR)/[\d.]+)?\Z"
).match

_WORDS: dict[Family | None, str] = {
    WINDOWS: "windows winnt win32 win64 xbox wdcr",
    APPLE: "macintosh mac.os macos mac_powerpc iphone ipad ipod ios darwin applecoremedia apple.tv"
    " appletv tvos watchos mdcr icru",
    LINUX: "linux android cros ubuntu debian raspbian fedora tizen webos web0s roku kaios",
    None: "freebsd openbsd netbsd sunos haiku fuchsia openharmony playstation nintendo symbian"
    " blackberry bb10",
}
_FAMILIES = {
    word.replace(".", " "): family for family, words in _WORDS.items() for word in words.split()
}
_LONGER = "|".join(word for word in _FAMILIES if word not in ("ios", "cros"))
_NAMED = re.compile(
    # Words start where a word starts (CriOS is a browser, macrosoft no system). They may go on
    # (WindowsCE, Android4.0, iPadOS), but for two short ones that begin other words. And something
    # is like an iPhone that is none; iPhones are like a Mac.
    rf"(?<![a-z])(?:mac os|(?<!like )(?:(?:ios|cros)(?![a-z])|{_LONGER}))"
).findall
_SAID_BY_PROGRAMS = (
    # Robots, test drives and monitors say so, give the address of somebody to ask, or put a remark
    # behind WebKit's own. "bot" itself is a word of _BOT.
    "://|www.|mailto:|crawl|spider|slurp|preview|scrap|capture|monitor|check|scan|inspect|survey"
    "|synthetic|agent|optimiz|favicon|headless|selenium|playwright|puppeteer|lighthouse|ptst/"
    "|gtmetrix|statuscake|pingdom|observatory|securityheaders|httrack|sitesucker|acunetix|nikto"
    "|siteimprove|manus-user|appinsights|watchtowr|hotjar|cookiehub|datanyze|readable/|newsai/"
    "|newsnow/|marketgoo/|turingos|validat|uptime|audit|fetch|extract|analy|index|verif|diagnos"
    "|measur|transcod|-google|google-|nutch|catchpoint|iplabel|like gecko;|like gecko,"
    # Servers that fetch pages for a browser: the SYN is theirs. Google's say "(via HOST ...)".
    "|(via |opera mini|ucweb|puffin|silk-accelerated"
)
_PROGRAMS = _SAID_BY_PROGRAMS.split("|")
_BOT = re.compile(r"bot(?:s|(?![a-z]))(?<!cubot)").search  # Cubot makes phones
_HOST = re.compile(r"\.(?<=[a-z0-9]\.)(?:com|org|net|io|ai|co|fr|eu)(?![\w.])").search
_TAIL = re.compile(
    # A bare name at the end of Chrome's (DareBoost, LinkTiger), where of systems only two have one.
    r"chrome/[\d.]+ safari/[\d.]+;? (?!steamdeck|webappmanager)[a-z-]+\Z"
).search
_SAFARI = re.compile(r"version/[\d.]+ (?:mobile/\w+ )?safari/[\d.]+\Z").search
_WITH_VPN = " firefox/", " fxios/", " edg/", " edga/", " edgios/", " opr/", " opt/", " opx/"


@lru_cache(REMEMBERED)
def _read(header: str | bytes) -> UserAgent:
    text = header if isinstance(header, str) else header.decode("latin-1")
    reduced = _REDUCED(text)
    if reduced:
        return UserAgent(_REDUCED_SYSTEMS[reduced[1]], relays=bool(reduced[2]), hints=True)
    words = text.lower()
    for word in _PROGRAMS:  # faster than one expression of them all
        if word in words:
            return NO_CLAIM
    if ("bot" in words and _BOT(words)) or _HOST(words) or _TAIL(words):
        return NO_CLAIM
    family = _family(words)
    # Private Relay carries the plain HTTP of what uses Apple's own libraries: not Chrome on a Mac.
    apples = family == APPLE and "chrome/" not in words
    relays = any(map(words.__contains__, _WITH_VPN)) or _SAFARI(words) is not None
    return UserAgent(family, relays=relays, http_relays=apples)


def _family(words: str) -> Family | None:
    """The one family that is named."""
    if "cfnetwork/" in words:  # Apple's library; what stands before it is an app's own name
        return WINDOWS if ".exe" in words else APPLE
    if "windows phone" in words:  # it names all others, too
        return WINDOWS
    if words.startswith("linux upnp/") and "sonos" in words:
        # Sonos' app says so on every system, and names the device behind it (MDCR, ICRU, WDCR:
        # controllers for the Mac, iOS and Windows).
        words = words[11:]
    named = [_FAMILIES[word] for word in _NAMED(words)]
    first = named[0] if named else None
    if len(set(named) - {None}) > 1 or ("x11" in words and first != LINUX):
        return None
    return first
