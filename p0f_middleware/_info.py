"""P0fInfo: one fingerprint, as p0f describes a host or as a SYN tells it.

A host is kept as the bytes that p0f sent, and a field is decoded when it is read: most requests
read one or two, and decoding all of them would cost more than asking p0f does beyond the system
calls. What only a SYN tells is kept beside those bytes.

The class is the table of its fields, each a `Field`. The values that p0f sends are numbers and
NUL-padded bytes; in most number fields 0 means "not known", in `distance` -1 does.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeAlias, TypeVar, get_args

from ._public import public

T = TypeVar("T")
STRING_SIZE = 32  # bytes that p0f sends for a string
STRING = f"{STRING_SIZE}s"
MOST_DAYS = timedelta.max.days  # p0f's field has room for more


@public
class MatchQuality(IntFlag):
    """How well the signature that names the operating system fits."""

    NORMAL = 0
    """A specific signature fits exactly."""
    FUZZY = 1
    """The signature fits except for a detail such as TTL or the DF bit."""
    GENERIC = 2
    """Only a broad, last-resort signature fits."""


@public
class BadSoftware(IntEnum):
    """How the User-Agent (or Server) header contradicts the other facts about the host."""

    OS_MISMATCH = 1
    """The header names another operating system than the fingerprint; possibly a proxy."""
    MISMATCH = 2
    """The software is not what its header says."""


class Field(Generic[T]):
    """One field of P0fInfo. Python finds a property in its place, which decodes what is read."""

    def __init__(
        self,
        read: Callable[[Any], T],  # takes what p0f sends or, without `wire`, the P0fInfo
        wire: str = "",  # its format in p0f's answer, as `struct` writes it
        *,
        most: int = 2**32 - 1,  # the largest number that it can have
        label: str = "",  # its name for people
        say: Callable[[Any, Any], str] = lambda value, info: str(value),  # a known value's words
    ) -> None:
        self.read = read
        self.wire = wire
        self.most = most
        self.label = label
        self.say = say

    if TYPE_CHECKING:

        def __get__(self, info: object, owner: type[Any]) -> T: ...
        def __set__(self, info: object, value: NoReturn) -> None: ...

    def as_property(self, offset: int) -> property:
        """The property of a field that stands at `offset`."""
        read = self.read
        if not self.wire:
            return property(read)
        unpack_from = struct.Struct(f"={self.wire}").unpack_from
        return property(lambda self: read(unpack_from(self._answer, offset)[0]))

    def to_wire(self, name: str, value: Any) -> int | float | bytes:
        """A value as p0f sends it. Raises TypeError, and ValueError if it does not fit."""
        if value is None:
            return b"" if self.wire == STRING else -1 if self.wire == "h" else 0
        if self.wire == STRING and isinstance(value, str):
            encoded = value.encode()
            if len(encoded) > STRING_SIZE or b"\0" in encoded:
                raise ValueError(f"{name} must fit {STRING_SIZE} bytes and have no NUL: {value!r}")
            return encoded
        if self.wire == "d" and isinstance(value, (int, float)):
            return float(value)
        if self.read is moment and isinstance(value, datetime):
            value = int(value.timestamp())
        elif self.read is days and isinstance(value, timedelta):
            value = value.days
        if self.wire in (STRING, "d") or not isinstance(value, int):
            raise TypeError(f"{name} cannot be {value!r}")
        least = -(2**15) if self.wire == "h" else 0
        if not least <= value <= self.most:
            raise ValueError(f"{name} is {least} to {self.most}, so it cannot be {value!r}")
        return int(value)

    def to_json(self, value: Any) -> Any:
        """A value as `json.dumps` takes it."""
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.days if self.read is days else int(value.total_seconds())
        return int(value) if isinstance(value, (IntEnum, IntFlag)) else value


# What `Field.read` makes of what p0f sends


@lru_cache(1024)  # p0f's signatures have fewer names
def text(raw: bytes) -> str | None:
    """A string of p0f's, up to its NUL if it has one, with unprintable characters escaped."""
    decoded = raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    if not decoded.isprintable():
        decoded = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in decoded)
    return decoded or None


def moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


def days(number: int) -> timedelta | None:
    return timedelta(days=number) if number else None


def known(number: int) -> int | None:
    return number or None


Source: TypeAlias = Literal["p0f", "syn", "address"]
# raw_sig, signature, the items of seen_as, source
_SynFacts: TypeAlias = tuple[str | None, str | None, tuple[tuple[str, int], ...], Source]
_FROM_P0F: _SynFacts = (None, None, (), "p0f")


# Words for people


def _os_in_words(os_name: str, info: P0fInfo) -> str:
    doubts = [words for flag, words in _DOUBTS.items() if flag in info.os_match_q]
    name = f"{os_name} {info.os_flavor or ''}".strip()
    return f"{name} (by {' and '.join(doubts)})" if doubts else name


def _uptime_in_words(uptime: timedelta, info: P0fInfo) -> str:
    return f"{uptime} (modulo {info.up_mod_days.days} days)" if info.up_mod_days else str(uptime)


def _mtu_in_words(mtu: int, info: P0fInfo) -> str:
    return f"{info.link_type} (MTU {mtu})" if info.link_type else f"MTU {mtu}"


_TIME = "{:%Y-%m-%d %H:%M:%S} UTC"
_DOUBTS = {MatchQuality.GENERIC: "a generic signature", MatchQuality.FUZZY: "a near fit"}
_BAD_SW_IN_WORDS = {
    BadSoftware.OS_MISMATCH: "the User-Agent names another operating system (maybe a proxy)",
    BadSoftware.MISMATCH: "the software is not what its User-Agent says",
}
_READING_ORDER = (
    *("os_name", "distance", "link_type", "link_mtu", "uptime", "tick_rate", "http_name"),
    *("language", "bad_sw", "last_nat", "last_chg", "signature", "seen_as"),
    *("raw_sig", "first_seen", "last_seen", "total_conn"),
)


@public
class P0fInfo(Mapping[str, Any]):
    """One fingerprint: immutable, hashable, picklable, with attributes and as a mapping.

    `info.os_name` and `info["os_name"]` are the same; `dict(info)` has every field. Build one by
    keyword for tests: `P0fInfo(os_name="Linux", distance=3)`. What is not named, or is None, is not
    known. Times are datetimes or seconds since 1970.

    Raises:
        TypeError: an unknown field was named, or one of the wrong type.
        ValueError: a value that p0f's API has no room for.
    """

    __slots__ = ("_answer", "_syn")
    _answer: bytes
    _syn: _SynFacts

    # The table of fields, in p0f's order: the first eighteen with a format are p0f's own.

    first_seen: Field[datetime | None] = Field(moment, "I", label="First seen", say=_TIME.format)
    """When p0f first saw the host (UTC, to the second)."""
    last_seen: Field[datetime | None] = Field(moment, "I", label="Last seen", say=_TIME.format)
    """When p0f last saw traffic from the host (UTC, to the second)."""
    total_conn: Field[int] = Field(int, "I", label="Connections")
    """How many connections p0f has seen from the host."""
    uptime_min: Field[int | None] = Field(known, "I")
    """Minutes since the host booted, from its TCP timestamps; None if not known.

    Hosts that randomise their timestamps (most do today) give a wrong or no uptime.
    """
    uptime_sec: Field[int | None] = Field(lambda info: (info.uptime_min or 0) * 60 or None)
    """`uptime_min` in seconds; None if not known."""
    uptime: Field[timedelta | None] = Field(
        lambda info: timedelta(minutes=info.uptime_min) if info.uptime_min else None,
        label="Uptime",
        say=_uptime_in_words,
    )
    """`uptime_min` as a timedelta; None if not known."""
    up_mod_days: Field[timedelta | None] = Field(days, "I", most=MOST_DAYS)
    """The time after which the host's timestamps, and so `uptime`, wrap; None if not known."""
    last_nat: Field[datetime | None] = Field(
        moment, "I", label="Shared address", say=f"yes, last seen {_TIME}".format
    )
    """When p0f last saw signs of several machines behind the address (NAT, load balancer, proxy);
    UTC; None if never."""
    last_chg: Field[datetime | None] = Field(moment, "I", label="System changed", say=_TIME.format)
    """When the operating system behind the address last changed (another machine, dual boot); UTC;
    None if never."""
    distance: Field[int | None] = Field(
        lambda hops: hops if hops >= 0 else None,
        "h",
        most=2**15 - 1,
        label="Distance",
        say="{} hops".format,
    )
    """Network hops to the host, from its TTL; None if not known."""
    bad_sw: Field[BadSoftware | None] = Field(
        lambda code: BadSoftware(code) if code else None,
        "B",
        most=2,
        label="Honesty",
        say=lambda bad_sw, info: _BAD_SW_IN_WORDS[bad_sw],
    )
    """How the User-Agent or Server header is false; None if p0f saw no false header."""
    os_match_q: Field[MatchQuality] = Field(MatchQuality, "B", most=3)
    """How well the signature behind `os_name` fits; NORMAL also if os_name is None."""
    os_name: Field[str | None] = Field(text, STRING, label="Operating system", say=_os_in_words)
    """The operating system that p0f recognised last, such as 'Linux'; None if it has not.

    p0f keeps the name when the host later sends something it does not recognise.
    """
    os_flavor: Field[str | None] = Field(text, STRING)
    """The version or variant, such as '3.11 and newer'; None if the signature names none."""
    http_name: Field[str | None] = Field(
        text,
        STRING,
        label="HTTP software",
        say=lambda name, info: f"{name} {info.http_flavor or ''}".strip(),
    )
    """The HTTP client or server that p0f recognised last, such as 'Firefox'; None if it has not.

    p0f reads this from plain HTTP on the wire: over TLS it is None.
    """
    http_flavor: Field[str | None] = Field(text, STRING)
    """The version of `http_name`, such as '10.x or newer'; None if not known."""
    link_type: Field[str | None] = Field(text, STRING, label="Link")
    """The kind of link, from the MTU: 'Ethernet or modem', 'DSL'; None if not recognised."""
    language: Field[str | None] = Field(text, STRING, label="Language")
    """The language of the host's HTTP requests, such as 'English'; None if not known."""
    link_mtu: Field[int | None] = Field(known, "H", most=2**16 - 1, label="Link", say=_mtu_in_words)
    """The link's MTU in bytes; None if not known (only p0f-mtu, p0f-v3-api2 and a SYN tell it)."""
    tick_rate: Field[float | None] = Field(
        lambda rate: rate if 0 < rate < math.inf else None,
        "d",
        label="Clock",
        say="{:.0f} Hz".format,
    )
    """Rate of the host's timestamp clock in Hz; None if not known (only p0f-v3-api2 sends it)."""
    raw_sig: Field[str | None] = Field(lambda self: self._syn[0], label="Raw signature")
    """The SYN itself in p0f's notation (section 5 of p0f's README), such as
    '4:58+6:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0'; None from p0f, which keeps it."""
    signature: Field[str | None] = Field(lambda self: self._syn[1], label="Signature")
    """The label of the signature that matched, in p0f's notation, such as
    's:win:Windows:10 or 11'; None if none did, and from the daemon, which does not say."""
    seen_as: Field[Mapping[str, int] | None] = Field(
        lambda self: dict(self._syn[2]) or None,
        label="User-Agents seen with it",
        say=lambda seen, info: ", ".join(f"{family} {count}" for family, count in seen.items()),
    )
    """How often SYNs of this signature came with a User-Agent of each family in a public
    collection, such as {'Windows': 75, 'Linux': 2}; None from the daemon, and where the signature
    file does not say.

    The collection counts each variant of a SYN once. The counts are agreement with the User-Agent
    there, not the odds that the sender runs that system.
    """
    source: Field[Source] = Field(lambda self: self._syn[3])
    """Who says so: 'p0f', the daemon, which answers for an address; 'syn', the SYN of the request's
    own connection; 'address', a SYN of another connection from the same address."""

    def __init__(
        self,
        *,
        first_seen: datetime | int | None = None,
        last_seen: datetime | int | None = None,
        total_conn: int | None = None,
        uptime_min: int | None = None,
        up_mod_days: timedelta | int | None = None,
        last_nat: datetime | int | None = None,
        last_chg: datetime | int | None = None,
        distance: int | None = None,
        bad_sw: BadSoftware | int | None = None,
        os_match_q: MatchQuality | int | None = None,
        os_name: str | None = None,
        os_flavor: str | None = None,
        http_name: str | None = None,
        http_flavor: str | None = None,
        link_type: str | None = None,
        language: str | None = None,
        link_mtu: int | None = None,
        tick_rate: float | None = None,
        raw_sig: str | None = None,
        signature: str | None = None,
        seen_as: Mapping[str, int] | None = None,
        source: Source | None = None,
    ) -> None:
        named = locals()  # one entry for each parameter, so that no field is listed twice
        self._answer = LAYOUT.pack(
            *(field.to_wire(name, named[name]) for name, field in _ON_THE_WIRE.items())
        )
        for text_of_syn in filter(None, (raw_sig, signature)):
            if not isinstance(text_of_syn, str):
                raise TypeError(f"raw_sig and signature cannot be {text_of_syn!r}")
        if source is None:
            source = "syn" if raw_sig or signature or seen_as else "p0f"
        elif source not in get_args(Source):
            raise ValueError(f"source is one of {', '.join(get_args(Source))}, not {source!r}")
        self._syn = raw_sig or None, signature or None, tuple((seen_as or {}).items()), source

    def as_dict(self) -> dict[str, Any]:
        """Every field as `json.dumps` takes it: times in ISO 8601, spans in seconds (`up_mod_days`
        in days), constants as plain numbers, `seen_as` as a dict, None for what is not known."""
        return {name: field.to_json(getattr(self, name)) for name, field in FIELDS.items()}

    def describe(self) -> dict[str, str]:
        """What is known, in words: label to text, in the order a person would want to read it."""
        words = {}
        for name in _READING_ORDER:
            field, value = FIELDS[name], getattr(self, name)
            if value is not None:
                words[field.label] = field.say(value, self)
        return words

    def __getitem__(self, name: str) -> Any:
        if name not in FIELDS:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)

    def __hash__(self) -> int:
        return hash((self.first_seen, self.total_conn, self.os_name, self.raw_sig))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.items() if value is not None)
        return f"P0fInfo({', '.join(shown)})"


# The mapping's keys: p0f's fields and what is derived from them, in p0f's order
FIELDS: dict[str, Field[Any]] = {
    name: value for name, value in vars(P0fInfo).items() if isinstance(value, Field)
}
_ON_THE_WIRE = {name: field for name, field in FIELDS.items() if field.wire}
WIRE_FIELDS = tuple(_ON_THE_WIRE)
# How P0fInfo stores a host: as in an answer of p0f 3.0x, then the two fields that only patched
# daemons send
LAYOUT = struct.Struct("=8x" + "".join(field.wire for field in _ON_THE_WIRE.values()))


def _place_fields() -> dict[str, int]:
    """Put a property in the place of each field; returns where those of p0f's answer begin."""
    places, offset = {}, 8
    for name, field in FIELDS.items():
        places[name] = offset
        setattr(P0fInfo, name, field.as_property(offset))
        offset += struct.calcsize(f"={field.wire}")
    return places


_AT = _place_fields()
_NAT_AND_CHANGE = slice(_AT["last_nat"], _AT["distance"])
_OS = slice(_AT["bad_sw"], _AT["http_name"])  # bad_sw, os_match_q, os_name and os_flavor
# Reads the fields that an answer can have invalid values in: up_mod_days, bad_sw and os_match_q
constants = struct.Struct(
    f"={_AT['up_mod_days']}xI{_AT['bad_sw'] - _AT['last_nat']}xBB"
).unpack_from
_NEVER = bytes(8)


def from_answer(answer: bytes, syn: _SynFacts = _FROM_P0F) -> P0fInfo:
    """A host from bytes as `LAYOUT` has them; the two fields at its end may be missing."""
    info = object.__new__(P0fInfo)
    info._answer = answer.ljust(LAYOUT.size, b"\0")
    info._syn = syn
    return info


def _with(info: P0fInfo, name: str, value: bytes) -> P0fInfo:
    answer, at = info._answer, _AT[name]
    return from_answer(answer[:at] + value + answer[at + len(value) :], info._syn)


def seen_once(info: P0fInfo, seconds: int) -> P0fInfo:
    """A copy with `seconds` since 1970 as both its first_seen and its last_seen."""
    return _with(info, "first_seen", 2 * struct.pack("=I", seconds))


def with_bad_sw(info: P0fInfo, bad_sw: BadSoftware) -> P0fInfo:
    return _with(info, "bad_sw", bytes([bad_sw]))


def by_address(info: P0fInfo) -> P0fInfo:
    """A copy of what a SYN tells that says: the SYN is of another connection of the address."""
    return from_answer(info._answer, (*info._syn[:3], "address"))


def os_evidence(info: P0fInfo) -> tuple[bytes, bool, Source]:
    """What `info` knows of the system and how far to trust it, as a key for what follows from it:
    bad_sw, os_match_q, os_name and os_flavor; whether there is a last_nat or last_chg; the source.

    Fingerprints that differ in one of these have different keys. Reading bytes takes a third of the
    time that reading the properties takes.
    """
    answer = info._answer
    return answer[_OS], answer[_NAT_AND_CHANGE] != _NEVER, info._syn[3]


def wire_fields(info: P0fInfo) -> dict[str, Any]:
    """The fields as p0f sends them: ints, NUL-padded bytes, and a float."""
    return dict(zip(WIRE_FIELDS, LAYOUT.unpack_from(info._answer), strict=True))
