"""Waiting in threads and in greenlets: for a descriptor, and for a lock.

Theory of operation. gevent and eventlet run many greenlets in one thread. A greenlet that waits
must tell its hub, so that another may run; if it stops the thread instead, nobody runs. They put
cooperative classes in the place of Python's (`monkey.patch_all()`), at any time: before this module
is imported, after a client was made, also after it has connected, and they may do so for sockets
and not for locks (`patch_all(thread=False)`). So nothing here depends on when an object was made:

- Connections are made of the C type `_socket.socket`, which is never replaced and never waits.
- How to wait is decided at each wait, by what `socket.socket` is at that moment.
- Where there is a hub, a lock is only ever tried (`acquire(False)`), never waited for. Its holder
  may wait for p0f, and a lock of the threading module would stop the thread that is to wake it up.
  So the others ask again after short sleeps of their hub. (A wakeup would need either a primitive
  of the hub, which works in one thread only, or a descriptor for each greenlet that waits.)
- Where there is no hub, threads wait in the operating system, for descriptors and for locks.
"""

from __future__ import annotations

import math
import socket
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

try:
    # Taken now: a later patch would replace it by one that waits in the hub.
    from select import poll as _poll
except ImportError:  # Windows has none, and eventlet removes it
    _poll = None  # type: ignore[assignment,misc]
from select import select as _select

_FIRST_PAUSE = 0.0005
"""Seconds until a greenlet tries a lock again; each pause is a quarter longer than the last."""
_LONGEST_WAIT = 86_400.0
"""Seconds. poll() counts in milliseconds, and in 32 bits."""


class Lock(Protocol):
    """As `threading.Lock()`, or what has replaced it."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...
    def release(self) -> None: ...


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
    for base in getattr(socket.socket, "__mro__", ()):  # somebody may have put a function there
        hub = _HUBS.get(base.__module__.partition(".")[0])
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


def acquire(lock: Lock, deadline: float) -> bool:
    """Take a lock that somebody else may hold, letting other threads and greenlets run.

    Args:
        lock: what to take.
        deadline: `time.monotonic()` after which to wait no longer.

    Returns:
        Whether the lock was taken.
    """
    hub = current_hub()
    if hub is None:
        left = max(deadline - time.monotonic(), 0.0)
        return lock.acquire(True, min(left, _LONGEST_WAIT))
    pause = _FIRST_PAUSE
    while not lock.acquire(False):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        hub.sleep(min(pause, left))
        pause *= 1.25
    return True
