"""Worker: calls that may take long, in a thread of their own, so that the caller can stop waiting.

Resolving a name, connecting, TLS and AUTH have no common deadline, and a client that somebody else
made has whatever timeouts it was given. A request waits for neither longer than it may.

Theory of operation. Calls run one after the other, in the order they came, in a thread that ends
when there are none left. Whoever waits for a call waits for a file descriptor that the thread
writes to: that works in every thread and greenlet, whether gevent has replaced threads, sockets,
both or neither. A call whose caller has gone runs to its end all the same: it hands its result to
whoever asks next, or closes what it opened.

The fact a reader would get wrong: in a child after a fork the thread is gone, and its lock may be
held for ever. A worker belongs to one process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from .._waiting import wait_readable

ResultT = TypeVar("ResultT")


class Worker:
    """Runs calls in one thread."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        self._running = False

    def submit(self, call: Callable[[], object]) -> None:
        """Have a call run; it must not raise.

        Raises:
            RuntimeError: there are no new threads, as the interpreter is ending.
        """
        with self._lock:
            if not self._running:
                threading.Thread(target=self._run, name="p0f_middleware", daemon=True).start()
                self._running = True
            self._calls.append(call)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._running = False
                    return
                call = self._calls.popleft()
            call()
            del call  # or it would keep its caller alive while the next one runs


class Call(Generic[ResultT]):
    """A call for a worker, which somebody waits for.

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
        """Whether it has ended, at the latest by `deadline` (`time.monotonic()`)."""
        if not self.ended:
            with contextlib.suppress(TimeoutError):
                wait_readable(self._ready, deadline - time.monotonic())
        return self.ended
