"""A worker thread that asks p0f for the event loops that have no connection of their own.

Theory of operation. `LoopWorker` has one thread, since there is one connection to ask on; lookups
queue up for it. The worker counts nothing: a lookup counts itself when the task that waits for it
resumes, which may be long before the answer arrives. If a lookup is cancelled before its turn, its
query is never sent; if it is cancelled later, the thread still reads the answer, or times out.

The thread ends before the process forks, since Python warns of threads at a fork. A child has no
worker thread; parent and child each start another one when they need it. (An executor of
concurrent.futures does not work here: ending it takes a lock, and a thread that submits work holds
that lock while it waits for another lock, which every fork takes.)
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from .._errors import P0fTimeout
from . import fork
from .exchange import Exchanger
from .health import Health
from .protocol import Reader

AFTERTHOUGHT = 0.01
"""Seconds on top of the timeout, in which the thread can still report what went wrong."""
_END_TIMEOUT = 1.0
"""Seconds that a fork waits for the thread to end; it may be in the middle of a lookup."""


class LoopWorker:
    """Does in a thread what `LoopConnection` does on a connection of the loop's own.

    Args:
        exchanger: asks p0f, in the thread.
        health: the client's view of p0f.
    """

    def __init__(self, exchanger: Exchanger, health: Health) -> None:
        self._exchanger = exchanger
        self._health = health
        self._threads: dict[int, _Thread] = {}
        """By process id: a forked child does not have its parent's thread."""
        fork.register(self)

    async def exchange(self, query: bytes, reader: Reader[Any], deadline: float = math.inf) -> Any:
        """The answer to `query` as `reader` returns it, as `Exchanger.exchange`.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        now = time.monotonic()
        self._health.refuse_early(now)
        seconds = min(self._exchanger.timeout, deadline - now)
        work = self._submit(lambda: self._exchanger.exchange(query, reader, deadline))
        answer = asyncio.wrap_future(work)
        try:
            done, _ = await asyncio.wait([answer], timeout=seconds + AFTERTHOUGHT)
        finally:  # if there is no answer yet, this lookup does not wait for it any more
            work.cancel()
            answer.cancel()
        if not done:
            raise P0fTimeout(f"other lookups kept p0f busy for {seconds:.3g} s")
        return answer.result()

    async def close(self) -> None:
        """Close the connection; waits up to two seconds for pending answers."""
        await asyncio.wrap_future(self._submit(self._exchanger.close))
        self._dismiss()

    def before_fork(self) -> None:
        """End the thread: Python warns of threads at a fork."""
        thread = self._dismiss()
        if thread is not None:
            thread.join(_END_TIMEOUT)
            fork.wait_for_end(thread.native_id)

    def after_fork_in_child(self) -> None:
        """Nothing to do: the child finds its thread by its own process id."""

    def __del__(self) -> None:
        self._dismiss()

    def _dismiss(self) -> _Thread | None:
        """Ask the thread to end once its jobs are done."""
        thread = self._threads.pop(os.getpid(), None)
        if thread is not None:
            thread.jobs.put(None)
        return thread

    def _submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Give the thread a job; starts a thread if there is none."""
        pid = os.getpid()
        while True:
            thread = self._threads.get(pid) or self._start(pid)
            future: Future[Any] = Future()
            thread.jobs.put((future, work))
            # If the thread was dismissed meanwhile, it may have ended before it saw this job.
            if self._threads.get(pid) is thread or not future.cancel():
                return future

    def _start(self, pid: int) -> _Thread:
        thread = _Thread()
        thread.start()
        chosen = self._threads.setdefault(pid, thread)  # atomic: all loops get the same one
        if chosen is not thread:
            thread.jobs.put(None)
        return chosen


class _Thread(threading.Thread):
    """Does jobs until it gets None."""

    def __init__(self) -> None:
        super().__init__(name="p0f", daemon=True)
        self.jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()

    def run(self) -> None:
        while (job := self.jobs.get()) is not None:
            future, work = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
            del job, future, work  # else they would live until the next job
