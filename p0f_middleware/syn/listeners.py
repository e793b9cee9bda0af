"""Finds this process's TCP listeners, and has Linux keep the SYNs of what they accept.

Theory of operation. A server makes its listeners before it imports the application, after that, or
after a fork. `Syn` searches when it is made. If there is none, a daemon thread searches for at most
10 seconds more. A request whose connection has no SYN starts such a thread for one search, which
finds what was made later, or after a fork: the child has no thread of its parent. The option
belongs to the socket, whichever process sets it. So two searches may overlap, without a lock.
"""

import contextlib
import os
import sys
import threading
import time

from .kernel import LINUX, Descriptor, is_tcp_listener, save_syn

POLL = 0.02  # seconds between two searches of the thread
LONGEST = 10.0  # seconds to wait for a listener
SETTLING = 1.0  # seconds to wait for more listeners after one
LEAST_INTERVAL = 1.0  # seconds between two searches that requests start
LARGEST_SHARE = 0.02  # of the time, for searches: they ask each descriptor of the process

_thread: threading.Thread | None = None
_next_search = 0.0


def search() -> None:
    """Enable TCP_SAVE_SYN on the present listeners or, if there are none, on those made soon."""
    # Python 3.12 warns of a fork beside a thread. A server that forks has its listeners by now, but
    # for gunicorn with --preload, which calls `when_ready`, or its workers' first requests search.
    if LINUX and not enable_on_listeners() and "gunicorn.arbiter" not in sys.modules:
        _start_thread(LONGEST)


def search_again() -> None:
    """Search once, at most once a second: the listener of a connection did not keep SYNs."""
    if LINUX and time.monotonic() >= _next_search:
        _start_thread(0.0)


def _start_thread(seconds: float) -> None:
    """Search in a thread, if none does yet."""
    global _thread
    if _thread is None or not _thread.is_alive():
        try:
            thread = threading.Thread(target=_search_for, args=(seconds,), daemon=True)
            thread.start()
            _thread = thread
        except RuntimeError:  # this process can start none
            _search_for(0.0)


def _search_for(seconds: float) -> None:
    """Search at once, and again until `seconds` have passed or all listeners seem to be there."""
    global _next_search
    deadline = time.monotonic() + seconds
    while True:
        started = time.monotonic()
        found = enable_on_listeners()
        now = time.monotonic()
        pause = (now - started) / LARGEST_SHARE
        _next_search = now + max(LEAST_INTERVAL, pause)
        if found:
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
