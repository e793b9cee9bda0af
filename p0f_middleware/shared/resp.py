"""RESP2, as much of it as MGET, SET and PING need: commands to bytes, bytes to replies. No I/O.

redis-py opens the connection (TLS, AUTH, SELECT). After that there are two or three kinds of
commands, and each must end at its deadline to the millisecond, which redis-py's connections cannot
do; so this module makes and reads the bytes.

The fact a reader would get wrong: the server may be any program that listens on that port. So a
reply is bounded in size and depth, and invalid bytes raise at the first byte that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

MOST_BYTES = 1 << 20
"""Bytes that an incomplete reply may have; the reply to a batch of lookups has about 20 KB."""
_LONGEST_LINE = 4096
_MOST_ITEMS = 65536
_END = b"\r\n"
_OK = b"+OK\r\n"
_VALUE = 36  # '$'


class StoreError(Exception):
    """The server's error reply to a command; its text begins with the kind, such as `NOPERM`."""


Value: TypeAlias = bytes | None
Reply: TypeAlias = "bytes | int | list[Value] | StoreError | None"


def command(*words: bytes) -> bytes:
    """The bytes of a command."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def mget(keys: Iterable[bytes]) -> bytes:
    """The bytes of an MGET, which asks for several values at once."""
    return command(b"MGET", *keys)


class Replies:
    """Reads replies from a stream of bytes, which may arrive in pieces of any size."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that these bytes complete.

        Raises:
            ValueError: the bytes are not RESP2, or a reply is too long.
        """
        self._data = data = self._data + data
        replies: list[Reply] = []
        at = 0
        while at < len(data):
            read = _read(data, at)
            if read is None:
                if len(data) - at > MOST_BYTES:
                    raise ValueError("a reply is longer than a megabyte")
                break
            reply, at = read
            replies.append(reply)
        self._data = data[at:]
        return replies


def _read(data: bytes, at: int) -> tuple[Reply, int] | None:
    """The reply that begins at `at` and where the next one begins; None if it is incomplete."""
    if data.startswith(_OK, at):
        return b"OK", at + 5
    if data[at] == 42:  # '*'
        return _read_array(data, at)
    return _read_item(data, at)


def _read_array(data: bytes, at: int) -> tuple[list[Value], int] | None:
    line = _line(data, at)
    if line is None:
        return None
    count, at = _number(data[at + 1 : line], _MOST_ITEMS), line + 2
    values: list[Value] = []
    for _ in range(count or 0):
        # This is _read_item for a value, without the call: there may be hundreds of values.
        end = data.find(_END, at, at + _LONGEST_LINE)
        if end < 0:
            _check_incomplete(data, at)
            return None
        if data[at] != _VALUE:
            raise ValueError("a list contains something other than values")
        size = _number(data[at + 1 : end], MOST_BYTES)
        if size is None:
            values.append(None)
            at = end + 2
            continue
        at = end + size + 4
        if len(data) < at:
            return None
        if data[at - 2 : at] != _END:
            raise ValueError("a value does not have the length it announces")
        values.append(data[end + 2 : at - 2])
    return values, at


def _check_incomplete(data: bytes, at: int) -> None:
    """Check an item whose first line is incomplete. Raises ValueError if it is invalid already."""
    if at < len(data) and data[at] != _VALUE:
        raise ValueError("a list contains something other than values")
    if len(data) - at >= _LONGEST_LINE:
        raise ValueError("a line is too long")


def _read_item(data: bytes, at: int) -> tuple[bytes | int | StoreError | None, int] | None:
    kind = data[at]
    if kind not in b"+-:$":
        raise ValueError(f"a reply cannot begin with {bytes([kind])!r}")
    line = _line(data, at)
    if line is None:
        return None
    text, at = data[at + 1 : line], line + 2
    if kind == _VALUE:
        size = _number(text, MOST_BYTES)
        if size is None:
            return None, at
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != _END:
            raise ValueError("a value does not have the length it announces")
        return data[at : at + size], at + size + 2
    if kind == 58:  # ':'
        return _number(text, 1 << 63), at
    return (text if kind == 43 else StoreError(text.decode("utf-8", "backslashreplace"))), at


def _line(data: bytes, at: int) -> int | None:
    """Where the line that begins at `at` ends; None if its end has not arrived yet."""
    end = data.find(_END, at, at + _LONGEST_LINE)
    if end < 0:
        if len(data) - at >= _LONGEST_LINE:
            raise ValueError("a line is too long")
        return None
    return end


@lru_cache(1024)  # SYNs have few sizes
def _number(text: bytes, most: int) -> int | None:
    """A length or count; None for -1, which stands for no value."""
    if text == b"-1":
        return None
    if not text.isdigit() or len(text) > 19 or int(text) > most:
        raise ValueError(f"not a valid length or count: {text[:20]!r}")
    return int(text)
