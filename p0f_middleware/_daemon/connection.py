"""One API connection to p0f: opening it, and closing it without harm.

Theory of operation. p0f does not ignore SIGPIPE: it dies when it writes an answer to a client that
has closed the connection. So a connection is closed only when no answer is pending on it, or when
p0f has never answered on it and has not even read the query. (On a connection that works, an unread
query is not enough: a stopped p0f may resume, and read the query at the very moment of closing.)
One that may not be closed yet stays in `_connections` until its answers arrive, or until the
process ends. A forked child's copies of its parent's descriptors can be closed at any time.
"""

import atexit
import errno
import functools
import os
import socket
import struct
import sys
import time
from _socket import socket as NativeSocket  # noqa: N812  the class, under the name it deserves
from collections.abc import Callable
from typing import Any, Generic

from .._errors import P0fProtocolError
from .._waiting import wait_readable
from .protocol import Pipeline, TicketT

CLOSE_TIMEOUT = 1.0  # seconds to wait for pending answers when closing, at most
# Sending to a p0f that has ended must not kill this process with SIGPIPE.
_SEND_FLAGS = getattr(socket, "MSG_NOSIGNAL", 0)
# How long to busy-poll for an answer before sleeping: p0f needs a fifth of that time to write it,
# and a wakeup from another processor takes longer than polling.
_SPIN_SECONDS = 0.0001
_MAX_SPIN_SHARE = 0.01  # of the time: after a poll in vain, polling pauses for 100 times as long
_yield_processor = getattr(os, "sched_yield", lambda: None)


class Connection(Generic[TicketT]):
    """A connected socket and its pipeline, for use by one process, and by one caller at a time.

    Connecting never waits. All methods raise OSError if p0f cannot be reached any more.
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
        self.open: bool = True  # False once it was released: then it must not be used again
        # Called when it is released, before its descriptor can be closed.
        self.on_release: Callable[[], object] | None = None
        # Whether an exception has ended `wait_and_receive`: then nothing is half received.
        self.waiting: bool = False
        self.spin_after: float = 0.0  # `time.monotonic()` before which not to busy-poll
        _connections.add(self)
        _release_at_end_of(self.pid)

    @property
    def useless(self) -> bool:
        """Whether it can be closed since p0f never read from it, or the server is not p0f."""
        return self.pipeline.dialect is None and (self._unread() or self.pipeline.mid_answer)

    def send(self, data: bytes) -> None:
        # The socket has room for all that a pipeline allows to be in flight.
        self.sock.sendall(data, _SEND_FLAGS)

    def receive(self) -> bytes | None:
        """The bytes that have arrived; None if there are none."""
        try:
            data = self.sock.recv(32768)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return data

    def spin(self) -> bytes | None:
        """Busy-poll briefly; returns bytes, or None if nothing came."""
        began = time.monotonic()
        while began >= self.spin_after:
            _yield_processor()  # p0f may be waiting for this very processor
            data = self.receive()
            if data is not None:
                return data
            took = time.monotonic() - began
            if took > _SPIN_SECONDS:
                self.spin_after = began + took / _MAX_SPIN_SHARE
        return None

    def wait_and_receive(self, deadline: float) -> bytes | None:
        """Wait until bytes arrive, and return them (rarely None). Raises TimeoutError."""
        self.waiting = True
        wait_readable(self.sock.fileno(), deadline - time.monotonic())
        self.waiting = False
        return self.receive()

    def release(self, patience: float = 0.0) -> None:
        """Close it as soon as that cannot kill p0f: now, within `patience` seconds, or later."""
        self.open = False
        if self.pid == os.getpid():
            if self.on_release is not None:
                self.on_release()
                self.on_release = None
            deadline = time.monotonic() + patience
            while not self._harmless():
                try:
                    wait_readable(self.sock.fileno(), deadline - time.monotonic())
                except OSError:  # above all TimeoutError: it stays in `_connections`
                    return
        _connections.discard(self)
        self.sock.close()

    def _harmless(self) -> bool:
        """Whether p0f will not write to it any more. Reads and drops answers, without waiting."""
        try:
            while self.pipeline.pending and self.sock.fileno() >= 0 and not self.useless:
                data = self.receive()
                if data is None:
                    return False
                self.pipeline.receive(data)
        except (OSError, P0fProtocolError):
            pass
        return True

    def _unread(self) -> bool:
        """Whether p0f has not read the only pending query. Only Linux can tell."""
        if len(self.pipeline.pending) != 1 or not sys.platform.startswith("linux"):
            return False
        import fcntl
        import termios

        try:
            unread = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return False
        return bool(struct.unpack("i", unread)[0] > 0)


# Those whose descriptors are open. Changed by atomic operations without a lock: a finalizer may
# release a connection wherever memory is allocated, and a forked child must not find a lock held.
_connections: set[Connection[Any]] = set()


def close_drained() -> None:
    """Close what was kept for pending answers that have arrived, and a parent's connections."""
    for each in _connections.copy():
        if not each.open or each.pid != os.getpid():
            each.release()


def release_all() -> None:
    deadline = time.monotonic() + CLOSE_TIMEOUT
    for each in _connections.copy():
        each.release(deadline - time.monotonic())


atexit.register(release_all)


@functools.cache
def _release_at_end_of(pid: int) -> None:
    """For multiprocessing's children, which end without atexit and begin without finalizers."""
    # They have imported its `util`. Importing it here could wait for ever, in a child that was
    # forked while another thread was importing it.
    finalize = getattr(sys.modules.get("multiprocessing.util"), "Finalize", None)
    if finalize is not None:
        finalize(None, release_all, exitpriority=0)
