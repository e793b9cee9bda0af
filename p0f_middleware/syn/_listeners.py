"""Arming the process's listeners when nobody else has: finding them, and when to look.

A server makes its listener before the application is imported, after it, or after a fork. So
listeners are looked for at once, then for a while by a thread, then whenever a connection turns up
whose listener was not armed. Which connection has which SYN is not known here.

The fact a reader would get wrong: the option belongs to the socket, not to the process. Armed once,
in a parent or child, a listener is armed for all that share it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time

from ._kernel import LINUX, is_tcp_listener, save_syn

POLL = 0.02
"""Seconds between two looks of the thread; a look takes about 60 us with 20 open descriptors."""
PATIENCE = 10.0
"""Seconds to wait for a listener; servers that load for longer arm at a request."""
SETTLING = 1.0
"""Seconds to wait for more listeners after one: a server may have several, and not at once."""
LEAST_INTERVAL = 1.0
"""Seconds between two looks because of requests."""


def arm_listeners() -> int:
    """`save_syn` for each TCP socket of this process that listens; returns their number."""
    armed = 0
    for fd in _descriptors():
        with contextlib.suppress(OSError):  # no socket, or closed while we look
            if is_tcp_listener(fd):
                save_syn(fd)
                armed += 1
    return armed


def _descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return []


class Armer:
    """Arms the process's listeners as they appear. One is enough for a process."""

    def __init__(self) -> None:
        self._waiting = False
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._armed = 0
        self._deadline = 0.0
        self._next_look = 0.0

    def start(self) -> None:
        """Arm the listeners there are, and those that come soon."""
        if not LINUX:
            return
        self._deadline = time.monotonic() + PATIENCE
        self._armed = 0
        self._look()
        if not self._waiting:
            self._waiting = True
            self._start_thread()

    def look_again(self) -> None:
        """Arm listeners because a connection was not armed, unless that was done a moment ago."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LEAST_INTERVAL
            arm_listeners()

    def before_fork(self) -> None:
        """Arm what the child inherits, and end the thread: to fork beside threads is unsound."""
        if self._waiting and self._thread is not None:
            self._stop.set()
            self._thread.join(1)
            self._waiting = not arm_listeners()

    def after_fork_in_parent(self) -> None:
        if self._waiting:
            self._start_thread()

    def after_fork_in_child(self) -> None:
        """A child that makes a listener of its own arms it at its first request."""
        self._waiting = False

    def _start_thread(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._watch, name="p0f-arm", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(POLL):
            self._look()
            if time.monotonic() > self._deadline:
                self._waiting = False
                return

    def _look(self) -> None:
        armed = arm_listeners()
        if armed > self._armed:
            self._armed = armed
            self._deadline = time.monotonic() + SETTLING


armer = Armer()
os.register_at_fork(
    before=armer.before_fork,
    after_in_parent=armer.after_fork_in_parent,
    after_in_child=armer.after_fork_in_child,
)
