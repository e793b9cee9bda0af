"""Names the family of systems that a request's headers claim: User-Agent and Sec-CH-UA-Platform.

The User-Agent is searched for a list of words, and the first one in the string decides. The result
is a family and not a system, because browsers are honest about no more than that: an iPad says
Macintosh, an Android phone in desktop mode says Linux. This module knows no fingerprint.

The fact a reader would get wrong: None is a good answer. It means that nothing is claimed, so
nothing can be false, whereas a wrong guess accuses an honest visitor. That is why the list has
systems outside the three families: they only keep a later word from deciding.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["APPLE", "LINUX", "WINDOWS", "Family", "Headers", "UserAgent", "read_headers"]

Family: TypeAlias = Literal["Windows", "Apple", "Linux"]
WINDOWS: Family = "Windows"
APPLE: Family = "Apple"
LINUX: Family = "Linux"

LONGEST = 320
"""Characters of a User-Agent that are read and remembered; browsers send 60 to 300."""
REMEMBERED = 1024
"""User-Agents whose reading is remembered. Together with LONGEST it bounds the memory."""

_WORDS: dict[Family | None, tuple[str, ...]] = {
    WINDOWS: ("windows", "winnt", "win32", "win64", "xbox"),
    APPLE: (
        *("macintosh", "mac os", "macos", "mac_powerpc", "iphone", "ipad", "ipod", "ios"),
        *("darwin", "cfnetwork", "applecoremedia", "apple tv", "appletv", "tvos", "watchos"),
    ),
    LINUX: (
        *("linux", "android", "cros", "ubuntu", "debian", "fedora"),
        *("tizen", "webos", "web0s", "roku", "kaios"),
    ),
    None: (
        *("freebsd", "openbsd", "netbsd", "sunos", "haiku", "fuchsia", "openharmony"),
        *("playstation", "nintendo", "symbian", "blackberry", "bb10"),
    ),
}
_FAMILIES = {word: family for family, words in _WORDS.items() for word in words}
_FIRST_WORD = re.compile(
    # Words start where a word starts (CriOS is a browser, macrosoft no system). They may go on
    # (WindowsCE, Android4.0, iPadOS), but for three short ones that begin other words.
    rf"(?<![a-z])(?:{'|'.join(map(re.escape, _FAMILIES))})(?<!ios(?=[a-z]))(?<!cros(?=[a-z]))"
).search

_NOT_A_VISITOR = (
    # Bots say so, or give the address of a page about themselves. "bot" itself is a word of _BOT.
    *("://", "crawl", "spider", "slurp", "preview", "lighthouse"),
    # Browsers whose pages a server fetches: the SYN is the server's, whatever the phone is.
    *("opera mini", "ucweb", "puffin", "silk-accelerated"),
)
_BOT = re.compile(r"bot(?![a-z])(?<!cubot)").search  # Cubot makes phones
_SAFARI = re.compile(r"version/[\d.]+ (?:mobile/\w+ )?safari/[\d.]+$").search


class UserAgent(NamedTuple):
    """What a User-Agent claims.

    Attributes:
        family: the family of the system it names; None if it names none, says that it is a bot, or
            says that a server fetches its pages.
        safari: whether it is Apple's Safari, which may come through iCloud Private Relay.
    """

    family: Family | None
    safari: bool = False


NO_CLAIM = UserAgent(None)

Headers: TypeAlias = "tuple[UserAgent, Family | None]"
"""What User-Agent and Sec-CH-UA-Platform claim; the second is None if it names no family. There are
few such pairs, and they are small, so that they can be kept where the headers cannot."""


def read_headers(user_agent: object, platform: object) -> Headers:
    """What these two headers claim; None stands for one that was not sent.

    WSGI gives text, ASGI bytes, both of any length; anything else claims nothing.
    """
    return read_user_agent(user_agent), platform_family(platform)


def read_user_agent(header: object) -> UserAgent:
    """What a User-Agent claims. Of a long one the first `LONGEST` characters are read."""
    if isinstance(header, (bytearray, memoryview)):
        header = bytes(header[:LONGEST])
    if not isinstance(header, (str, bytes)):
        return NO_CLAIM
    return _read(header if len(header) <= LONGEST else header[:LONGEST])


@lru_cache(REMEMBERED)
def _read(header: str | bytes) -> UserAgent:
    words = (header if isinstance(header, str) else header.decode("latin-1")).lower()
    for word in _NOT_A_VISITOR:  # faster than one expression of them all
        if word in words:
            return NO_CLAIM
    if _BOT(words):
        return NO_CLAIM
    found = _FIRST_WORD(words)
    family = _FAMILIES[found[0]] if found else None
    return UserAgent(family, safari=family == APPLE and _SAFARI(words) is not None)


_PLATFORMS: dict[str, Family] = {
    '"Windows"': WINDOWS,
    '"macOS"': APPLE,
    '"iOS"': APPLE,
    '"Linux"': LINUX,
    '"Android"': LINUX,
    '"Chrome OS"': LINUX,
    '"Chromium OS"': LINUX,
}


def platform_family(header: object) -> Family | None:
    """The family that a Sec-CH-UA-Platform names; None if it names none of the three."""
    if isinstance(header, (bytes, bytearray, memoryview)):
        header = bytes(header[:LONGEST]).decode("latin-1")
    return _PLATFORMS.get(header) if isinstance(header, str) else None
