"""Waits in threads and in greenlets: for a descriptor, and for a lock.

Theory of operation. gevent and eventlet run many greenlets in one thread. A greenlet that waits
must wait in its hub, so that others can run; if it blocks the thread instead, none can. The two
libraries replace Python's classes by cooperative ones (`monkey.patch_all()`), at any time: before
this module is imported, after a client was made, even after it has connected; and perhaps only
sockets, not locks (`patch_all(thread=False)`). So nothing here depends on when an object was made:

- Connections use the C type `_socket.socket`, which the libraries never replace and which, being
  non-blocking, never waits.
- Each wait decides how to wait, by the classes of sockets and locks at that moment.
- Under a hub, a greenlet only tries a lock of the threading module (`acquire(False)`), and never
  waits for it. The lock's holder may wait for an answer, and blocking the thread would keep the
  holder from waking up. So greenlets queue, and try again after short sleeps in their hub. (Waking
  them would need a primitive of the hub, which works in one thread only, or a descriptor for each
  of perhaps thousands of greenlets.) No greenlet takes the lock ahead of the queue.
- Without a hub, threads wait in the operating system, for descriptors and for locks.

The fact a reader would get wrong: a lookup whose answer arrives at once takes the lock, polls and
releases it without waiting at all, so the queue is empty unless the program that is asked is slow.
"""

from __future__ import annotations

import _thread
import itertools
import math
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

try:
    # Imported now: a later patch would replace it by a function that waits in the hub.
    from select import poll as _poll
except ImportError:  # Windows has none, and eventlet removes it
    _poll = None  # type: ignore[assignment,misc]
from select import select as _select

_PAUSE = 0.0001
"""Seconds until the first greenlet of a queue tries the lock again, and the second checks whether
it is the first. The third sleeps twice as long, the fourth three times as long, and so on."""
_LONGEST_PAUSE = 0.02
"""Seconds that a greenlet sleeps at most: those in front of it may give up."""
_LONGEST_WAIT = 86_400.0
"""Seconds to wait at most: poll() counts milliseconds in 32 bits."""


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


def wait_readable(descriptor: int, seconds: float) -> None:
    """Wait until a descriptor is readable, letting other threads and greenlets run.

    Raises:
        TimeoutError: it was not readable within `seconds`.
    """
    if seconds <= 0:
        raise TimeoutError
    hub = current_hub()
    if hub is not None:
        hub.wait_readable(descriptor, seconds)
        return
    seconds = min(seconds, _LONGEST_WAIT)
    if _poll is None:
        ready = bool(_select([descriptor], [], [], seconds)[0])
    else:
        poll = _poll()
        poll.register(descriptor, 1)  # POLLIN
        ready = bool(poll.poll(math.ceil(seconds * 1000)))
    if not ready:
        raise TimeoutError


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
