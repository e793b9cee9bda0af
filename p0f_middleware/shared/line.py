"""Line: one open connection to the store, on which commands are sent and replies read.

It knows neither keys nor SYNs, and not how the connection was opened. A line belongs to the process
that opened it, and to one caller at a time: its owner has the lock.

The fact a reader would get wrong: replies name no command, only their order tells. So a line on
which an exchange has failed, by a timeout too, is good for nothing more: close it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from .resp import Replies, Reply

_RECEIVE_SIZE = 65536


class LineLost(Exception):
    """The other side closed the connection."""


class Line:
    """A connection to the store.

    Args:
        sock: a connected socket, TLS or not.
        close: closes it.
    """

    def __init__(self, sock: socket.socket, close: Callable[[], object]) -> None:
        self.sock: socket.socket = sock
        self.close: Callable[[], object] = close
        self._replies = Replies()
        self._read: list[Reply] = []

    def adopt(self) -> None:
        """Make the socket one of the calling thread's.

        gevent's sockets wait in the thread that has made them, and a line is opened in another. (A
        TLS socket cannot be made anew; with gevent's sockets it takes gevent's threads, too.)
        """
        sock, close = self.sock, self.close
        if hasattr(sock, "context"):  # ssl.SSLSocket
            return
        self.sock = own = socket.socket(sock.family, sock.type, sock.proto, sock.detach())

        def close_both() -> None:
            own.close()
            close()

        self.close = close_both

    def __del__(self) -> None:
        self.close()

    def exchange(self, commands: bytes, count: int, deadline: float) -> list[Reply]:
        """Send commands; wait for their `count` replies until `deadline` (`time.monotonic()`).

        Raises:
            TimeoutError: they did not come in time.
            LineLost: the connection is closed.
            ValueError: what came is not RESP2, or more than was asked for.
        """
        try:
            self.sock.settimeout(_left(deadline))
            self.sock.sendall(commands)
            while True:
                replies = self._take(self.sock.recv(_RECEIVE_SIZE), count)
                if replies is not None:
                    return replies
                self.sock.settimeout(_left(deadline))
        except TimeoutError:
            raise
        except OSError as error:
            raise LineLost(str(error)) from error

    def begin(self, commands: bytes) -> None:
        """Send commands without waiting, on a socket that does not block.

        Raises:
            LineLost: the connection is closed, or takes no more.
        """
        try:
            sent = self.sock.send(commands)
        except OSError as error:
            raise LineLost(str(error)) from error
        if sent != len(commands):
            raise LineLost("it takes no more")

    def finish(self, count: int) -> list[Reply] | None:
        """The `count` replies to what `begin` sent; None if more must come. Does not wait.

        Raises:
            LineLost: the connection is closed.
            ValueError: what came is not RESP2, or more than was asked for.
        """
        try:
            while True:  # TLS may hold more than the file descriptor shows
                replies = self._take(self.sock.recv(_RECEIVE_SIZE), count)
                if replies is not None:
                    return replies
        except BlockingIOError:
            return None
        except OSError as error:
            if _would_block(error):
                return None
            raise LineLost(str(error)) from error

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
    """Whether a TLS socket that does not block has nothing (ssl is not imported for others)."""
    return type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError")
