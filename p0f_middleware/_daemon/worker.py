"""Asking p0f in a worker thread, for the event loops that have no connection of their own.

Theory of operation. `LoopWorker` has one thread, since there is one connection to ask on; lookups
queue up for it. It counts nothing: the lookup counts itself, when the task that waits for it goes
on, and that may be long before its answer comes. A lookup that is given up before its turn is never
asked; one that is given up later leaves the thread to read the answer, or to time out.

The thread ends before the process forks, as Python warns of threads at a fork. A child has none;
both get another one when they need it. (An executor of concurrent.futures will not do: to end it
takes a lock, and another thread that submits work holds that lock while it waits for one that every
fork takes.)
"""

from __future__ import annotations

import asyncio
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
"""Seconds on top of the timeout for the thread to say what went wrong."""
_END_TIMEOUT = 1.0
"""Seconds that a fork waits for the thread, which may be in the middle of a lookup, to end."""


class LoopWorker:
    """Has a thread do what the asyncio client does on a connection of a loop.

    Args:
        exchanger: asks p0f, in the thread.
        health: what is known of p0f.
    """

    def __init__(self, exchanger: Exchanger, health: Health) -> None:
        self._exchanger = exchanger
        self._health = health
        self._threads: dict[int, _Thread] = {}
        """By process: a fork's child has no thread of its parent's."""
        fork.register(self)

    async def exchange(self, query: bytes, reader: Reader[Any]) -> Any:
        """What `reader` makes of the answer to `query`.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: did not answer in time).
            P0fProtocolError: the answer is not one of p0f's.
        """
        self._health.refuse_early(time.monotonic())
        seconds = self._exchanger.timeout
        work = self._submit(lambda: self._exchanger.exchange(query, reader))
        answer = asyncio.wrap_future(work)
        try:
            done, _ = await asyncio.wait([answer], timeout=seconds + AFTERTHOUGHT)
        finally:  # if the answer has not come, nobody waits for it any more
            work.cancel()
            answer.cancel()
        if not done:
            raise P0fTimeout(f"other lookups kept p0f busy for {seconds:.3g} s")
        return answer.result()

    async def close(self) -> None:
        """Close the connection; waits up to two seconds for answers that are pending."""
        await asyncio.wrap_future(self._submit(self._exchanger.close))
        self._dismiss()

    def before_fork(self) -> None:
        """Python warns of threads at a fork."""
        thread = self._dismiss()
        if thread is not None:
            thread.join(_END_TIMEOUT)
            fork.wait_for_end(thread.native_id)

    def after_fork_in_child(self) -> None:
        """The thread is the parent's. (The child looks for one by its own process id.)"""

    def __del__(self) -> None:
        self._dismiss()

    def _dismiss(self) -> _Thread | None:
        """Have the thread end when it has done what it was given."""
        thread = self._threads.pop(os.getpid(), None)
        if thread is not None:
            thread.jobs.put(None)
        return thread

    def _submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Have the thread do something; starts it if there is none."""
        pid = os.getpid()
        while True:
            thread = self._threads.get(pid) or self._start(pid)
            future: Future[Any] = Future()
            thread.jobs.put((future, work))
            # If it was dismissed meanwhile, it may have gone before it saw this.
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
    """Does what it is given until it is given None."""

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
            del job, future, work  # so that they do not live until the next one comes
