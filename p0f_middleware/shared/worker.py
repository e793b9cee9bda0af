"""Worker: runs slow calls in a thread of their own, so that the caller can stop waiting.

Resolving a name, connecting, TLS and AUTH have no common deadline, and a redis-py client that the
user has made has timeouts of its own. With a worker, a request stops waiting for them at its own
deadline.

Theory of operation. Calls run one after the other, in the order of `submit`, in a thread that ends
when there are no calls left. A caller waits for a file descriptor that the thread writes to: that
works in every thread and greenlet, whether gevent has replaced threads, sockets, both or neither. A
call runs to its end even if its caller has stopped waiting; the next caller uses its result, or the
call closes what it opened.

The fact a reader would get wrong: a forked child does not have the thread, and the worker's lock
may be held there for ever. So a worker belongs to one process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from .._brief_lock import BriefLock
from .._waiting import wait_readable

ResultT = TypeVar("ResultT")


class Worker:
    """Runs calls in one thread."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._lock = BriefLock()
        self._running = False

    def submit(self, call: Callable[[], object]) -> None:
        """Queue a call, which must not raise.

        Raises:
            RuntimeError: no thread can be started, because the interpreter is ending.
        """
        with self._lock:
            if not self._running:
                self._start()
            self._calls.append(call)

    def _start(self) -> None:
        self._running = True  # before the start: a signal handler may submit a call meanwhile
        try:
            threading.Thread(target=self._run, name="p0f_middleware", daemon=True).start()
        except BaseException:
            self._running = False
            raise

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._running = False
                    return
                call = self._calls.popleft()
            call()
            del call  # else it would keep its caller alive during the next call


class Call(Generic[ResultT]):
    """A call for a worker, whose end a caller can wait for.

    Raises:
        OSError: there are too many open files.
    """

    def __init__(self, call: Callable[[], ResultT]) -> None:
        self._call = call
        self._ready, self._done = os.pipe()
        self.ended: bool = False
        self.result: ResultT | None = None
        self.error: Exception | None = None

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._ready)
            os.close(self._done)

    def __call__(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:
            self.error = error
        self.ended = True
        os.write(self._done, b"x")

    def wait(self, deadline: float) -> bool:
        """Wait for its end until `deadline` (`time.monotonic()`); returns whether it has ended."""
        if not self.ended:
            with contextlib.suppress(TimeoutError):
                wait_readable(self._ready, deadline - time.monotonic())
        return self.ended
