"""A fingerprint in words, for people. It takes a mapping of fields and knows no P0fInfo.

The fact a reader would get wrong: the order of `WORDS` is the order in which a person reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ._fields import BadSoftware, MatchQuality

Fields = Mapping[str, Any]


def describe(fields: Fields) -> dict[str, str]:
    """The known facts in words, text by label, in the order in which a person reads them."""
    return {label: words for label, say in WORDS.items() if (words := say(fields))}


def _os_in_words(fields: Fields) -> str | None:
    if fields["os_name"] is None:
        return None
    doubts = [
        word
        for quality, word in (
            (MatchQuality.GENERIC, "a generic signature"),
            (MatchQuality.FUZZY, "a near fit"),
        )
        if quality in fields["os_match_q"]
    ]
    name = f"{fields['os_name']} {fields['os_flavor'] or ''}".strip()
    return f"{name} (by {' and '.join(doubts)})" if doubts else name


def _uptime_in_words(fields: Fields) -> str | None:
    if fields["uptime"] is None:
        return None
    wraps = fields["up_mod_days"]
    return f"{fields['uptime']}{f' (modulo {wraps.days} days)' if wraps else ''}"


def _link_in_words(fields: Fields) -> str | None:
    link, mtu = fields["link_type"], fields["link_mtu"]
    shown = f"MTU {mtu}" if mtu else None
    return f"{link} ({shown})" if link and shown else link or shown


def _http_in_words(fields: Fields) -> str | None:
    if fields["http_name"] is None:
        return None
    return f"{fields['http_name']} {fields['http_flavor'] or ''}".strip()


def _seen_in_words(fields: Fields) -> str | None:
    seen = fields["seen_as"]
    return ", ".join(f"{family} {count}" for family, count in seen.items()) if seen else None


def _time_in_words(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else None


_BAD_SW_IN_WORDS = {
    None: None,
    BadSoftware.OS_MISMATCH: "the User-Agent names another operating system (maybe a proxy)",
    BadSoftware.MISMATCH: "the software is not what its User-Agent says",
}

WORDS: dict[str, Callable[[Fields], str | None]] = {
    "Operating system": _os_in_words,
    "Distance": lambda f: None if f["distance"] is None else f"{f['distance']} hops",
    "Link": _link_in_words,
    "Uptime": _uptime_in_words,
    "Clock": lambda f: f"{f['tick_rate']:.0f} Hz" if f["tick_rate"] else None,
    "HTTP software": _http_in_words,
    "Language": lambda f: f["language"],
    "Honesty": lambda f: _BAD_SW_IN_WORDS[f["bad_sw"]],
    "Shared address": lambda f: (
        f"yes, last seen {_time_in_words(f['last_nat'])}" if f["last_nat"] else None
    ),
    "System changed": lambda f: _time_in_words(f["last_chg"]),
    "Signature": lambda f: f["signature"],
    "User-Agents seen with it": _seen_in_words,
    "Raw signature": lambda f: f["raw_sig"],
    "First seen": lambda f: _time_in_words(f["first_seen"]),
    "Last seen": lambda f: _time_in_words(f["last_seen"]),
    "Connections": lambda f: str(f["total_conn"]),
}
