"""What the threads of one process share: a connection, its lock, and the watch that closes it.

Theory of operation. The thread that holds `lock` may use and replace `connection`. The watch is a
thread that runs while there is a connection. It tries the lock and never waits for it: if the lock
is held, the connection is in use. The watch sleeps on a lock of its own, and releasing that lock
ends it: a release never waits, so a finalizer or a fork hook may do it.

The watch uses `threading` as it is when the watch is made: after gevent or eventlet has patched it,
the thread is a greenlet, and its lock is cooperative, too.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time

from .._waiting import Lock
from . import fork
from .connection import Connection

_END_TIMEOUT = 1.0
"""Seconds to wait at most for the watch to end. It ends much sooner."""


class SharedConnection:
    """The connection of the process `pid`, whichever of its threads opened it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = Lock()
        """Held by the thread that uses the connection."""
        self.last_used = 0.0
        """When the lock was last taken for a lookup (`time.monotonic()`)."""
        self.connection: Connection[object] | None = None
        self.watch: Watch | None = None

    def release(self, patience: float = 0.0) -> None:
        """Release the connection: it closes within `patience` seconds, or once that is harmless."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.release(patience)

    def abandon(self) -> None:
        """Close the connection at once: its server is not p0f."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abandon()

    def start_watch(self, idle: float) -> None:
        """Start a watch that closes the connection after `idle` seconds without use. Needs the
        lock."""
        watch = Watch(self, idle)
        with contextlib.suppress(RuntimeError):  # no new threads while the interpreter ends
            watch.start()
            self.watch = watch

    def stop_watch(self) -> None:
        """Ask the watch to end. Does not wait."""
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.stop()

    def end_watch(self) -> None:
        """End the watch, and wait until its thread has left the process."""
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.stop()
            watch.join()


class Watch:
    """A thread that releases a connection after `idle` seconds without use."""

    def __init__(self, shared: SharedConnection, idle: float) -> None:
        self._shared = shared
        self._idle = idle
        self._stop = threading.Lock()
        self._stop.acquire()
        self._thread = threading.Thread(target=self._run, name="p0f idle", daemon=True)

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: no thread can be started.
        """
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end. Does not wait, and may be called more than once."""
        with contextlib.suppress(RuntimeError):  # the lock was released already
            self._stop.release()

    def join(self) -> None:
        """Wait until the thread has ended, if it is an operating system thread."""
        native_id = self._thread.native_id
        if native_id == threading.get_native_id():
            return  # a greenlet: there is no thread to wait for
        self._thread.join(_END_TIMEOUT)
        fork.wait_for_end(native_id)

    def _run(self) -> None:
        left = self._idle
        while not self._stop.acquire(True, min(left, threading.TIMEOUT_MAX)):
            shared = self._shared
            left = self._idle
            if not shared.lock.try_now(False):
                continue  # the connection is in use
            try:
                if shared.watch is not self:
                    return
                left = shared.last_used + self._idle - time.monotonic()
                if left <= 0:
                    left = self._idle
                    if shared.connection is not None and shared.connection.drain():
                        shared.release()
                    if shared.connection is None:
                        shared.watch = None
                        return
            finally:
                shared.lock.release()
