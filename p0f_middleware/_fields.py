"""p0f's fields: their names, their place in an answer, and what values they can have.

Names are those of p0f's API (section 4 of p0f's README). This module does no I/O, and knows only
the fields of one host, not queries. The fact a reader would get wrong: in most number fields, 0
means "not known"; in `distance`, -1 does, and 0 means that there is no hop in between.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Any

from ._public import public

__all__ = ["LAYOUT", "STRING_SIZE", "WIRE_FIELDS", "BadSoftware", "MatchQuality", "text", "to_wire"]

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
"""Bytes that p0f sends for a string."""
LAYOUT = struct.Struct("=8x7IhBB" + "32s" * 6 + "Hd")
"""How P0fInfo stores a host: as in an answer of p0f 3.0x, then the two fields that only patched
daemons send."""
MOST_DAYS = timedelta.max.days
"""The largest valid `up_mod_days`: p0f's field could hold more days than a timedelta can."""
MOST_MTU = 2**16 - 1
"""The largest valid `link_mtu`. (An IPv6 SYN over Linux's loopback implies 65,536.)"""

constants = struct.Struct("=24xI10xBB").unpack_from
"""Reads the fields that an answer can have invalid values in: `up_mod_days`, `bad_sw` and
`os_match_q`."""

NOTHING_KNOWN: dict[str, Any] = dict.fromkeys(WIRE_FIELDS, 0) | {
    "distance": -1,
    **dict.fromkeys(WIRE_FIELDS[10:16], b""),
}


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


@lru_cache(1024)  # p0f's signatures have fewer names
def text(raw: bytes) -> str:
    """Decode a string of p0f's, up to its NUL, if it has one; escapes unprintable characters."""
    decoded = raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in decoded)


def to_wire(name: str, value: Any) -> int | float | bytes:
    """Convert a field's value (datetime, timedelta, str, number) to what p0f sends.

    Raises:
        TypeError: the field cannot be of that type.
        ValueError: the value does not fit into p0f's field.
    """
    if isinstance(NOTHING_KNOWN[name], bytes) and isinstance(value, str):
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
    "link_mtu": range(MOST_MTU + 1),
}


def to_json(name: str, value: Any) -> Any:
    """Convert a field's value to a type that `json.dumps` accepts."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.days if name == "up_mod_days" else int(value.total_seconds())
    if isinstance(value, (IntEnum, IntFlag)):
        return int(value)
    return dict(value) if name == "seen_as" and value is not None else value
