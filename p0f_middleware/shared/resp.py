"""RESP2, as much of it as MGET, SET and PING need: commands to bytes, bytes to replies. No I/O.

redis-py opens the connection (TLS, AUTH, SELECT). After that the requests are two or three kinds
and must end at a deadline to the millisecond, which its connections do not offer; so the bytes are
made and read here.

The fact a reader would get wrong: the server may be anything that listens on that port. A reply is
bounded in size and depth, and what makes no sense is an error at the first byte that shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

MOST_BYTES = 1 << 20
"""Bytes of replies to read ahead; a batch of lookups has some 20 KB."""
_LONGEST_LINE = 4096
_MOST_ITEMS = 65536
_END = b"\r\n"
_OK = b"+OK\r\n"
_VALUE = 36  # '$'


class StoreError(Exception):
    """The server's answer to a command is an error; its text begins with the kind, as `NOPERM`."""


Value: TypeAlias = bytes | None
Reply: TypeAlias = "bytes | int | list[Value] | StoreError | None"


def command(*words: bytes) -> bytes:
    """A command as the server reads it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def mget(keys: Iterable[bytes]) -> bytes:
    """The command that asks for several values at once."""
    return command(b"MGET", *keys)


class Replies:
    """The replies in a stream of bytes, which may come in any pieces."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are complete with these bytes.

        Raises:
            ValueError: this is not RESP2, or there is too much of it.
        """
        self._data = data = self._data + data
        replies: list[Reply] = []
        at = 0
        while at < len(data):
            read = _read(data, at)
            if read is None:
                if len(data) - at > MOST_BYTES:
                    raise ValueError("a reply of more than a megabyte")
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
        # What _read_item does for a value, without the call: there may be hundreds of them.
        end = data.find(_END, at, at + _LONGEST_LINE)
        if end < 0:
            _check_incomplete(data, at)
            return None
        if data[at] != _VALUE:
            raise ValueError("a list of something else than values")
        size = _number(data[at + 1 : end], MOST_BYTES)
        if size is None:
            values.append(None)
            at = end + 2
            continue
        at = end + size + 4
        if len(data) < at:
            return None
        if data[at - 2 : at] != _END:
            raise ValueError("a value that is longer than it says")
        values.append(data[end + 2 : at - 2])
    return values, at


def _check_incomplete(data: bytes, at: int) -> None:
    """Look at an item whose first line has no end yet. Raises ValueError if it cannot get one."""
    if at < len(data) and data[at] != _VALUE:
        raise ValueError("a list of something else than values")
    if len(data) - at >= _LONGEST_LINE:
        raise ValueError("a line without end")


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
            raise ValueError("a value that is longer than it says")
        return data[at : at + size], at + size + 2
    if kind == 58:  # ':'
        return _number(text, 1 << 63), at
    return (text if kind == 43 else StoreError(text.decode("utf-8", "backslashreplace"))), at


def _line(data: bytes, at: int) -> int | None:
    """Where the line that begins at `at` ends; None if its end has not come yet."""
    end = data.find(_END, at, at + _LONGEST_LINE)
    if end < 0:
        if len(data) - at >= _LONGEST_LINE:
            raise ValueError("a line without end")
        return None
    return end


@lru_cache(1024)  # SYNs have few sizes
def _number(text: bytes, most: int) -> int | None:
    """A length or count; None for -1, which stands for no value."""
    if text == b"-1":
        return None
    if not text.isdigit() or len(text) > 19 or int(text) > most:
        raise ValueError(f"not a number that can be: {text[:20]!r}")
    return int(text)
