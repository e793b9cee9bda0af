"""Waiting in threads and in greenlets: for a descriptor, and for a lock.

Theory of operation. gevent and eventlet run many greenlets in one thread. A greenlet that waits
must tell its hub, so that another may run; if it stops the thread instead, nobody runs. They put
cooperative classes in the place of Python's (`monkey.patch_all()`), at any time: before this module
is imported, after a client was made, also after it has connected, and they may do so for sockets
and not for locks (`patch_all(thread=False)`). So nothing here depends on when an object was made:

- Connections are made of the C type `_socket.socket`, which is never replaced and never waits.
- How to wait is decided at each wait, by what sockets and locks are at that moment.
- Where there is a hub, a lock of the threading module is only tried (`acquire(False)`), never
  waited for. Its holder may wait for an answer, and the wait would stop the thread that is to wake
  the holder up. So greenlets stand in a queue, and ask again after short sleeps of their hub. (A
  wakeup would need either a primitive of the hub, which works in one thread only, or a descriptor
  for each greenlet that waits, which may be thousands.) Nobody takes the lock past the queue.
- Where there is no hub, threads wait in the operating system, for descriptors and for locks.

The fact a reader would get wrong: a lookup whose answer comes at once takes the lock, polls and
releases it without waiting at all, so that the queue is empty unless what is asked is slow.
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
    # Taken now: a later patch would replace it by one that waits in the hub.
    from select import poll as _poll
except ImportError:  # Windows has none, and eventlet removes it
    _poll = None  # type: ignore[assignment,misc]
from select import select as _select

_PAUSE = 0.0001
"""Seconds until the first greenlet of a queue tries the lock again, and the second looks whether it
is the first; those behind sleep as many times as long as their place says."""
_LONGEST_PAUSE = 0.02
"""Seconds. Those in front may give up."""
_LONGEST_WAIT = 86_400.0
"""Seconds. poll() counts in milliseconds, and in 32 bits."""


class Hub(NamedTuple):
    """How greenlets wait."""

    wait_readable: Callable[[int, float], None]
    """Wait until a descriptor is readable; raises TimeoutError after so many seconds."""
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
    """Wait until there is something to read, letting other threads and greenlets run.

    Raises:
        TimeoutError: there was nothing within `seconds`.
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
        """The places of the greenlets that wait, in order. Leave the lock to them."""
        self.try_now: Callable[[bool], bool] = self._lock.acquire
        """`try_now(False)` takes the lock if it is free, and tells whether it was."""
        self.release: Callable[[], None] = self._lock.release
        """Give the lock back."""

    def acquire(self, deadline: float) -> bool:
        """Take the lock, letting other threads and greenlets run while somebody else holds it.

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
