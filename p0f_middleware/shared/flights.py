"""Flights: the round trips to a store, each for all lookups that wait when it starts.

Theory of operation. A lookup never talks to the store itself. It joins a queue, and waits for its
values until its own deadline. One flight at a time asks for all lookups in the queue; those that
come meanwhile go together in the next. So a lookup waits for two round trips at most, and a process
has one connection. Whatever is slow in redis-py (a name server, TLS, AUTH, a reply that comes byte
by byte), the lookup ends at its deadline, and the flight goes on without it.

A thread makes the flights. It starts with the first lookup, ends when none has come for `LINGER`
seconds, and starts again with the next. Only that thread calls the client; one for asyncio, which a
user has made, it calls in the loop of the lookups.

A lookup may be abandoned at any point (a deadline, a cancelled task, a signal handler that raises):
its values come, and nobody reads them.
"""

import asyncio
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

from .._errors import P0fError, P0fUnavailable
from .._store import STEP_TIMEOUT, Keys, Store, Values, request, values_in
from .._waiting import acquire

LINGER = 1.0  # starting a thread for the next lookup would take 0.1 ms or more
MOST_TOGETHER = 256


class Lookup:
    """A lookup in the queue. `loop` is that of the task that waits for it; None for a thread."""

    __slots__ = ("deadline", "keys", "loop", "result", "seconds", "waiter")

    def __init__(
        self, keys: Keys, seconds: float, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.keys: Keys = keys
        self.seconds: float = seconds
        self.deadline: float = time.monotonic() + seconds
        self.loop: asyncio.AbstractEventLoop | None = loop
        self.result: Values | P0fError | None = None
        self.waiter: Any
        if loop is None:
            self.waiter = threading.Lock()
            self.waiter.acquire()
        else:
            self.waiter = loop.create_future()

    def wait(self) -> None:
        acquire(self.waiter, self.deadline)

    async def wait_in_loop(self) -> None:
        assert self.loop is not None
        timer = self.loop.call_later(self.deadline - time.monotonic(), _wake, [self.waiter])
        try:
            await self.waiter
        finally:
            timer.cancel()


class Flights:
    """The queue of a process, and the thread that makes its flights.

    `_running` is locked while there is a thread. The thread unlocks it before it ends, and looks at
    the queue after that; `join` fills the queue before it tries the lock. So one of the two sees
    the other, and no lookup is forgotten.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client = store.client()
        self._queue: deque[Lookup] = deque()
        self._thread: threading.Thread | None = None
        self._running = threading.Lock()
        self._more = threading.Lock()
        self._more.acquire()

    def join(self, lookup: Lookup) -> None:
        self._queue.append(lookup)
        if not self._running.acquire(False):
            with suppress(RuntimeError):  # it has been released already
                self._more.release()
            return
        try:
            self._thread = threading.Thread(target=self._run, name="p0f_middleware", daemon=True)
            self._thread.start()
        except RuntimeError as error:  # this process can start no thread; a thread asks itself
            why = lookup.loop and P0fUnavailable(f"the SYN store cannot be asked: {error}")
            while together := self._take():
                self._deliver(together, why or self._ask(together))
            self._running.release()

    def abandon(self) -> None:
        """End a flight that has not come back, so that the next lookup gets one."""
        if self._thread is None or not self._thread.is_alive():
            with suppress(RuntimeError):
                self._running.release()  # a signal handler raised while the thread was started
        self.close()

    def close(self) -> None:
        """Close our own connection; the next flight opens another."""
        if self._store.given is None:
            self._client.connection_pool.disconnect()

    def _run(self) -> None:
        while True:
            while together := self._take():
                self._deliver(together, self._ask(together))
            if not self._more.acquire(True, LINGER):
                self._running.release()
                if not self._queue or not self._running.acquire(False):
                    return

    def _take(self) -> list[Lookup]:
        # The lookups of the next flight; for an asyncio client they are those of one loop.
        queue, together = self._queue, list[Lookup]()
        while queue and len(together) < MOST_TOGETHER:
            if together and self._store.asynchronous and queue[0].loop is not together[0].loop:
                break
            together.append(queue.popleft())
        return together

    def _ask(self, together: list[Lookup]) -> list[Values] | P0fError:
        lookups = [lookup.keys for lookup in together]
        loop = together[0].loop
        try:
            if self._store.asynchronous and loop is not None:
                asked = asyncio.run_coroutine_threadsafe(_awaited(self._client, lookups), loop)
                reply = asked.result(STEP_TIMEOUT)
            else:
                reply = request(self._client, lookups)
            return values_in(reply, lookups)
        except Exception as error:
            return self._store.explain(error)

    def _deliver(self, together: list[Lookup], result: list[Values] | P0fError) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[Any]] = {}
        for n, lookup in enumerate(together):
            lookup.result = result if isinstance(result, P0fError) else result[n]
            if lookup.loop is None:
                lookup.waiter.release()
            else:
                loops.setdefault(lookup.loop, []).append(lookup.waiter)
        for loop, waiters in loops.items():
            with suppress(RuntimeError):  # that loop has been closed
                loop.call_soon_threadsafe(_wake, waiters)


async def _awaited(client: Any, lookups: list[Keys]) -> Any:
    return await request(client, lookups)


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
