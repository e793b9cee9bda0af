"""One API connection to p0f: opening it, and closing it without harm.

Theory of operation. p0f does not ignore SIGPIPE: it dies when it writes an answer to a client that
has closed the connection. So a connection is closed only when no answer is pending on it, or when
p0f has never answered on it and has not even read the query. (On a connection that works, an unread
query is not enough: a stopped p0f may resume, and read the query at the very moment of closing.) A
connection that may not be closed yet is kept in `draining` until its answers arrive, or until the
process ends.

`opened` and `draining` are sets of the process, changed by single atomic operations and without a
lock: a finalizer may release a connection wherever memory is allocated, and a forked child must not
find a lock held. A connection belongs to the process `pid` that opened it; a forked child only has
a copy of its descriptor, and closing that copy has no effect on the connection.

The clients decide how to wait for an answer. The fact a reader would get wrong: the socket never
blocks, and is of the C type that gevent and eventlet do not replace (see `_waiting`).
"""

from __future__ import annotations

import atexit
import errno
import os
import socket
import struct
import sys
import time
from _socket import socket as NativeSocket  # noqa: N812  the class, under the name it deserves
from collections.abc import Iterable
from typing import Any, Generic

try:
    import fcntl
    import termios
except ImportError:  # Windows, where connecting fails with a reason
    fcntl = termios = None  # type: ignore[assignment]

from .._errors import P0fProtocolError, P0fUnavailable
from .._waiting import wait_readable
from . import fork
from .protocol import Pipeline, TicketT

CLOSE_TIMEOUT = 1.0
"""Seconds to wait for pending answers when closing, at most."""
_RECEIVE_SIZE = 32768
SEND_FLAGS = getattr(socket, "MSG_NOSIGNAL", 0)
"""Sending to a p0f that has ended must not kill this process with SIGPIPE."""
_SPIN_SECONDS = 0.0001
"""How long to busy-poll for an answer before sleeping: p0f needs a fifth of that time to write it,
and a wakeup from another processor takes longer than polling."""
_MAX_SPIN_SHARE = 0.01
"""Share of the time that unsuccessful polling may take: after an unsuccessful poll, polling pauses
for 100 times its duration."""

_yield_processor = getattr(os, "sched_yield", lambda: None)


class ConnectionLost(P0fUnavailable):
    """p0f closed the connection before it answered. Worth one more try on a new one."""


class Connection(Generic[TicketT]):
    """A connected socket and its pipeline, for use by the process `pid` alone.

    Args:
        socket_path: the path of p0f's API socket.

    Raises:
        OSError: connecting failed (`diagnosis.explain` says why). Connecting never waits.
    """

    def __init__(self, socket_path: str) -> None:
        close_drained()
        self.pid: int = os.getpid()
        self.pipeline: Pipeline[TicketT] = Pipeline()
        self.sock: NativeSocket = _new_socket()
        try:
            self.sock.setblocking(False)
            self.sock.connect(socket_path)
        except BaseException:
            self.sock.close()
            raise
        self.waiting: bool = False
        """Whether an exception has ended the last wait: then nothing is half received."""
        self.spin_after: float = 0.0
        """`time.monotonic()` before which not to busy-poll; 0 if polling is not paused."""
        _open_connections.add(self)
        _release_at_exit()

    @property
    def useless(self) -> bool:
        """Whether the server never answered, so that the connection can be closed: all connections
        of p0f are in use, p0f is stopped, or the server is not p0f.

        p0f writes an answer in one piece, so a partial first answer is not from p0f.
        """
        return self.pipeline.dialect is None and (self.unread or self.pipeline.mid_answer)

    @property
    def harmless(self) -> bool:
        """Whether closing it cannot kill p0f, because p0f will not write to it any more."""
        closed = self.sock.fileno() < 0
        return closed or not self.pipeline.pending or self.useless

    @property
    def unread(self) -> bool:
        """Whether p0f has not read the only pending query. Only Linux can tell."""
        if len(self.pipeline.pending) != 1 or not sys.platform.startswith("linux"):
            return False
        try:
            unread = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return False
        return bool(struct.unpack("i", unread)[0] > 0)

    def send(self, data: bytes) -> None:
        """Send queries.

        Raises:
            OSError: p0f has closed the connection. (The socket has room for all that a pipeline
                allows to be in flight.)
        """
        if self.sock.send(data, SEND_FLAGS) != len(data):
            raise ConnectionLost

    def spin(self) -> bytes | None:
        """Busy-poll briefly; returns bytes, or None if nothing came.

        Raises:
            OSError: p0f has closed the connection.
        """
        if self.spin_after:
            if time.monotonic() < self.spin_after:
                return None
            self.spin_after = 0.0
        began = 0.0
        while True:
            _yield_processor()  # p0f may be waiting for this very processor
            try:
                data = self.sock.recv(_RECEIVE_SIZE)
            except BlockingIOError:
                now = time.monotonic()
                began = began or now
                if now - began > _SPIN_SECONDS:
                    self.spin_after = now + (now - began) / _MAX_SPIN_SHARE
                    return None
            else:
                if not data:
                    raise ConnectionLost
                return data

    def receive(self) -> bytes | None:
        """The bytes that have arrived; None if there are none.

        Raises:
            OSError: p0f has closed the connection.
        """
        try:
            data = self.sock.recv(_RECEIVE_SIZE)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionLost
        return data

    def wait_and_receive(self, seconds: float) -> bytes:
        """Wait until bytes arrive, and return them.

        Raises:
            TimeoutError: none arrived within `seconds`.
            OSError: p0f has closed the connection.
        """
        deadline = time.monotonic() + seconds
        data = None
        while data is None:
            self.waiting = True
            wait_readable(self.sock.fileno(), deadline - time.monotonic())
            self.waiting = False
            data = self.receive()
        return data

    def release(self, patience: float = 0.0) -> None:
        """Close it as soon as that cannot kill p0f: now, within `patience` seconds, or later."""
        _open_connections.discard(self)
        if self.pid != os.getpid():
            self.sock.close()
        else:
            _close([self], patience)

    def abandon(self) -> None:
        """Close it at once: the server is not p0f, so pending answers do not matter."""
        self.pipeline.pending.clear()
        self.release()

    def drain(self) -> bool:
        """Read and drop pending answers, without waiting. True once no more answers can arrive."""
        try:
            while self.pipeline.pending:
                data = self.receive()
                if data is None:
                    return False
                self.pipeline.receive(data)
        except (OSError, P0fProtocolError):
            return True
        return True


def _new_socket() -> NativeSocket:
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    return NativeSocket(family)


_open_connections: set[Connection[Any]] = set()
_draining: set[Connection[Any]] = set()


def opened() -> set[Connection[Any]]:
    """The connections of this process that are in use."""
    return {connection for connection in _open_connections.copy() if connection.pid == os.getpid()}


def draining() -> set[Connection[Any]]:
    """The connections of this process that were released and have answers pending."""
    return {connection for connection in _draining.copy() if connection.pid == os.getpid()}


def close_drained() -> None:
    """Close the connections that were kept for pending answers, if these have arrived."""
    if _draining:
        kept = draining()
        _draining.difference_update(kept)
        _close(kept, 0.0)


def _close(connections: Iterable[Connection[Any]], patience: float) -> None:
    """Close each connection when its answers have arrived; keep it if they take longer."""
    deadline = time.monotonic() + patience
    for connection in connections:
        while not (connection.harmless or connection.drain()):
            try:
                wait_readable(connection.sock.fileno(), deadline - time.monotonic())
            except OSError:  # above all TimeoutError
                _draining.add(connection)
                break
        else:
            connection.sock.close()


def release_all() -> None:
    """Release every connection of this process, which is about to end."""
    _close(opened() | draining(), CLOSE_TIMEOUT)
    _open_connections.clear()


_exit_hooks_of: int | None = None


def _release_at_exit() -> None:
    """Make this process release its connections, with patience, when it ends."""
    global _exit_hooks_of
    if _exit_hooks_of == os.getpid():
        return
    _exit_hooks_of = os.getpid()
    atexit.unregister(release_all)
    atexit.register(release_all)
    # multiprocessing's children end without atexit, and clear the finalizers that were registered
    # before they began. They have imported its `util`. Importing it here could wait for ever, in a
    # child that was forked while another thread was importing it.
    finalize = getattr(sys.modules.get("multiprocessing.util"), "Finalize", None)
    if finalize is not None:
        finalize(None, release_all, exitpriority=0)


class _Copies:
    """Closes a forked child's copies of its parent's connections, which the parent keeps using."""

    def before_fork(self) -> None:
        """Nothing to do: there is no thread to end."""

    def after_fork_in_child(self) -> None:
        """Only the parent reads the answers; a copy would only keep the connection open."""
        for connection in (*_open_connections, *_draining):
            connection.sock.close()
        _open_connections.clear()
        _draining.clear()


_copies = _Copies()
fork.register(_copies)
