"""P0fInfo: one fingerprint, as p0f describes a host or as a SYN tells it.

A host is kept as the bytes that p0f sent, and a field is decoded when it is read: most requests
read one or two, and decoding all of them would cost more than asking p0f does beyond the system
calls. What only a SYN tells stands behind those bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from ._fields import (
    MOST_DAYS,
    STRING,
    BadSoftware,
    Field,
    MatchQuality,
    days,
    known,
    moment,
    text,
)
from ._public import public

__all__ = ["P0fInfo", "Source", "from_answer"]

Source: TypeAlias = Literal["p0f", "syn", "address"]

_RAW_SIG, _SIGNATURE, _SEEN_AS, _SOURCE = range(4)  # behind LAYOUT, with a NUL between them


# Words for people


def _os_in_words(os_name: str, info: P0fInfo) -> str:
    doubts = [words for flag, words in _DOUBTS.items() if flag in info.os_match_q]
    name = f"{os_name} {info.os_flavor or ''}".strip()
    return f"{name} (by {' and '.join(doubts)})" if doubts else name


def _uptime_in_words(uptime: timedelta, info: P0fInfo) -> str:
    return f"{uptime} (modulo {info.up_mod_days.days} days)" if info.up_mod_days else str(uptime)


def _mtu_in_words(mtu: int, info: P0fInfo) -> str:
    return f"{info.link_type} (MTU {mtu})" if info.link_type else f"MTU {mtu}"


def _time(moment: datetime, info: P0fInfo) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


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


def _of_syn(which: int) -> Any:
    """Reads a fact that only a SYN tells; None if it is not known, and from the daemon."""

    def read(self: P0fInfo) -> str | None:
        facts = self._answer[LAYOUT.size :]
        return facts.split(b"\0")[which].decode() or None if facts else None

    return read


def _seen_as(info: P0fInfo) -> Mapping[str, int] | None:
    counts = _of_syn(_SEEN_AS)(info)
    if not counts:
        return None
    pairs = (pair.rpartition("=") for pair in counts.split("\n"))
    return MappingProxyType({family: int(count) for family, _, count in pairs})


def _source(self: P0fInfo) -> Source:
    answer = self._answer
    return _SOURCES[answer.rpartition(b"\0")[2]] if len(answer) > LAYOUT.size else "p0f"


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

    __slots__ = ("_answer",)
    _answer: bytes

    # The table of fields, in p0f's order: the first eighteen with a format are p0f's own.

    first_seen: Field[datetime | None] = Field(moment, "I", label="First seen", say=_time)
    """When p0f first saw the host (UTC, to the second)."""
    last_seen: Field[datetime | None] = Field(moment, "I", label="Last seen", say=_time)
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
    up_mod_days: Field[timedelta | None] = Field(
        days, "I", most=MOST_DAYS, json=lambda span: span.days
    )
    """The time after which the host's timestamps, and so `uptime`, wrap; None if not known."""
    last_nat: Field[datetime | None] = Field(
        moment,
        "I",
        label="Shared address",
        say=lambda seen, info: f"yes, last seen {_time(seen, info)}",
    )
    """When p0f last saw signs of several machines behind the address (NAT, load balancer, proxy);
    UTC; None if never."""
    last_chg: Field[datetime | None] = Field(moment, "I", label="System changed", say=_time)
    """When the operating system behind the address last changed (another machine, dual boot); UTC;
    None if never."""
    distance: Field[int | None] = Field(
        lambda hops: hops if hops >= 0 else None,
        "h",
        most=2**15 - 1,
        label="Distance",
        say=lambda hops, info: f"{hops} hops",
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
        say=lambda rate, info: f"{rate:.0f} Hz",
    )
    """Rate of the host's timestamp clock in Hz; None if not known (only p0f-v3-api2 sends it)."""
    raw_sig: Field[str | None] = Field(_of_syn(_RAW_SIG), label="Raw signature")
    """The SYN itself in p0f's notation (section 5 of p0f's README), such as
    '4:58+6:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0'; None from p0f, which keeps it."""
    signature: Field[str | None] = Field(_of_syn(_SIGNATURE), label="Signature")
    """The label of the signature that matched, in p0f's notation, such as
    's:win:Windows:10 or 11'; None if none did, and from the daemon, which does not say."""
    seen_as: Field[Mapping[str, int] | None] = Field(
        _seen_as,
        label="User-Agents seen with it",
        say=lambda seen, info: ", ".join(f"{family} {count}" for family, count in seen.items()),
        json=dict,
    )
    """How often SYNs of this signature came with a User-Agent of each family in a public
    collection, such as {'Windows': 75, 'Linux': 2}; None from the daemon, and where the signature
    file does not say.

    The collection counts each variant of a SYN once. The counts are agreement with the User-Agent
    there, not the odds that the sender runs that system.
    """
    source: Field[Source] = Field(_source)
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
        values = [
            NOTHING_KNOWN[name] if named[name] is None else field.to_wire(name, named[name])
            for name, field in _ON_THE_WIRE.items()
        ]
        _set_answer(self, LAYOUT.pack(*values) + _pack_syn(raw_sig, signature, seen_as, source))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"P0fInfo is immutable: cannot set {name}")

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

    def __eq__(self, other: object) -> bool:
        if isinstance(other, P0fInfo):
            return self._comparable() == other._comparable()
        return Mapping.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(self._comparable())

    def _comparable(self) -> tuple[object, ...]:
        return *map(_comparable, wire_fields(self).values()), self._answer[LAYOUT.size :]

    # These two are how pickle and copy make a P0fInfo; they name no function of ours, so that
    # pickles hold the public name alone.
    def __getstate__(self) -> bytes:
        return self._answer

    def __setstate__(self, answer: bytes) -> None:
        _set_answer(self, answer)

    def __repr__(self) -> str:
        known = {name: value for name, value in self.items() if value is not None}
        if self.seen_as is not None:
            known["seen_as"] = dict(self.seen_as)
        return f"P0fInfo({', '.join(f'{name}={value!r}' for name, value in known.items())})"


# The mapping's keys: p0f's fields and what is derived from them, in p0f's order
FIELDS: dict[str, Field[Any]] = {
    name: value for name, value in vars(P0fInfo).items() if isinstance(value, Field)
}
_ON_THE_WIRE = {name: field for name, field in FIELDS.items() if field.wire}
WIRE_FIELDS = tuple(_ON_THE_WIRE)
# How P0fInfo stores a host: as in an answer of p0f 3.0x, then the two fields that only patched
# daemons send
LAYOUT = struct.Struct("=8x" + "".join(field.wire for field in _ON_THE_WIRE.values()))
NOTHING_KNOWN: dict[str, Any] = {
    name: b"" if field.wire == STRING else -1 if name == "distance" else 0
    for name, field in _ON_THE_WIRE.items()
}


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

_new = object.__new__
_set_answer = vars(P0fInfo)["_answer"].__set__
_answer_of = vars(P0fInfo)["_answer"].__get__
_NEVER = bytes(8)
_SOURCES: dict[bytes, Source] = {source.encode(): source for source in get_args(Source)}


def from_answer(answer: bytes) -> P0fInfo:
    """A host from bytes as `LAYOUT` has them; the two fields at its end may be missing."""
    info = _new(P0fInfo)
    _set_answer(info, answer.ljust(LAYOUT.size, b"\0"))
    return info


def _with(info: P0fInfo, name: str, value: bytes) -> P0fInfo:
    answer, at = _answer_of(info), _AT[name]
    return from_answer(answer[:at] + value + answer[at + len(value) :])


def seen_once(info: P0fInfo, seconds: int) -> P0fInfo:
    """A copy with `seconds` since 1970 as both its first_seen and its last_seen."""
    return _with(info, "first_seen", 2 * struct.pack("=I", seconds))


def with_bad_sw(info: P0fInfo, bad_sw: BadSoftware) -> P0fInfo:
    return _with(info, "bad_sw", bytes([bad_sw]))


def by_address(info: P0fInfo) -> P0fInfo:
    """A copy of what a SYN tells that says: the SYN is of another connection of the address."""
    return from_answer(_answer_of(info).rpartition(b"\0")[0] + b"\0address")


def os_evidence(info: P0fInfo) -> tuple[bytes, bool, bytes]:
    """What `info` knows of the system and how far to trust it, as a key for what follows from it:
    bad_sw, os_match_q, os_name and os_flavor; whether there is a last_nat or last_chg; the source.

    Fingerprints that differ in one of these have different keys. Reading bytes takes a third of the
    time that reading the properties takes.
    """
    answer = _answer_of(info)
    source = answer[-4:] if len(answer) > LAYOUT.size else b""  # its end, which tells them apart
    return answer[_OS], answer[_NAT_AND_CHANGE] != _NEVER, source


def wire_fields(info: P0fInfo) -> dict[str, Any]:
    """The fields as p0f sends them: ints, NUL-padded bytes, and a float."""
    return dict(zip(WIRE_FIELDS, LAYOUT.unpack_from(_answer_of(info)), strict=True))


def _pack_syn(
    raw_sig: str | None,
    signature: str | None,
    seen_as: Mapping[str, int] | None,
    source: Source | None,
) -> bytes:
    """The facts that only a SYN tells, as P0fInfo keeps them; nothing if none is given."""
    if source is None:
        source = "syn" if raw_sig or signature or seen_as else "p0f"
    if source not in _SOURCES.values():
        raise ValueError(f"source is one of {', '.join(_SOURCES.values())}, not {source!r}")
    seen = "\n".join(f"{family}={count:d}" for family, count in (seen_as or {}).items())
    facts = (raw_sig or "", signature or "", seen, source)
    if any("\0" in fact for fact in facts):
        raise ValueError(f"raw_sig, signature and seen_as cannot have a NUL: {facts!r}")
    return b"" if facts == ("", "", "", "p0f") else "\0".join(facts).encode()


def _comparable(value: object) -> object:
    """A field without what is left behind a NUL, and without NaN, which equals nothing."""
    if isinstance(value, bytes):
        return value.split(b"\0", 1)[0]
    return 0.0 if isinstance(value, float) and math.isnan(value) else value
