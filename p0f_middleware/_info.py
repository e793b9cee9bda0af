"""P0fInfo: one host as p0f describes it, and the constants its fields use.

Field names are those of p0f's API (section 4 of p0f's README). A host is kept as the bytes that p0f
sent, and a field turned into Python's types when it is read: most requests read one or two, and
decoding all of them would cost more than asking p0f does beyond the system calls.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Any, Literal

__all__ = ["BadSoftware", "MatchQuality", "P0fInfo"]

WIRE_FIELDS = (
    "first_seen",
    "last_seen",
    "total_conn",
    "uptime_min",
    "up_mod_days",
    "last_nat",
    "last_chg",
    "distance",
    "bad_sw",
    "os_match_q",
    "os_name",
    "os_flavor",
    "http_name",
    "http_flavor",
    "link_type",
    "language",
    "link_mtu",
    "tick_rate",
)
STRING_SIZE = 32
"""Bytes p0f sends for a string."""
LAYOUT = struct.Struct("=8x7IhBB" + "32s" * 6 + "Hd")
"""How a P0fInfo keeps its host: as p0f 3.0x answers, and then the two fields that only others send.
Behind those there may be the signature of a SYN."""
_FIRST_SEEN, _LAST_SEEN, _TOTAL_CONN, _UPTIME_MIN = range(8, 24, 4)
_UP_MOD_DAYS, _LAST_NAT, _LAST_CHG = range(24, 36, 4)
_DISTANCE, _BAD_SW, _OS_MATCH_Q = 36, 38, 39
_OS_NAME, _OS_FLAVOR, _HTTP_NAME, _HTTP_FLAVOR, _LINK_TYPE, _LANGUAGE = (
    slice(start, start + STRING_SIZE) for start in range(40, 232, STRING_SIZE)
)
_LINK_MTU, _TICK_RATE = 232, 234
_u32, _s16, _u16, _double = (struct.Struct(f"={kind}").unpack_from for kind in "IhHd")
constants = struct.Struct("=24xI10xBB").unpack_from
"""The fields that not every value makes sense for: `up_mod_days`, `bad_sw` and `os_match_q`."""
MOST_DAYS = timedelta.max.days
"""The largest `up_mod_days` there can be; p0f's field has room for more than a timedelta has."""

_NOTHING_KNOWN: dict[str, Any] = dict.fromkeys(WIRE_FIELDS, 0) | {
    "distance": -1,
    **dict.fromkeys(WIRE_FIELDS[10:16], b""),
}


class MatchQuality(IntFlag):
    """How well the signature fits that named the operating system."""

    NORMAL = 0
    """A specific signature fits exactly."""
    FUZZY = 1
    """It fits but for a detail such as TTL or the DF bit."""
    GENERIC = 2
    """Only a broad, last-resort signature fits."""


class BadSoftware(IntEnum):
    """What p0f thinks of the User-Agent (or Server) the host sends."""

    OS_MISMATCH = 1
    """It names another operating system than the one seen; possibly a proxy."""
    MISMATCH = 2
    """The software is not what it says it is."""


@lru_cache(1024)  # p0f's signatures name fewer
def text(raw: bytes) -> str:
    """A string of p0f's: up to its NUL, if it has one, with nothing unprintable left in it."""
    decoded = raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in decoded)


def _moment(answer: bytes, offset: int) -> datetime | None:
    seconds: int = _u32(answer, offset)[0]
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


class P0fInfo(Mapping[str, Any]):
    """One host as p0f describes it: immutable, hashable, picklable, attributes and a mapping.

    `info.os_name` and `info["os_name"]` are the same; `dict(info)` has every field. Build one by
    keyword for tests: `P0fInfo(os_name="Linux", distance=3)`; what is not named is not known.

    Raises:
        TypeError: an unknown field was named, or one of the wrong type.
        ValueError: a value that p0f's API has no room for.
    """

    __slots__ = ("_answer",)
    _answer: bytes

    def __init__(self, *, raw_sig: str | None = None, **fields: Any) -> None:
        unknown = fields.keys() - _NOTHING_KNOWN.keys()
        if unknown:
            raise TypeError(f"P0fInfo has no settable field {', '.join(sorted(unknown))}")
        given = {name: _to_wire(name, value) for name, value in fields.items() if value is not None}
        answer = LAYOUT.pack(*(_NOTHING_KNOWN | given).values())
        _set_answer(self, answer + bytes(raw_sig or "", "utf-8"))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"P0fInfo is immutable: cannot set {name}")

    @property
    def first_seen(self) -> datetime | None:
        """When p0f first saw the host (UTC, to the second)."""
        return _moment(self._answer, _FIRST_SEEN)

    @property
    def last_seen(self) -> datetime | None:
        """When p0f last saw traffic of the host (UTC, to the second)."""
        return _moment(self._answer, _LAST_SEEN)

    @property
    def total_conn(self) -> int:
        """Connections p0f has seen from the host."""
        count: int = _u32(self._answer, _TOTAL_CONN)[0]
        return count

    @property
    def uptime_min(self) -> int | None:
        """Minutes since the host booted, from its TCP timestamps; None if not known.

        Hosts that randomise their timestamps (most do today) give a wrong or no uptime.
        """
        return _u32(self._answer, _UPTIME_MIN)[0] or None

    @property
    def uptime_sec(self) -> int | None:
        """`uptime_min` in seconds; None if not known."""
        return _u32(self._answer, _UPTIME_MIN)[0] * 60 or None

    @property
    def uptime(self) -> timedelta | None:
        """`uptime_min` as a timedelta; None if not known."""
        minutes = self.uptime_min
        return timedelta(minutes=minutes) if minutes else None

    @property
    def up_mod_days(self) -> timedelta | None:
        """The span after which the host's timestamps, and so `uptime`, wrap; None if not known."""
        days: int = min(_u32(self._answer, _UP_MOD_DAYS)[0], MOST_DAYS)
        return timedelta(days=days) if days else None

    @property
    def last_nat(self) -> datetime | None:
        """When p0f last saw signs of several machines behind the address (NAT, load balancer,
        proxy); UTC; None if never."""
        return _moment(self._answer, _LAST_NAT)

    @property
    def last_chg(self) -> datetime | None:
        """When the operating system behind the address last changed (another machine, dual boot);
        UTC; None if never."""
        return _moment(self._answer, _LAST_CHG)

    @property
    def distance(self) -> int | None:
        """Network hops to the host, from its TTL; None if not known."""
        hops: int = _s16(self._answer, _DISTANCE)[0]
        return hops if hops >= 0 else None

    @property
    def bad_sw(self) -> BadSoftware | None:
        """Whether User-Agent or Server lie; None if p0f saw no lie (or no such header)."""
        code = self._answer[_BAD_SW]
        return BadSoftware(code) if code else None

    @property
    def os_match_q(self) -> MatchQuality:
        """How well the signature behind `os_name` fits; NORMAL also where os_name is None."""
        return MatchQuality(self._answer[_OS_MATCH_Q])

    @property
    def os_name(self) -> str | None:
        """The operating system last recognised, such as 'Linux'; None if none was.

        p0f keeps the name when the host later sends something it does not recognise.
        """
        return text(self._answer[_OS_NAME]) or None

    @property
    def os_flavor(self) -> str | None:
        """The version or variant, such as '3.11 and newer'; None if the signature names none."""
        return text(self._answer[_OS_FLAVOR]) or None

    @property
    def http_name(self) -> str | None:
        """The HTTP client or server last recognised, such as 'Firefox'; None if none was.

        p0f reads this from plain HTTP on the wire: over TLS it is None.
        """
        return text(self._answer[_HTTP_NAME]) or None

    @property
    def http_flavor(self) -> str | None:
        """The version of `http_name`, such as '10.x or newer'; None if not known."""
        return text(self._answer[_HTTP_FLAVOR]) or None

    @property
    def link_type(self) -> str | None:
        """The kind of link, from the MTU: 'Ethernet or modem', 'DSL'; None if not recognised."""
        return text(self._answer[_LINK_TYPE]) or None

    @property
    def language(self) -> str | None:
        """The language of the host's HTTP requests, such as 'English'; None if not known."""
        return text(self._answer[_LANGUAGE]) or None

    @property
    def link_mtu(self) -> int | None:
        """The link's MTU in bytes; None if not known (only p0f-mtu and p0f-v3-api2 send it)."""
        return self._extra(_u16, _LINK_MTU) or None

    @property
    def tick_rate(self) -> float | None:
        """Rate of the host's timestamp clock in Hz; None if not known (p0f-v3-api2 sends it)."""
        rate: float = self._extra(_double, _TICK_RATE)
        return rate if 0 < rate < math.inf else None

    @property
    def raw_sig(self) -> str | None:
        """The SYN itself in p0f's notation (section 5 of p0f's README), such as
        '4:58+6:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0'; None from p0f, which keeps it."""
        return self._answer[LAYOUT.size :].decode() or None

    @property
    def source(self) -> Literal["p0f", "syn"]:
        """Who says so: the p0f daemon, or the SYN of the request's own connection."""
        return "syn" if len(self._answer) > LAYOUT.size else "p0f"

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Every field as `json.dumps` takes it: times in ISO 8601, spans in seconds (`up_mod_days`
        in days), constants as plain numbers, None for what is not known."""
        return {name: _to_json(name, value) for name, value in self.items()}

    def describe(self) -> dict[str, str]:
        """What is known, in words: label to text, in the order a person would want to read it."""
        return {label: words for label, say in _WORDS.items() if (words := say(self))}

    def __getitem__(self, name: str) -> Any:
        if name not in FIELDS:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, P0fInfo):
            return self._comparable() == other._comparable()
        return Mapping.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(self._comparable())

    def _extra(self, unpack_from: Callable[[bytes, int], tuple[Any, ...]], offset: int) -> Any:
        """A field that p0f 3.0x does not send; then 0."""
        return unpack_from(self._answer, offset)[0] if len(self._answer) >= LAYOUT.size else 0

    def _comparable(self) -> tuple[object, ...]:
        return *map(_comparable, wire_fields(self).values()), self.raw_sig

    def __reduce__(self) -> tuple[Callable[[bytes], P0fInfo], tuple[bytes]]:
        return from_answer, (self._answer,)

    def __repr__(self) -> str:
        known = (f"{name}={value!r}" for name, value in self.items() if value is not None)
        return f"P0fInfo({', '.join(known)})"


_new = object.__new__
_set_answer = vars(P0fInfo)["_answer"].__set__


def from_answer(answer: bytes) -> P0fInfo:
    """A host from bytes as `LAYOUT` has them; the two fields at its end may be missing."""
    info = _new(P0fInfo)
    _set_answer(info, answer)
    return info


def seen_once(host: P0fInfo, seconds: int) -> P0fInfo:
    """The host with `seconds` since 1970 as both its first_seen and its last_seen."""
    moment = struct.pack("=I", seconds)
    return from_answer(host._answer[:_FIRST_SEEN] + 2 * moment + host._answer[_TOTAL_CONN:])


def wire_fields(info: P0fInfo) -> dict[str, Any]:
    """The fields as p0f sends them: ints, NUL-padded bytes, and a float."""
    answer = info._answer[: LAYOUT.size].ljust(LAYOUT.size, b"\0")
    return dict(zip(WIRE_FIELDS, LAYOUT.unpack(answer), strict=True))


def _comparable(value: object) -> object:
    """A field without what is left behind a NUL, and without NaN, which equals nothing."""
    if isinstance(value, bytes):
        return value.split(b"\0", 1)[0]
    return 0.0 if isinstance(value, float) and math.isnan(value) else value


FIELDS = tuple(name for name, value in vars(P0fInfo).items() if isinstance(value, property))
"""The mapping's keys: p0f's fields and what is derived from them, in p0f's order."""


def _to_wire(name: str, value: Any) -> int | float | bytes:
    """A field as a caller would give it (datetime, timedelta, str, number), as p0f sends it."""
    if isinstance(_NOTHING_KNOWN[name], bytes) and isinstance(value, str):
        encoded = value.encode()
        if len(encoded) > STRING_SIZE or b"\0" in encoded:
            raise ValueError(f"{name} must fit {STRING_SIZE} bytes and have no NUL: {value!r}")
        return encoded
    if name == "tick_rate" and isinstance(value, (int, float)):
        return float(value)
    if name in _MOMENTS and isinstance(value, datetime):
        value = int(value.timestamp())
    elif name == "up_mod_days" and isinstance(value, timedelta):
        value = value.days
    if name not in _RANGES or not isinstance(value, int):
        raise TypeError(f"{name} cannot be {value!r}")
    if value not in _RANGES[name]:
        raise ValueError(f"{name} is in {_RANGES[name]!r}, so it cannot be {value!r}")
    return int(value)


_MOMENTS = ("first_seen", "last_seen", "last_nat", "last_chg")
_RANGES = {name: range(2**32) for name in WIRE_FIELDS[:7]} | {
    "up_mod_days": range(MOST_DAYS + 1),
    "distance": range(-(2**15), 2**15),
    "bad_sw": range(3),
    "os_match_q": range(4),
    "link_mtu": range(2**16),
}


def _to_json(name: str, value: Any) -> str | int | float | None:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.days if name == "up_mod_days" else int(value.total_seconds())
    if isinstance(value, (IntEnum, IntFlag)):
        return int(value)
    result: str | int | float | None = value
    return result


def _os_in_words(info: P0fInfo) -> str | None:
    if info.os_name is None:
        return None
    doubts = [
        word
        for quality, word in (
            (MatchQuality.GENERIC, "a generic signature"),
            (MatchQuality.FUZZY, "a near fit"),
        )
        if quality in info.os_match_q
    ]
    name = f"{info.os_name} {info.os_flavor or ''}".strip()
    return f"{name} (by {' and '.join(doubts)})" if doubts else name


def _uptime_in_words(info: P0fInfo) -> str | None:
    if info.uptime is None:
        return None
    wraps = f" (modulo {info.up_mod_days.days} days)" if info.up_mod_days else ""
    return f"{info.uptime}{wraps}"


def _link_in_words(info: P0fInfo) -> str | None:
    mtu = f"MTU {info.link_mtu}" if info.link_mtu else None
    return f"{info.link_type} ({mtu})" if info.link_type and mtu else info.link_type or mtu


def _time_in_words(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else None


_BAD_SW_IN_WORDS = {
    None: None,
    BadSoftware.OS_MISMATCH: "the User-Agent names another operating system (maybe a proxy)",
    BadSoftware.MISMATCH: "the software is not what its User-Agent says",
}

_WORDS: dict[str, Callable[[P0fInfo], str | None]] = {
    "Operating system": _os_in_words,
    "Distance": lambda i: None if i.distance is None else f"{i.distance} hops",
    "Link": _link_in_words,
    "Uptime": _uptime_in_words,
    "Clock": lambda i: f"{i.tick_rate:.0f} Hz" if i.tick_rate else None,
    "HTTP software": lambda i: (
        f"{i.http_name} {i.http_flavor or ''}".strip() if i.http_name else None
    ),
    "Language": lambda i: i.language,
    "Honesty": lambda i: _BAD_SW_IN_WORDS[i.bad_sw],
    "Shared address": lambda i: (
        f"yes, last seen {_time_in_words(i.last_nat)}" if i.last_nat else None
    ),
    "System changed": lambda i: _time_in_words(i.last_chg),
    "Raw signature": lambda i: i.raw_sig,
    "First seen": lambda i: _time_in_words(i.first_seen),
    "Last seen": lambda i: _time_in_words(i.last_seen),
    "Connections": lambda i: str(i.total_conn),
}
