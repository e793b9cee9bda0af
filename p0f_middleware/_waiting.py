"""What threads and greenlets share, and how they wait: for a descriptor, and for a lock.

A greenlet of gevent or eventlet must wait in its library's hub: if it blocked its thread, none of
the thread's other greenlets could run, not even the one it waits for. The libraries replace
Python's functions and locks by cooperative ones whenever they are asked to, perhaps after a client
has connected, and perhaps not all (`patch_all(thread=False)`). So each wait looks up how to wait.
"""

import math
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0001, 0.01
_LONGEST_WAIT = 86_400.0  # seconds: poll() counts milliseconds in 32 bits


def wait_readable(fd: int, seconds: float) -> None:
    """Wait until a descriptor is readable, letting others run. Raises TimeoutError."""
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
    """Take a lock until `deadline`, letting others run; returns whether it was taken."""
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


class PerProcess(Generic[T]):
    """What the threads of one process share, made when this process first asks.

    So a fork needs no hook: the child makes its own. And by then, gevent or eventlet has replaced
    the locks of `threading`. The parent's is never freed in the child, since that may touch the
    parent's connection.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._by_process: dict[int, T] = {}

    def here(self) -> T:
        pid = os.getpid()
        found = self._by_process.get(pid)
        # setdefault is atomic: all threads get the same one.
        return self._by_process.setdefault(pid, self._make()) if found is None else found

    def replace(self) -> None:
        self._by_process[os.getpid()] = self._make()
