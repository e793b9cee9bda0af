"""Finds this process's TCP listeners, and has Linux keep the SYNs of what they accept.

Theory of operation. A server makes its listeners before it imports the application, after that, or
after a fork. `Syn` searches when it is made. If there is none, a daemon thread searches for at most
10 seconds more. A request whose connection has no SYN starts such a thread for one search, which
finds what was made later, or after a fork: the child has no thread of its parent.

The option belongs to the socket, not to the process: set by a parent or a child, it holds for all
that share the listener. So two searches may overlap, and nothing here needs a lock.

Python 3.12 and newer warn of a fork beside a thread. A server that forks has its listeners by then,
so there is no thread, except gunicorn with `--preload`, where none is started: gunicorn calls
`when_ready`, or else its workers' first requests search. Other programs that fork within 10 seconds
after making a `Syn` can make it with `arm=False`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

from .kernel import LINUX, Descriptor, is_tcp_listener, save_syn

__all__ = ["search", "search_again"]

POLL = 0.02
"""Seconds between two searches of the thread."""
LONGEST = 10.0
"""Seconds to wait for a listener. If a server takes longer to start, its first request searches."""
SETTLING = 1.0
"""Seconds to wait for more listeners after one: a server may make several, one after the other."""
LEAST_INTERVAL = 1.0
"""Seconds between two searches that requests start."""
LARGEST_SHARE = 0.02
"""Share of the time to spend on searches, which ask each descriptor of the process: some 5 us."""

_thread: threading.Thread | None = None
_next_search = 0.0


def search() -> None:
    """Enable TCP_SAVE_SYN on the present listeners or, if there are none, on those made soon."""
    if LINUX and not enable_on_listeners() and "gunicorn.arbiter" not in sys.modules:
        _start_thread(LONGEST)


def search_again() -> None:
    """Search once, at most once a second: the listener of a connection did not keep SYNs."""
    if LINUX and time.monotonic() >= _next_search and not _start_thread(0.0):
        _search_for(0.0)


def _start_thread(seconds: float) -> bool:
    """Search in a thread, if none does yet; False if this process can start none."""
    global _thread
    if _thread is None or not _thread.is_alive():
        try:
            thread = threading.Thread(target=_search_for, args=(seconds,), daemon=True)
            thread.start()
        except RuntimeError:  # as in an isolated sub-interpreter
            return False
        _thread = thread
    return True


def _search_for(seconds: float) -> None:
    """Search at once, and again until `seconds` have passed or all listeners seem to be there."""
    global _next_search
    deadline = time.monotonic() + seconds
    known = 0
    while True:
        started = time.monotonic()
        found = enable_on_listeners()
        now = time.monotonic()
        pause = (now - started) / LARGEST_SHARE
        _next_search = now + max(LEAST_INTERVAL, pause)
        if found > known:
            known = found
            deadline = min(deadline, now + SETTLING)
        if now >= deadline:
            break
        time.sleep(max(POLL, pause))


def enable_on_listeners() -> int:
    """Call `save_syn` for each TCP listener of this process; returns how many there are."""
    found = 0
    with contextlib.suppress(OSError):  # there is no /proc
        for fd in map(int, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError):  # not a socket, or closed meanwhile
                if is_tcp_listener(Descriptor(fd)):
                    save_syn(fd)
                    found += 1
    return found
