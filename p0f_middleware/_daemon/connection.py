"""One API connection to p0f: opening it, and closing it without harm.

Theory of operation. p0f does not ignore SIGPIPE: it dies when it writes an answer to a client that
has closed the connection. So a connection is closed only when no answer is pending on it, or when
p0f has never answered on it and has not even read the query. (On a connection that works, an unread
query is not enough: a stopped p0f may resume, and read the query at the very moment of closing.) A
connection that was released and may not be closed yet stays in `_connections` until its answers
arrive, or until the process ends.

A connection belongs to the process `pid` that opened it. A forked child has a copy of its
descriptor, and closing that has no effect on the connection.
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
from collections.abc import Callable
from typing import Any, Generic

try:
    import fcntl
    import termios
except ImportError:  # Windows, where connecting fails with a reason
    fcntl = termios = None  # type: ignore[assignment]

from .._errors import P0fProtocolError
from .._waiting import wait_readable
from .protocol import Pipeline, TicketT

CLOSE_TIMEOUT = 1.0
"""Seconds to wait for pending answers when closing, at most."""
_RECEIVE_SIZE = 32768
# Sending to a p0f that has ended must not kill this process with SIGPIPE.
_SEND_FLAGS = getattr(socket, "MSG_NOSIGNAL", 0)
_SPIN_SECONDS = 0.0001
"""How long to busy-poll for an answer before sleeping: p0f needs a fifth of that time to write it,
and a wakeup from another processor takes longer than polling."""
_MAX_SPIN_SHARE = 0.01
"""Share of the time that unsuccessful polling may take: after an unsuccessful poll, polling pauses
for 100 times its duration."""

_yield_processor = getattr(os, "sched_yield", lambda: None)


class Connection(Generic[TicketT]):
    """A connected socket and its pipeline, for use by one process, and by one caller at a time.

    Args:
        socket_path: the path of p0f's API socket.

    Raises:
        OSError: connecting failed (`diagnosis.explain` says why). Connecting never waits.
    """

    def __init__(self, socket_path: str) -> None:
        close_drained()
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        self.pid: int = os.getpid()
        self.pipeline: Pipeline[TicketT] = Pipeline()
        # Of the C type, which gevent and eventlet do not replace; and it never blocks.
        self.sock: NativeSocket = NativeSocket(socket.AF_UNIX)
        try:
            self.sock.setblocking(False)
            self.sock.connect(socket_path)
        except BaseException:
            self.sock.close()
            raise
        self.open: bool = True
        """False once it was released: then it must not be used again."""
        self.on_release: Callable[[], object] | None = None
        """Called when it is released, before its descriptor can be closed."""
        self.waiting: bool = False
        """Whether `wait_and_receive` waits, or an exception has ended its wait: then nothing is
        half received."""
        self._spin_after = 0.0  # monotonic time before which not to busy-poll; 0: no pause
        _connections.add(self)
        _release_at_exit()

    @property
    def useless(self) -> bool:
        """Whether the server never answered, so that the connection can be closed: all connections
        of p0f are in use, p0f is stopped, or the server is not p0f.

        p0f writes an answer in one piece, so a partial first answer is not from p0f.
        """
        return self.pipeline.dialect is None and (self._unread() or self.pipeline.mid_answer)

    @property
    def harmless(self) -> bool:
        """Whether closing it cannot kill p0f, because p0f will not write to it any more."""
        closed = self.sock.fileno() < 0
        return closed or not self.pipeline.pending or self.useless

    def send(self, data: bytes) -> None:
        """Send queries.

        Raises:
            OSError: p0f has closed the connection. (The socket has room for all that a pipeline
                allows to be in flight.)
        """
        if self.sock.send(data, _SEND_FLAGS) != len(data):
            raise _lost()

    def spin(self) -> bytes | None:
        """Busy-poll briefly; returns bytes, or None if nothing came.

        Raises:
            OSError: p0f has closed the connection.
        """
        if self._spin_after:
            if time.monotonic() < self._spin_after:
                return None
            self._spin_after = 0.0
        began = 0.0
        while True:
            _yield_processor()  # p0f may be waiting for this very processor
            data = self.receive()
            if data is not None:
                return data
            now = time.monotonic()
            began = began or now
            if now - began > _SPIN_SECONDS:
                self._spin_after = now + (now - began) / _MAX_SPIN_SHARE
                return None

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
            raise _lost()
        return data

    def wait_and_receive(self, deadline: float) -> bytes:
        """Wait until bytes arrive, and return them.

        Raises:
            TimeoutError: none arrived until `deadline`, of `time.monotonic()`.
            OSError: p0f has closed the connection.
        """
        data = None
        while data is None:
            self.waiting = True
            wait_readable(self.sock.fileno(), deadline - time.monotonic())
            self.waiting = False
            data = self.receive()
        return data

    def release(self, patience: float = 0.0) -> None:
        """Close it as soon as that cannot kill p0f: now, within `patience` seconds, or later."""
        self.open = False
        if self.pid == os.getpid():
            if self.on_release is not None:
                self.on_release()
                self.on_release = None
            deadline = time.monotonic() + patience
            while not (self.harmless or self.drain()):
                try:
                    wait_readable(self.sock.fileno(), deadline - time.monotonic())
                except OSError:  # above all TimeoutError: it stays in `_connections`
                    return
        _connections.discard(self)
        self.sock.close()

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

    def _unread(self) -> bool:
        """Whether p0f has not read the only pending query. Only Linux can tell."""
        if len(self.pipeline.pending) != 1 or not sys.platform.startswith("linux"):
            return False
        try:
            unread = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return False
        return bool(struct.unpack("i", unread)[0] > 0)


def _lost() -> OSError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


_connections: set[Connection[Any]] = set()
"""Those whose descriptors are open. It changes by single atomic operations and without a lock: a
finalizer may release a connection wherever memory is allocated, and a forked child must not find a
lock held."""


def opened() -> set[Connection[Any]]:
    """The connections of this process that are in use."""
    return {each for each in _connections.copy() if each.open and each.pid == os.getpid()}


def draining() -> set[Connection[Any]]:
    """The connections of this process that were released and have answers pending."""
    return {each for each in _connections.copy() if not each.open and each.pid == os.getpid()}


def close_drained() -> None:
    """Close what was kept for pending answers, if these have arrived; and a forked child's copies
    of its parent's connections, whose answers only the parent reads."""
    for each in _connections.copy():
        if not each.open or each.pid != os.getpid():
            each.release()


def release_all() -> None:
    """Release every connection of this process, which is about to end."""
    deadline = time.monotonic() + CLOSE_TIMEOUT
    for each in _connections.copy():
        each.release(deadline - time.monotonic())


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
