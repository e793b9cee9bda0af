"""Finds the process's TCP listeners and enables TCP_SAVE_SYN on them ("arms" them).

A server makes its listener before it imports the application, after that, or after a fork. This
module does not know which SYN belongs to which connection.

The fact a reader would get wrong: the option belongs to the socket, not to the process. Once a
parent or child has set it, it holds for all processes that share the listener.

Theory of operation. `Armer.start` searches for listeners at once, unless an event loop runs in this
thread. Then a background thread searches every 20 ms for 10 seconds, or until 1 second after it has
found a listener. A request whose listener was not armed wakes the thread or starts it again; it
does not search itself unless no thread can be started. The state is small, and each change to it is
one assignment, so there is no lock; at worst two threads search at the same time, which is
harmless.

A search asks each descriptor of the process whether it is a listener. If there are many, it reads
the system's list of TCP sockets instead, which begins with the listeners, and asks the descriptors
only if the list has a new one. The longer a search takes, the longer the thread pauses after it.

Forking while another thread runs is unsafe, and Python 3.12 and newer warns of it. So the thread
ends before a fork. The parent starts it again, but not at once: Python 3.13 counts threads after
the hooks that run in the parent. The next garbage collection starts it: that is after the count,
costs nothing, and is soon, since a starting server has many. Otherwise the next request does it.
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
"""Seconds between two searches of the thread."""
LARGEST_SHARE = 0.05
"""The largest share of its time that the thread spends on searches."""
MANY = 256
"""With more descriptors, a search reads the system's list. Asking 256 descriptors takes 0.5 ms."""
ARM_TIMEOUT = 10.0
"""Seconds to wait for a listener; if a server takes longer to start, its first request arms it."""
SETTLING = 1.0
"""Seconds to wait for more listeners after one: a server may make several, one after the other."""
LEAST_INTERVAL = 1.0
"""Seconds between two searches that requests start."""
STOP_TIMEOUT = 1.0
"""Seconds that a fork waits for the thread to end, which takes as long as a search."""

_TABLES = "/proc/self/net/tcp", "/proc/self/net/tcp6"
_LISTENS = b"0A"
_STATE, _INODE = 3, 9


class Listeners:
    """The TCP listeners of this process that searches have found."""

    def __init__(self) -> None:
        self._many = False
        self._seen: set[int] = set()
        self._armed: set[int] = set()

    def arm_new(self) -> int:
        """Call `save_syn` for each new listener; returns the number of all listeners."""
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
        """Ask all descriptors in the next search: another process may have passed one to this."""
        self._many = False
        self._seen = set()


def _arm(fd: int) -> bool:
    """Call `save_syn` if `fd` is a listener; returns whether it is."""
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
    """Descriptor and inode number of this process's sockets that have one of these numbers."""
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
                    break  # the kernel lists listeners first
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
        """Arm the present listeners and those made soon. Raises nothing, never waits."""
        if not AVAILABLE:
            return
        self._deadline = time.monotonic() + ARM_TIMEOUT
        self._armed = 0
        if not in_event_loop():
            self._look()
        self._run_thread()

    def look_again(self) -> None:
        """Search again, at most once a second: the listener of a connection was not armed."""
        now = time.monotonic()
        if AVAILABLE and now >= self._next_look:
            self._next_look = now + LEAST_INTERVAL
            self._deadline = max(self._deadline, now)
            self._listeners.forget()
            if not self._run_thread() and not in_event_loop():
                self._look()

    @property
    def running(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.alive

    def stop(self) -> None:
        """End the thread, and the search."""
        self._waiting = False
        if self._thread is not None:
            self._thread.stop(STOP_TIMEOUT)

    def before_fork(self) -> None:
        """End the thread, and arm the listeners that the child inherits."""
        with contextlib.suppress(Exception):
            waiting = self._waiting or self.running
            self.stop()
            if waiting:
                self._look()
                self._waiting = not self._armed

    def after_fork_in_parent(self) -> None:
        """Start the thread again at the next garbage collection, after Python counts threads."""
        if self._waiting and self._resume not in gc.callbacks:
            gc.callbacks.append(self._resume)

    def after_fork_in_child(self) -> None:
        """Forget the thread, which the child does not have: its first request searches again."""
        self._thread = None
        self._waiting = False

    def _resume(self, phase: str, _info: dict[str, int]) -> None:
        """Start the thread again, once. Garbage collections call it."""
        if phase == "stop":
            gc.callbacks.remove(self._resume)
            if self._waiting:
                self._run_thread()

    def _run_thread(self) -> bool:
        """Make the thread search at once; returns False if no thread can be started."""
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
