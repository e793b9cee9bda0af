"""P0fInfo: one fingerprint, as p0f describes a host or as a SYN tells it.

A host is kept as the bytes that p0f sent, and a field turned into Python's types when it is read:
most requests read one or two, and decoding all of them would cost more than asking p0f does beyond
the system calls. What only a SYN tells stands behind those bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from ._describe import describe
from ._fields import (
    LAYOUT,
    NOTHING_KNOWN,
    WIRE_FIELDS,
    BadSoftware,
    MatchQuality,
    to_json,
    to_wire,
)
from ._host import BAD_SW, FIRST_SEEN, NAT_AND_CHANGE, OS, OS_MATCH_Q, TOTAL_CONN, Host
from ._public import public

__all__ = ["P0fInfo", "Source", "from_answer"]

Source: TypeAlias = Literal["p0f", "syn", "address"]

_RAW_SIG, _SIGNATURE, _SEEN_AS, _SOURCE = range(4)  # behind LAYOUT, with a NUL between them


@public
class P0fInfo(Host, Mapping[str, Any]):
    """One fingerprint: immutable, hashable, picklable, with attributes and as a mapping.

    `info.os_name` and `info["os_name"]` are the same; `dict(info)` has every field. Build one by
    keyword for tests: `P0fInfo(os_name="Linux", distance=3)`. What is not named, or is None, is not
    known. Times are datetimes or seconds since 1970.

    Raises:
        TypeError: an unknown field was named, or one of the wrong type.
        ValueError: a value that p0f's API has no room for.
    """

    __slots__ = ()

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
        given = {
            name: to_wire(name, named[name]) for name in WIRE_FIELDS if named[name] is not None
        }
        answer = LAYOUT.pack(*(NOTHING_KNOWN | given).values())
        _set_answer(self, answer + _pack_syn(raw_sig, signature, seen_as, source))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"P0fInfo is immutable: cannot set {name}")

    @property
    def raw_sig(self) -> str | None:
        """The SYN itself in p0f's notation (section 5 of p0f's README), such as
        '4:58+6:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0'; None from p0f, which keeps it."""
        return self._of_syn(_RAW_SIG) or None

    @property
    def signature(self) -> str | None:
        """The label of the signature that matched, in p0f's notation, such as
        's:win:Windows:10 or 11'; None if none did, and from the daemon, which does not say."""
        return self._of_syn(_SIGNATURE) or None

    @property
    def seen_as(self) -> Mapping[str, int] | None:
        """How often SYNs of this signature came with a User-Agent of each family in a public
        collection, such as {'Windows': 75, 'Linux': 2}; None from the daemon, and where the
        signature file does not say.

        The collection counts each variant of a SYN once. The counts are agreement with the
        User-Agent there, not the odds that the sender runs that system.
        """
        counts = self._of_syn(_SEEN_AS)
        if not counts:
            return None
        pairs = (pair.rpartition("=") for pair in counts.split("\n"))
        return MappingProxyType({family: int(count) for family, _, count in pairs})

    @property
    def source(self) -> Source:
        """Who says so: 'p0f', the daemon, which answers for an address; 'syn', the SYN of the
        request's own connection; 'address', a SYN of another connection from the same address."""
        answer = self._answer
        return _SOURCES[answer.rpartition(b"\0")[2]] if len(answer) > LAYOUT.size else "p0f"

    def as_dict(self) -> dict[str, Any]:
        """Every field as `json.dumps` takes it: times in ISO 8601, spans in seconds (`up_mod_days`
        in days), constants as plain numbers, `seen_as` as a dict, None for what is not known."""
        return {name: to_json(name, value) for name, value in self.items()}

    def describe(self) -> dict[str, str]:
        """What is known, in words: label to text, in the order a person would want to read it."""
        return describe(self)

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

    def _of_syn(self, which: int) -> str:
        """A fact that only a SYN tells; '' if it is not known, and from the daemon."""
        facts = self._answer[LAYOUT.size :]
        return facts.split(b"\0")[which].decode() if facts else ""

    def _comparable(self) -> tuple[object, ...]:
        return *map(_comparable, wire_fields(self).values()), self._answer[LAYOUT.size :]

    # These two are how pickle and copy make a P0fInfo; they name no function of ours, so that
    # pickles hold the public name alone.
    def __getstate__(self) -> bytes:
        return self._answer

    def __setstate__(self, answer: bytes) -> None:
        _set_answer(self, answer)

    def __repr__(self) -> str:
        known = (f"{name}={_shown(value)}" for name, value in self.items() if value is not None)
        return f"P0fInfo({', '.join(known)})"


FIELDS = tuple(
    name
    for kind in (Host, P0fInfo)
    for name, value in vars(kind).items()
    if isinstance(value, property)
)
"""The mapping's keys: p0f's fields and what is derived from them, in p0f's order."""

_new = object.__new__
_set_answer = vars(Host)["_answer"].__set__
_answer_of = vars(Host)["_answer"].__get__
_NEVER = bytes(8)
_SOURCES: dict[bytes, Source] = {b"p0f": "p0f", b"syn": "syn", b"address": "address"}


def from_answer(answer: bytes) -> P0fInfo:
    """A host from bytes as `LAYOUT` has them; the two fields at its end may be missing."""
    info = _new(P0fInfo)
    _set_answer(info, answer)
    return info


def seen_once(info: P0fInfo, seconds: int) -> P0fInfo:
    """A copy with `seconds` since 1970 as both its first_seen and its last_seen."""
    moment = struct.pack("=I", seconds)
    return from_answer(_answer_of(info)[:FIRST_SEEN] + 2 * moment + _answer_of(info)[TOTAL_CONN:])


def with_bad_sw(info: P0fInfo, bad_sw: BadSoftware) -> P0fInfo:
    """A copy with another `bad_sw`."""
    return from_answer(_answer_of(info)[:BAD_SW] + bytes([bad_sw]) + _answer_of(info)[OS_MATCH_Q:])


def by_address(info: P0fInfo) -> P0fInfo:
    """A copy of what a SYN tells that says: the SYN is of another connection of the address."""
    facts = _answer_of(info)[LAYOUT.size :].rpartition(b"\0")[0]
    return from_answer(_answer_of(info)[: LAYOUT.size] + facts + b"\0address")


def os_evidence(info: P0fInfo) -> tuple[bytes, bool, bytes]:
    """What `info` knows of the system and how far to trust it, as a key for what follows from it:
    bad_sw, os_match_q, os_name and os_flavor; whether there is a last_nat or last_chg; the source.

    Fingerprints that differ in one of these have different keys. Reading bytes takes a third of the
    time that reading the properties takes.
    """
    answer = _answer_of(info)
    source = answer[-4:] if len(answer) > LAYOUT.size else b""  # its end, which tells them apart
    return answer[OS], answer[NAT_AND_CHANGE] != _NEVER, source


def wire_fields(info: P0fInfo) -> dict[str, Any]:
    """The fields as p0f sends them: ints, NUL-padded bytes, and a float."""
    answer = _answer_of(info)[: LAYOUT.size].ljust(LAYOUT.size, b"\0")
    return dict(zip(WIRE_FIELDS, LAYOUT.unpack(answer), strict=True))


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


def _shown(value: object) -> str:
    return repr(dict(value) if isinstance(value, Mapping) else value)
