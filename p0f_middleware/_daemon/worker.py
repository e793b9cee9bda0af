"""Asking p0f in a worker thread, for the event loops that have no connection of their own.

Theory of operation. `LoopWorker` has one thread, since there is one connection to ask on; lookups
queue up for it. It counts nothing: the lookup counts itself, when the task that waits for it goes
on, and that may be long before its answer comes. One that is given up before it was asked is never
asked; one that is given up later leaves the thread to read the answer, or to time out.

The thread ends before a process forks, if it has nothing to do, as Python warns of threads at a
fork. A child has none; both get another one when they need it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .._errors import P0fTimeout
from . import fork
from .exchange import Exchanger
from .health import Health
from .protocol import Reader

AFTERTHOUGHT = 0.01
"""Seconds on top of the timeout for the thread to say what went wrong."""


class LoopWorker:
    """Has a thread do what the asyncio client does on a connection of a loop.

    Args:
        exchanger: asks p0f, in the thread.
        health: what is known of p0f.
    """

    def __init__(self, exchanger: Exchanger, health: Health) -> None:
        self._exchanger = exchanger
        self._health = health
        self._executors: dict[int, ThreadPoolExecutor] = {}
        """By process: a fork's child has no thread of its parent's."""
        self._work: set[Future[Any]] = set()
        """What was not done yet."""
        self._native_id: int | None = None
        fork.register(self)

    async def exchange(self, query: bytes, reader: Reader[Any]) -> Any:
        """What `reader` makes of the answer to `query`.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: did not answer in time).
            P0fProtocolError: the answer is not one of p0f's.
        """
        self._health.refuse_early(time.monotonic())
        seconds = self._exchanger.timeout
        answer = asyncio.wrap_future(self._submit(self._exchanger.exchange, query, reader))
        try:
            done, _ = await asyncio.wait([answer], timeout=seconds + AFTERTHOUGHT)
        finally:
            answer.cancel()  # if it has not come: nobody waits for it any more
        if not done:
            raise P0fTimeout(f"other lookups kept p0f busy for {seconds:.3g} s")
        return answer.result()[0]

    async def close(self) -> None:
        """Close the connection; waits up to two seconds for answers that are pending."""
        await asyncio.wrap_future(self._submit(self._exchanger.close))

    def before_fork(self) -> None:
        """Python warns of threads at a fork, so an idle one ends before it."""
        executor = self._executors.pop(os.getpid(), None)
        if executor is not None:
            idle = not self._work
            executor.shutdown(wait=idle)
            if idle:
                fork.wait_for_end(self._native_id)

    def after_fork_in_child(self) -> None:
        """What was under way is the parent's."""
        self._work = set()

    def _submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have the thread do something; starts it if there is none."""
        while True:
            # setdefault is atomic, and an executor without work has no thread
            executor = self._executors.setdefault(
                os.getpid(), ThreadPoolExecutor(1, "p0f", self._note_thread)
            )
            with contextlib.suppress(RuntimeError):  # a fork has ended it in this very moment
                work = executor.submit(function, *args)
                break
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        return work

    def _note_thread(self) -> None:
        self._native_id = threading.get_native_id()
