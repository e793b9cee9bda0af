"""Field: where a field stands in p0f's answer, how it is read and written, and how it is told.

`P0fInfo` is the table of its fields, each a `Field`. The values that p0f sends are numbers and
NUL-padded bytes; in most number fields 0 means "not known", in `distance` -1 does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

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
