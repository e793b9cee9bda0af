"""Waits of threads and greenlets: for a descriptor, and for a lock.

A greenlet of gevent or eventlet must wait in its library's hub: if it blocked its thread, none of
the thread's other greenlets could run, not even the one it waits for. The libraries replace
Python's functions and locks by cooperative ones whenever they are asked to, perhaps after a client
has connected, and perhaps not all (`patch_all(thread=False)`). So each wait looks up how to wait.
"""

from __future__ import annotations

import _thread
import itertools
import math
import select
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0001, 0.01
_LONGEST_WAIT = 86_400.0
"""Seconds to wait at most: poll() counts milliseconds in 32 bits."""


def wait_readable(fd: int, seconds: float) -> None:
    """Wait until a descriptor is readable, letting other threads and greenlets run.

    Raises:
        TimeoutError: it was not readable within `seconds`.
    """
    if seconds <= 0:
        raise TimeoutError
    seconds = min(seconds, _LONGEST_WAIT)
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        ready = bool(poll.poll(math.ceil(seconds * 1000)))
    else:  # Windows has none, and eventlet removes it
        ready = bool(select.select([fd], [], [], seconds)[0])
    if not ready:
        raise TimeoutError


def acquire(lock: threading.Lock, deadline: float) -> bool:
    """Take a lock, letting other threads and greenlets run; returns whether it was taken.

    Args:
        lock: a lock of `threading`, made before or after gevent or eventlet has patched that.
        deadline: `time.monotonic()` after which to wait no longer.
    """
    if lock.acquire(False):
        return True
    left = max(deadline - time.monotonic(), 0.0)
    if type(lock).__module__ != "_thread" or time.sleep.__module__ == "time":
        return lock.acquire(True, min(left, _LONGEST_WAIT))
    # A lock of the operating system, where greenlets run: its holder may be one of this thread's.
    pause = _FIRST_PAUSE
    while left > 0 and not lock.acquire(False):
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
        left = deadline - time.monotonic()
    return left > 0


# Until the store's clients use `acquire`:

_PAUSE = 0.0001


class Hub(NamedTuple):
    """How greenlets wait."""

    wait_readable: Callable[[int, float], None]
    """Wait until a descriptor is readable; raises TimeoutError after the given seconds."""
    sleep: Callable[[float], None]


def _gevent() -> Hub:
    gevent, gevent_socket = sys.modules["gevent"], sys.modules["gevent.socket"]

    def wait_readable(descriptor: int, seconds: float) -> None:
        gevent_socket.wait_read(descriptor, seconds, TimeoutError())

    return Hub(wait_readable, gevent.sleep)


def _eventlet() -> Hub:
    eventlet, hubs = sys.modules["eventlet"], sys.modules["eventlet.hubs"]

    def wait_readable(descriptor: int, seconds: float) -> None:
        hubs.trampoline(descriptor, read=True, timeout=seconds, timeout_exc=TimeoutError())

    return Hub(wait_readable, eventlet.sleep)


_HUBS = {"gevent": _gevent, "eventlet": _eventlet}


def current_hub() -> Hub | None:
    """How this process waits now; None if its threads wait in the operating system."""
    for replaced in (socket.socket, _thread.allocate_lock):
        for base in getattr(replaced, "__mro__", (replaced,)):  # a class, or just a function
            hub = _HUBS.get(str(base.__module__).partition(".")[0])
            if hub is not None:
                return hub()
    return None


class Lock:
    """A lock whose holder may wait for an answer. It is not re-entrant."""

    __slots__ = ("_lock", "_places", "queue", "release", "try_now")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places = itertools.count()
        self.queue: deque[int] = deque()
        """The places of the greenlets that wait, in order. If there are any, do not `try_now`."""
        self.try_now: Callable[[bool], bool] = self._lock.acquire
        """`try_now(False)` takes the lock if it is free; returns whether it was."""
        self.release: Callable[[], None] = self._lock.release
        """Release the lock."""

    def acquire(self, deadline: float) -> bool:
        """Take the lock; other threads and greenlets run while this one waits for it.

        Args:
            deadline: `time.monotonic()` after which to wait no longer.

        Returns:
            Whether the lock was taken.
        """
        hub = current_hub()
        if hub is not None:
            return self._acquire_in_turn(deadline, hub.sleep)
        left = max(deadline - time.monotonic(), 0.0)
        return self._lock.acquire(True, min(left, _LONGEST_WAIT))

    def _acquire_in_turn(self, deadline: float, sleep: Callable[[float], None]) -> bool:
        queue = self.queue
        place = next(self._places)
        queue.append(place)
        try:
            while True:
                ahead = place - queue[0]
                if ahead <= 0 and self._lock.acquire(False):
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                sleep(min(max(ahead, 1) * _PAUSE, _LONGEST_PAUSE, left))
        finally:
            queue.remove(place)
