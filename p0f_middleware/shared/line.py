"""Line: one open connection to the store, on which commands are sent and replies read.

It knows neither keys nor SYNs, and not how the connection was opened. A line belongs to the process
that opened it, and to one caller at a time: its owner has the lock. Its socket never blocks: who
waits does so as `_waiting` says, or in an event loop.

The fact a reader would get wrong: replies name no command, only their order tells. So a line on
which an exchange has failed, by a timeout too, is good for nothing more: close it.
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
"""Seconds to wait for a reply at least: the process may have been held up since the deadline was
set, and the reply be there already."""


class LineLost(Exception):
    """The other side closed the connection."""


class Line:
    """A connection to the store.

    Args:
        sock: a connected socket that does not block: of the C type that gevent leaves alone, or of
            TLS.
        close: closes it.
    """

    def __init__(self, sock: Any, close: Callable[[], object]) -> None:
        self.fd: int = sock.fileno()
        self.close: Callable[[], object] = close
        self._sock = sock
        # Not __del__: in a cycle of garbage the socket may go first, and warn that it is open.
        weakref.finalize(self, close).atexit = False
        self._replies = Replies()
        self._read: list[Reply] = []

    def exchange(self, commands: bytes, count: int, deadline: float) -> list[Reply]:
        """Send commands; wait for their `count` replies until `deadline` (`time.monotonic()`).

        Raises:
            TimeoutError: they did not come in time.
            LineLost: the connection is closed.
            ValueError: what came is not RESP2, or more than was asked for.
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
            LineLost: the connection is closed, or takes no more.
        """
        if self._send(commands) < len(commands):
            raise LineLost("it takes no more")

    def finish(self, count: int) -> list[Reply] | None:
        """The `count` replies to what `begin` sent; None if more must come. Does not wait.

        Raises:
            LineLost: the connection is closed.
            ValueError: what came is not RESP2, or more than was asked for.
        """
        try:
            while True:  # TLS may hold more than the file descriptor shows
                replies = self._take(self._sock.recv(_RECEIVE_SIZE), count)
                if replies is not None:
                    return replies
        except OSError as error:
            if _would_block(error):
                return None
            raise LineLost(str(error)) from error

    def _send(self, commands: bytes) -> int:
        """Send what there is room for; how many bytes that was."""
        try:
            sent: int = self._sock.send(commands)
        except OSError as error:
            if _would_block(error):
                return 0
            raise LineLost(str(error)) from error
        return sent

    def _take(self, data: bytes, count: int) -> list[Reply] | None:
        if not data:
            raise LineLost("it was closed")
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
    """Whether a socket has nothing now, or no room. (ssl is not imported where nobody uses it.)"""
    return isinstance(error, BlockingIOError) or type(error).__name__ in (
        "SSLWantReadError",
        "SSLWantWriteError",
    )
