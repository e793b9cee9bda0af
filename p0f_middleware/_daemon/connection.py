"""One API connection to p0f: opening it, and letting it go without harm.

p0f does not ignore SIGPIPE: if its client is gone when it writes an answer, p0f dies. So a
connection may be closed only when nothing is owed on it, or when p0f has never answered on it and
has not even read the query. That a query lies unread is not enough on a connection that works: a
p0f that was stopped may go on, and read it in the very moment of closing. Links that may not be
closed yet are kept here until their answers have come, or the process ends.

Both clients use this; how to wait for an answer is theirs.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import math
import os
import select
import socket
import stat
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterable
from typing import Any, Generic

from .._errors import P0fError, P0fProtocolError, P0fTimeout, P0fUnavailable
from .protocol import Pipeline, TicketT

PATIENCE = 1.0
"""Seconds to wait for owed answers when closing, at most."""
RECEIVE_SIZE = 32768
_A_MOMENT = 0.0001
"""Seconds to look for an answer before going to sleep: p0f takes a fifth of that to write it, and
to be woken up from another processor takes longer than to look again and again."""
_MOST_IN_VAIN = 0.01
"""Share of the time to spend on looks that find nothing; after one there is none for a while."""

_let_others_run = getattr(os, "sched_yield", lambda: None)

_open: set[Link[Any]] = set()
_owing: set[Link[Any]] = set()
_exit_hooks_of: int | None = None
_lock = threading.RLock()  # re-entrant: a client's __del__ may run wherever memory is allocated


class ConnectionLost(P0fUnavailable):
    """p0f closed the connection before it answered. Worth one more try on a fresh one."""


class Link(Generic[TicketT]):
    """A connected socket and its pipeline, for use by the process `pid` alone.

    Raises:
        OSError: nothing can be reached at `socket_path` (`explain` tells why).
    """

    def __init__(self, socket_path: str, timeout: float) -> None:
        settle()
        self.pid = os.getpid()
        self.pipeline: Pipeline[TicketT] = Pipeline()
        self.sock = socket.socket(socket.AF_UNIX)
        self.cooperative = type(self.sock).__module__ != "socket"
        """Whether gevent or the like has put its own socket in place of Python's."""
        try:
            self.sock.settimeout(timeout)
            self.sock.connect(socket_path)
            if not self.cooperative:
                self.sock.setblocking(False)
                self._input = select.poll()
                self._input.register(self.sock, select.POLLIN)
        except BaseException:
            self.sock.close()
            raise
        self._look_from = math.inf if self.cooperative else 0.0
        _register(self)

    @property
    def useless(self) -> bool:
        """Whether it never answered and can be closed: p0f is full, stopped, or not p0f.

        What has come of a first answer is all of it, since p0f writes it at once: not p0f's.
        """
        return self.pipeline.dialect is None and (self.unread or self.pipeline.mid_answer)

    @property
    def harmless(self) -> bool:
        """Whether closing cannot end p0f, since it will not write to this connection any more."""
        closed = self.sock.fileno() < 0
        return closed or not self.pipeline.owed or self.useless

    def look(self) -> bytes | None:
        """What comes within a moment, during which nobody sleeps; None if nothing does."""
        began = time.monotonic()
        if began < self._look_from:
            return None
        while True:
            _let_others_run()  # p0f may be waiting for this very processor
            try:
                return self.sock.recv(RECEIVE_SIZE)
            except BlockingIOError:
                now = time.monotonic()
                if now - began > _A_MOMENT:
                    self._look_from = now + (now - began) / _MOST_IN_VAIN
                    return None

    def wait(self, seconds: float) -> None:
        """Sleep until there is something to receive (or have `sock.recv` do so, if cooperative).

        Raises:
            TimeoutError: there was nothing.
        """
        if seconds <= 0:
            raise TimeoutError
        if self.cooperative:
            self.sock.settimeout(seconds)
        elif not self._input.poll(math.ceil(seconds * 1000)):
            raise TimeoutError

    @property
    def unread(self) -> bool:
        """Whether p0f has not read the lone query that is owed. Only Linux can tell."""
        if len(self.pipeline.owed) != 1 or not sys.platform.startswith("linux"):
            return False
        try:
            unread = fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return False
        return bool(struct.unpack("i", unread)[0] > 0)

    def let_go(self, patience: float = 0.0) -> None:
        """Close as soon as that cannot kill p0f: now, within `patience` seconds, or later."""
        with _lock:
            _open.discard(self)
        if self.pid != os.getpid():
            self.sock.close()  # a fork's copy: nobody notices
        else:
            _settle([self], patience)

    def drop_owed(self) -> bool:
        """Read owed answers and throw them away, without waiting. True once no more can come."""
        try:
            self.sock.settimeout(0.0)  # a cooperative one waits if it has a timeout
            while self.pipeline.owed:
                data = self.sock.recv(RECEIVE_SIZE)
                if not data:
                    return True
                self.pipeline.receive(data)
        except BlockingIOError:
            return False
        except (OSError, P0fProtocolError):
            return True
        return True


def settle() -> None:
    """Close the links that were kept for owed answers which have come by now."""
    if _owing:
        with _lock:
            kept = {link for link in tuple(_owing) if link.pid == os.getpid()}
            _owing.difference_update(kept)
        _settle(kept, 0.0)


def _settle(links: Iterable[Link[Any]], patience: float) -> None:
    """Close each link when its owed answers have come; keep those that take longer."""
    waiting = set(links)
    deadline = time.monotonic() + patience
    while waiting:
        for link in [link for link in waiting if link.harmless or link.drop_owed()]:
            waiting.discard(link)
            link.sock.close()
        left = deadline - time.monotonic()
        if left <= 0 or not waiting:
            break
        readable = select.poll()
        for link in waiting:
            readable.register(link.sock, select.POLLIN)
        readable.poll(left * 1000)
    with _lock:
        _owing.update(waiting)


def _register(link: Link[Any]) -> None:
    """Have the link let go with patience when this process ends."""
    global _exit_hooks_of
    with _lock:
        _open.add(link)
        if _exit_hooks_of == link.pid:
            return
        _exit_hooks_of = link.pid
    atexit.unregister(_let_all_go)
    atexit.register(_let_all_go)
    # multiprocessing's children end without atexit. They have its `util`; to import it here could
    # wait for ever, in a child of a fork that came while another thread was importing it.
    finalize = getattr(sys.modules.get("multiprocessing.util"), "Finalize", None)
    if finalize is not None:
        finalize(None, _let_all_go, exitpriority=0)


def _let_all_go() -> None:
    with _lock:
        links = [link for link in (*_open, *_owing) if link.pid == os.getpid()]
        _open.clear()
        _owing.clear()
    _settle(links, PATIENCE)


def _after_fork_in_child() -> None:
    """The parent's connections go on in the parent; here are only copies of them."""
    global _lock
    _lock = threading.RLock()
    for link in (*_open, *_owing):
        link.sock.close()
    _open.clear()
    _owing.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)


def explain(error: OSError, socket_path: str) -> P0fUnavailable:
    """Why nothing could be reached at `socket_path`, and what to look at."""
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISSOCK(os.stat(socket_path).st_mode):
            return P0fUnavailable(f"{socket_path} is not a socket; name the one of p0f's -s")
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return P0fUnavailable(f"cannot connect to p0f at {socket_path}: {error}")
    return P0fUnavailable(remedy.format(path=socket_path))


_MISSING = "there is no socket {path}; is p0f running with -s {path}?"
_FORBIDDEN = (
    "not permitted to open {path}; let this process's user write to the socket and enter its"
    " directory"
)
_FULL = (
    "all of p0f's API connections may be in use (20, or what its -S says: raise it, at most 100),"
    " or p0f is stopped"
)
_REMEDIES = {
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ECONNREFUSED: "nobody listens on {path}; p0f has ended: start it again",
    errno.EAGAIN: "p0f takes no connection on {path}; " + _FULL,
}


def no_p0f(error: P0fProtocolError, socket_path: str) -> P0fProtocolError:
    """What it means that something came that is none of p0f's answers, and what to look at."""
    return P0fProtocolError(
        f"what listens on {socket_path} is no p0f v3; name the socket of p0f's -s ({error})"
    )


def no_answer(link: Link[Any], socket_path: str, timeout: float) -> P0fError:
    """What it means that nobody answered in time, and what to look at."""
    if link.pipeline.dialect is not None:
        return P0fTimeout(
            f"p0f at {socket_path} did not answer within {timeout:g} s; is it stopped or busy?"
        )
    if link.pipeline.mid_answer:
        return P0fProtocolError(
            f"what listens on {socket_path} answers in an unknown size; p0f 3.0x, p0f-mtu and"
            " p0f-v3-api2 are known"
        )
    return P0fTimeout(f"p0f at {socket_path} took no query within {timeout:g} s; {_FULL}")
