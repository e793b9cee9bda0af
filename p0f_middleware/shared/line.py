"""Line: one open connection to the store, which sends commands and reads replies.

It knows neither keys nor SYNs, nor how the connection was opened. A line belongs to the process
that opened it, and to one caller at a time: its owner has the lock. Its socket never blocks;
callers wait as `_waiting` describes, or in an event loop.

The fact a reader would get wrong: replies name no command, so only their order matches them to
commands. A line whose exchange has failed, even by a timeout, is useless: close it.
"""

from __future__ import annotations

import select
import time
import weakref
from collections.abc import Callable
from typing import Any

from .._waiting import wait_readable
from .resp import Replies, Reply

_RECEIVE_SIZE = 65536
_A_MOMENT = 0.001
"""Minimum seconds to wait for a reply: the process may have been delayed since the deadline was
set, and the reply may have arrived already."""


class LineLost(Exception):
    """The other side closed the connection."""


class Line:
    """A connection to the store.

    Args:
        sock: a connected non-blocking socket: of the C type that gevent does not replace, or a TLS
            socket.
        close: closes the socket.
    """

    def __init__(self, sock: Any, close: Callable[[], object]) -> None:
        self.fd: int = sock.fileno()
        self.close: Callable[[], object] = close
        self._sock = sock
        # Not __del__: in a garbage cycle the socket may be freed first, and warn that it is open.
        weakref.finalize(self, close).atexit = False
        self._replies = Replies()
        self._read: list[Reply] = []

    def exchange(self, commands: bytes, count: int, deadline: float) -> list[Reply]:
        """Send commands; wait for their `count` replies until `deadline` (`time.monotonic()`).

        Raises:
            TimeoutError: the replies did not arrive in time.
            LineLost: the connection is closed.
            ValueError: the server sent something other than RESP2, or too many replies.
        """
        sent = self._send(commands)
        while sent < len(commands):
            select.select((), (self.fd,), (), _left(deadline))
            sent += self._send(commands[sent:])
        left = max(deadline - time.monotonic(), _A_MOMENT)
        while True:
            wait_readable(self.fd, left)
            replies = self.finish(count)
            if replies is not None:
                return replies
            left = _left(deadline)

    def begin(self, commands: bytes) -> None:
        """Send commands without waiting.

        Raises:
            LineLost: the connection is closed, or its send buffer is full.
        """
        if self._send(commands) < len(commands):
            raise LineLost("its send buffer is full")

    def finish(self, count: int) -> list[Reply] | None:
        """The `count` replies to the commands of `begin`; None if some have not arrived. Does not
        wait.

        Raises:
            LineLost: the connection is closed.
            ValueError: the server sent something other than RESP2, or too many replies.
        """
        try:
            while True:  # TLS may have buffered data though the descriptor is not readable
                replies = self._take(self._sock.recv(_RECEIVE_SIZE), count)
                if replies is not None:
                    return replies
        except OSError as error:
            if _would_block(error):
                return None
            raise LineLost(str(error)) from error

    def _send(self, commands: bytes) -> int:
        """Send as many bytes as the socket has room for; returns their number."""
        try:
            sent: int = self._sock.send(commands)
        except OSError as error:
            if _would_block(error):
                return 0
            raise LineLost(str(error)) from error
        return sent

    def _take(self, data: bytes, count: int) -> list[Reply] | None:
        if not data:
            raise LineLost("the server closed it")
        self._read += self._replies.feed(data)
        if len(self._read) < count:
            return None
        if len(self._read) > count:
            raise ValueError("more replies than commands")
        replies, self._read = self._read, []
        return replies


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _would_block(error: OSError) -> bool:
    """Whether a socket has no data or no room now. (By name: most programs do not import ssl.)"""
    return isinstance(error, BlockingIOError) or type(error).__name__ in (
        "SSLWantReadError",
        "SSLWantWriteError",
    )
