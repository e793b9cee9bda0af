"""Enabling TCP_SAVE_SYN on the process's listeners when nobody else has: finding them, and when.

A server makes its listener before the application is imported, after it, or after a fork. Which
connection has which SYN is not known here.

The fact a reader would get wrong: the option belongs to the socket, not to the process. Set once,
in a parent or child, it holds for all processes that share the listener.

Theory of operation. `Armer.start` looks for listeners at once, unless an event loop runs in this
thread, and leaves the rest to a thread, which looks every 20 ms for 10 seconds, or until 1 second
after it has found some. A request whose listener was not armed wakes the thread or starts it again,
and never looks itself. The state is small, and each change to it is one assignment, so there is no
lock; at worst two threads look at the same time, which is harmless.

A look asks each descriptor of the process whether it is a listener. Where there are many, it reads
the system's list of TCP sockets, which begins with those that listen, and looks through descriptors
only if one of them is new. The longer a look takes, the longer the thread waits until the next.

To fork beside a thread is unsound, and Python 3.12 and newer warns of it. So the thread ends before
a fork. The parent starts it again, but not at once: Python 3.13 counts threads after the hooks that
run in the parent. The next garbage collection is soon enough (a server that is starting has many),
comes after the count, and costs nothing; failing that, the next request does it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import stat
import time
from collections.abc import Iterator

from ._kernel import is_tcp_listener, save_syn
from ._libc import AVAILABLE
from ._native_thread import NativeThread, in_event_loop

POLL = 0.02
"""Seconds between two looks of the thread."""
LARGEST_SHARE = 0.05
"""The share of its time that the thread looks, at most."""
MANY = 256
"""With more descriptors than these the system's list is read. To ask that many takes 0.5 ms."""
ARM_TIMEOUT = 10.0
"""Seconds to wait for a listener; of a server that loads for longer, the first request arms it."""
SETTLING = 1.0
"""Seconds to wait for more listeners after one: a server may have several, and not at once."""
LEAST_INTERVAL = 1.0
"""Seconds between two looks because of requests."""
STOP_TIMEOUT = 1.0
"""Seconds that a fork waits for the thread to end, which takes as long as a look."""

_TABLES = "/proc/self/net/tcp", "/proc/self/net/tcp6"
_LISTENS = b"0A"
_STATE, _INODE = 3, 9


class Listeners:
    """The TCP listeners of this process, as far as they are known."""

    def __init__(self) -> None:
        self._many = False
        self._seen: set[int] = set()
        self._armed: set[int] = set()

    def arm_new(self) -> int:
        """Call `save_syn` for each listener that is new; returns how many there are in all."""
        if not self._many:
            descriptors = _descriptors()
            if len(descriptors) <= MANY:
                return sum(map(_arm, descriptors))
            self._many = True
        inodes = _listening_inodes()
        new = inodes - self._seen
        if new:
            self._armed |= {inode for fd, inode in _own_sockets(new) if _arm(fd)}
        self._seen = inodes
        self._armed &= inodes
        return len(self._armed)

    def forget(self) -> None:
        """Look through all of them next time: one may have come from another process."""
        self._many = False
        self._seen = set()


def _arm(fd: int) -> bool:
    """Call `save_syn` if it is a listener; returns whether it is."""
    try:
        if is_tcp_listener(fd):
            save_syn(fd)
            return True
    except OSError:  # it is not a socket, or was closed meanwhile
        pass
    return False


def _descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return []


def _own_sockets(inodes: set[int]) -> Iterator[tuple[int, int]]:
    """Descriptors of this process that are sockets with one of these inode numbers."""
    for fd in _descriptors():
        with contextlib.suppress(OSError):
            status = os.fstat(fd)
            if status.st_ino in inodes and stat.S_ISSOCK(status.st_mode):
                yield fd, status.st_ino


def _listening_inodes() -> set[int]:
    """The inode numbers of all TCP sockets that listen in this network namespace."""
    inodes = set()
    for table in _TABLES:
        with contextlib.suppress(OSError, ValueError, IndexError), open(table, "rb") as lines:
            next(lines, None)  # the heading
            for line in lines:
                fields = line.split(None, _INODE + 1)
                if fields[_STATE] != _LISTENS:
                    break  # the kernel lists those that listen first
                inodes.add(int(fields[_INODE]))
    return inodes


class Armer:
    """Arms the process's listeners as they appear. One is enough for a process."""

    def __init__(self) -> None:
        self._listeners = Listeners()
        self._thread: NativeThread | None = None
        self._armed = 0
        self._deadline = 0.0
        self._next_look = 0.0
        self._waiting = False

    def start(self) -> None:
        """Arm the listeners there are, and those that come soon. Raises nothing, never waits."""
        if not AVAILABLE:
            return
        self._deadline = time.monotonic() + ARM_TIMEOUT
        self._armed = 0
        if not in_event_loop():
            self._look()
        self._run_thread()

    def look_again(self) -> None:
        """Have the thread arm listeners, because a connection's was not, unless it just did."""
        now = time.monotonic()
        if AVAILABLE and now >= self._next_look:
            self._next_look = now + LEAST_INTERVAL
            self._deadline = max(self._deadline, now)
            self._listeners.forget()
            if not self._run_thread() and not in_event_loop():
                self._look()

    @property
    def running(self) -> bool:
        """Whether the thread is looking."""
        return self._thread is not None and self._thread.alive

    def stop(self) -> None:
        """End the thread and look no further."""
        self._waiting = False
        if self._thread is not None:
            self._thread.stop(STOP_TIMEOUT)

    def before_fork(self) -> None:
        """End the thread, and arm what the child inherits."""
        with contextlib.suppress(Exception):
            waiting = self._waiting or self.running
            self.stop()
            if waiting:
                self._look()
                self._waiting = not self._armed

    def after_fork_in_parent(self) -> None:
        """Start the thread again, once Python has counted threads."""
        if self._waiting and self._resume not in gc.callbacks:
            gc.callbacks.append(self._resume)

    def after_fork_in_child(self) -> None:
        """A child that makes a listener of its own arms it at its first request."""
        self._thread = None
        self._waiting = False

    def _resume(self, phase: str, _info: dict[str, int]) -> None:
        """Called at a garbage collection."""
        if phase == "stop":
            gc.callbacks.remove(self._resume)
            if self._waiting:
                self._run_thread()

    def _run_thread(self) -> bool:
        """Have the thread look at once; False if no thread can be started."""
        self._waiting = False
        if self._thread is not None and self._thread.alive:
            self._thread.wake()
            return True
        try:
            self._thread = NativeThread(self._step)
        except RuntimeError:
            return False
        return True

    def _step(self) -> float | None:
        started = time.monotonic()
        self._look()
        now = time.monotonic()
        return max(POLL, (now - started) / LARGEST_SHARE) if now <= self._deadline else None

    def _look(self) -> None:
        armed = self._listeners.arm_new()
        if armed > self._armed:
            self._armed = armed
            self._deadline = time.monotonic() + SETTLING


armer = Armer()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=armer.before_fork,
        after_in_parent=armer.after_fork_in_parent,
        after_in_child=armer.after_fork_in_child,
    )
