"""The p0f API on the wire (section 4 of p0f's README), without I/O.

An answer names no address. Only its position on the connection shows which query it belongs to, so
a query that was sent stays pending until its answer arrives, even after it is abandoned.
"""

import struct
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from .._errors import P0fBadQuery, P0fProtocolError
from .._info import MOST_DAYS, WIRE_FIELDS, P0fInfo, constants, from_answer, text, wire_fields

QUERY_SIZE = 21
# So sending never waits: Linux gives the sender on a Unix socket 212,992 bytes by default, and a
# query that p0f has not read yet uses 768 of them. p0f itself stops writing while about 42 of its
# answers are unread, and continues when they are read.
MAX_IN_FLIGHT = 128

_QUERY_MAGIC = 0x50304601
_ANSWER_MAGIC = 0x50304602
_BAD_QUERY, _OK, _NO_MATCH = 0x00, 0x10, 0x20
_HEAD = struct.Struct("=II")
_OK_HEAD = _HEAD.pack(_ANSWER_MAGIC, _OK)
_NO_MATCH_HEAD = _HEAD.pack(_ANSWER_MAGIC, _NO_MATCH)
_MAGIC_BYTES = _OK_HEAD[:4]
_ASK_V4 = struct.Struct("=IB4s12x")
_ASK_V6 = struct.Struct("=IB16s")


class Dialect(NamedTuple):
    """One daemon's layout of an answer; all have the same magic and differ in size."""

    name: str
    fields: struct.Struct
    names: tuple[str, ...]  # the WIRE_FIELDS that it sends, in the order of `fields`
    # Puts an answer's bytes into the order of p0f 3.0x; None if they are in that order already.
    as_p0f_3: Callable[[bytes], bytes] | None = None

    @property
    def size(self) -> int:
        return self.fields.size


_COMMON, _EXTRA = WIRE_FIELDS[:16], WIRE_FIELDS[16:]
P0F_3 = Dialect("p0f 3.0x", struct.Struct("=8x7IhBB" + "32s" * 6), _COMMON)
P0F_MTU = Dialect(
    "p0f-mtu",
    struct.Struct("=8x7IhBB" + "32s" * 4 + "H" + "32s" * 2),
    (*_COMMON[:14], "link_mtu", *_COMMON[14:]),
    lambda answer: answer[:168] + answer[170:] + answer[168:170] + bytes(8),
)
P0F_API2 = Dialect(
    "p0f-v3-api2",
    struct.Struct("=8xxHd7IhBB" + "32s" * 6),
    (*_EXTRA, *_COMMON),
    lambda answer: answer[:8] + answer[19:] + answer[9:19],
)
DIALECTS = {dialect.size: dialect for dialect in (P0F_3, P0F_MTU, P0F_API2)}
_LARGEST = max(DIALECTS)


def make_query(ip_address: str) -> bytes:
    """The 21 bytes of a query for `ip_address`, an IPv4 or IPv6 address as text.

    Raises P0fBadQuery for anything else. (p0f does not know zones, so `fe80::1%eth0` is refused.)
    """
    if isinstance(ip_address, str):
        return _make_query(ip_address)
    raise P0fBadQuery(f"an IP address is text, not {_shown(ip_address)}")


@lru_cache(4096)  # lru_cache keeps no errors, so only valid addresses fill it
def _make_query(ip_address: str) -> bytes:
    try:
        if ":" in ip_address:
            packed = IPv6Address(ip_address)
            if packed.scope_id is None:
                return _ASK_V6.pack(_QUERY_MAGIC, 6, packed.packed)
        else:
            return _ASK_V4.pack(_QUERY_MAGIC, 4, IPv4Address(ip_address).packed)
    except AddressValueError:
        pass
    raise P0fBadQuery(f"not an IPv4 or IPv6 address: {_shown(ip_address)}")


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


ReadT = TypeVar("ReadT")
Reader: TypeAlias = Callable[[bytes, Dialect], ReadT | None]


def read_answer(answer: bytes, dialect: Dialect) -> P0fInfo | None:
    """The host that an answer describes, or None for 'no match'.

    Raises P0fBadQuery if p0f says so, P0fProtocolError for an unknown status or constant.
    """
    if answer.startswith(_OK_HEAD):
        if dialect.as_p0f_3 is not None:
            answer = dialect.as_p0f_3(answer)
        up_mod_days, bad_sw, os_match_q = constants(answer)
        if bad_sw > 2 or os_match_q > 3 or up_mod_days > MOST_DAYS:
            raise P0fProtocolError(
                f"p0f sent bad_sw {bad_sw} (known: 0 to 2), os_match_q {os_match_q} (known: 0 to"
                f" 3), up_mod_days {up_mod_days}"
            )
        return from_answer(answer)
    if answer.startswith(_NO_MATCH_HEAD):
        return None
    status = _HEAD.unpack_from(answer)[1]
    if status == _BAD_QUERY:
        raise P0fBadQuery("p0f called the query bad: the server may not be p0f v3")
    raise P0fProtocolError(f"p0f sent status {status:#x} (known: 0x0, 0x10, 0x20)")


def read_raw_answer(answer: bytes, dialect: Dialect) -> dict[str, Any] | None:
    """As `read_answer`, but the fields as p0f sent them, not validated; with magic and status."""
    if not answer.startswith(_OK_HEAD):
        read_answer(answer, dialect)
        return None
    raw: dict[str, Any] = dict(zip(("magic", "status"), _HEAD.unpack_from(answer), strict=True))
    for name, value in zip(dialect.names, dialect.fields.unpack(answer), strict=True):
        raw[name] = (text(value) or "") if isinstance(value, bytes) else value
    return raw


def write_answer(info: P0fInfo | None, dialect: Dialect) -> bytes:
    """The answer that p0f sends about a host, or 'no match' for None."""
    if info is None:
        return _NO_MATCH_HEAD.ljust(dialect.size, b"\0")
    answer = bytearray(dialect.size)
    known = wire_fields(info)
    dialect.fields.pack_into(answer, 0, *(known[name] for name in dialect.names))
    answer[: _HEAD.size] = _OK_HEAD
    if dialect is P0F_API2:
        answer[_HEAD.size] = 2
    return bytes(answer)


TicketT = TypeVar("TicketT")


class Pipeline(Generic[TicketT]):
    """The queries and answers of one connection, in order.

    Who sends a query appends a ticket, which `receive` returns with the answer. The first query is
    sent alone: p0f writes an answer in one piece, so the bytes that arrive for a lone query are one
    answer, and its size identifies the dialect.
    """

    __slots__ = ("_buffer", "dialect", "pending")

    def __init__(self) -> None:
        # Tickets of the queries in flight, oldest first, abandoned ones included.
        self.pending: deque[TicketT] = deque()
        self.dialect: Dialect | None = None  # until the first answer
        self._buffer = b""

    @property
    def room(self) -> int:
        return (MAX_IN_FLIGHT if self.dialect else 1) - len(self.pending)

    @property
    def mid_answer(self) -> bool:
        return bool(self._buffer)

    def receive(self, data: bytes) -> list[tuple[TicketT, bytes]]:
        """Take bytes as they arrive; returns the answers that are now complete, with their tickets.

        Raises P0fProtocolError if the server does not speak p0f's API: the connection is useless.
        Every ticket that was not returned is still in `pending`.
        """
        if self._buffer:
            data = self._buffer + data
        dialect = self.dialect or self._recognise(data)
        if dialect is None:
            self._buffer = data
            return []
        size = dialect.fields.size
        if len(data) == size and len(self.pending) == 1 and data.startswith(_MAGIC_BYTES):
            self._buffer = b""
            return [(self.pending.popleft(), data)]  # nearly always: one whole answer
        if len(data) > size * len(self.pending):
            raise P0fProtocolError(f"it sent more than the {len(self.pending)} answers asked for")
        end = len(data) // size * size
        answers = [data[start : start + size] for start in range(0, end, size)]
        for answer in answers:
            if not answer.startswith(_MAGIC_BYTES):
                raise P0fProtocolError(f"not an answer of p0f: it begins with {answer[:4]!r}")
        self._buffer = data[end:]
        return [(self.pending.popleft(), answer) for answer in answers]

    def _recognise(self, data: bytes) -> Dialect | None:
        if not _MAGIC_BYTES.startswith(data[:4]):
            raise P0fProtocolError(f"not an answer of p0f: it begins with {data[:4]!r}")
        if len(data) > _LARGEST:
            raise P0fProtocolError(
                f"it sent {len(data)} bytes for one query; answers of"
                f" {', '.join(map(str, DIALECTS))} bytes are known"
            )
        self.dialect = DIALECTS.get(len(data))
        return self.dialect
