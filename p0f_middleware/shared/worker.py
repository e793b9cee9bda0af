"""Worker: calls that may take long, in a thread of their own, so that the caller can stop waiting.

Resolving a name, connecting, TLS and AUTH have no common deadline, and a client that somebody else
made has whatever timeouts it was given. A request waits for neither longer than it may.

Theory of operation. Calls run one after the other, in the order they came. The thread starts with
the first call and ends when there was none for `_LINGER` seconds. A call whose caller has gone runs
to its end all the same: it hands its result to whoever asks next, or closes what it opened.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_LINGER = 1.0


class Worker:
    """Runs calls in one thread. It belongs to the process that made it."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running = False

    def submit(self, call: Callable[[], object]) -> None:
        """Have a call run; it must not raise.

        Raises:
            RuntimeError: there are no new threads, as the interpreter is ending.
        """
        self._calls.put(call)
        with self._lock:
            if not self._running:
                threading.Thread(target=self._run, name="p0f_middleware", daemon=True).start()
                self._running = True

    def _run(self) -> None:
        while True:
            try:
                call = self._calls.get(timeout=_LINGER)
            except queue.Empty:
                with self._lock:  # a call that was put since then finds us running, or gone
                    if self._calls.empty():
                        self._running = False
                        return
                continue
            call()
            del call  # or it would keep its caller alive while there is none to follow
