"""Flights: the round trips to a store, each for all lookups that wait when it starts.

Theory of operation. A lookup never talks to the store itself. It joins a queue, and waits until its
own deadline for its values. One flight at a time asks for all lookups in the queue; those that come
meanwhile go together in the next. So a lookup waits for two round trips at most, the store gets
request at a time, and a process has one connection, however many threads, greenlets and event loops
ask. Nothing that is slow in redis-py (a name server, TLS, AUTH, a reply that comes byte by byte)
can hold a lookup past its deadline: the flight goes on without it.

With a blocking client the flights are made in a thread, which starts with the first lookup, ends
when no lookup has come for `LINGER` seconds, and starts again with the next. With an asyncio client
that the user has made they are made in a task of the running loop.

Only that thread or task touches the client. A lookup may be abandoned at any point (a deadline, a
cancelled task, a signal handler that raises): its values come, and nobody reads them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import Any

from .._errors import P0fError, P0fUnavailable
from .._waiting import acquire
from .store import Keys, Store, Values, request, values_in

LINGER = 1.0
"""Seconds for which the thread waits for another lookup: starting one takes 0.1 ms or more."""
MOST_TOGETHER = 256


class Lookup:
    """A lookup in the queue. `loop` is that of the task that waits for it; None for a thread."""

    __slots__ = ("keys", "loop", "result", "waiter")

    def __init__(self, keys: Keys, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.keys = keys
        self.loop = loop
        self.result: Values | P0fError | None = None
        self.waiter: Any
        if loop is None:
            self.waiter = threading.Lock()
            self.waiter.acquire()
        else:
            self.waiter = loop.create_future()

    def wait(self, deadline: float) -> None:
        """Wait in a thread or greenlet until there is a result, or until the deadline."""
        acquire(self.waiter, deadline)

    async def wait_in_loop(self, deadline: float) -> None:
        """Wait in a task until there is a result, or until the deadline."""
        assert self.loop is not None
        timer = self.loop.call_later(deadline - time.monotonic(), _wake, [self.waiter])
        try:
            await self.waiter
        finally:
            timer.cancel()


class Flights:
    """The queue of a store, and what flights in threads and in loops have in common."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client = store.client()
        self._queue: deque[Lookup] = deque()

    def join(self, lookup: Lookup) -> None:
        """Put a lookup into the queue, and see to it that there is a flight."""
        raise NotImplementedError

    def abandon(self) -> None:
        """End a flight that has not come back, so that the next lookup gets one."""
        raise NotImplementedError

    def close(self) -> None:
        """Close our own connection; the next flight opens another."""
        raise NotImplementedError

    def _take(self) -> list[Lookup]:
        """The lookups of the next flight."""
        queue = self._queue
        return [queue.popleft() for _ in range(min(len(queue), MOST_TOGETHER))]

    def _deliver(self, together: list[Lookup], reply: Any) -> None:
        """Give lookups their values, or the exception if `reply` is one, and wake who waits."""
        result: list[Values] | P0fError
        try:
            if isinstance(reply, Exception):
                raise reply
            result = values_in(self._client, reply, [lookup.keys for lookup in together])
        except Exception as error:
            result = self._store.explain(error)
        loops: dict[asyncio.AbstractEventLoop, list[Any]] = {}
        for n, lookup in enumerate(together):
            lookup.result = result if isinstance(result, P0fError) else result[n]
            if lookup.loop is None:
                lookup.waiter.release()
            else:
                loops.setdefault(lookup.loop, []).append(lookup.waiter)
        for loop, waiters in loops.items():
            try:
                loop.call_soon_threadsafe(_wake, waiters)
            except RuntimeError:  # that loop has been closed
                continue


class ThreadFlights(Flights):
    """Flights of a process, with a blocking client.

    `_running` is locked while there is a thread. The thread unlocks it before it ends, and looks at
    the queue after that; `join` fills the queue before it tries the lock. So one of the two sees
    the other, and no lookup is forgotten.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._running = threading.Lock()
        self._more = threading.Lock()
        self._more.acquire()
        self._thread: threading.Thread | None = None

    def join(self, lookup: Lookup) -> None:
        self._queue.append(lookup)
        if not self._running.acquire(False):
            _unlock(self._more)
            return
        self._thread = threading.Thread(target=self._run, name="p0f_middleware", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the interpreter is ending, or may have no such threads
            if lookup.loop is None:
                self._run(0.0)
            else:
                self._running.release()
                lookup.result = P0fUnavailable(f"the SYN store cannot be asked: {error}")
                _wake([lookup.waiter])

    def abandon(self) -> None:
        thread = self._thread
        if self._running.locked() and (thread is None or not thread.is_alive()):
            _unlock(self._running)  # a signal handler raised while the thread was started
        self.close()

    def close(self) -> None:
        if not self._store.is_given:
            self._client.connection_pool.disconnect()

    def _run(self, linger: float = LINGER) -> None:
        while True:
            self._fly()
            if not self._more.acquire(True, linger):
                self._running.release()
                if not self._queue or not self._running.acquire(False):
                    return

    def _fly(self) -> None:
        while together := self._take():
            try:
                reply = request(self._client, [lookup.keys for lookup in together])
            except Exception as error:
                reply = error
            self._deliver(together, reply)


class LoopFlights(Flights):
    """Flights of an event loop, with an asyncio client that the user has made."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._task: asyncio.Task[None] | None = None
        self._flight: object = None
        """Stands for the present task, also while that is being made."""

    def join(self, lookup: Lookup) -> None:
        assert lookup.loop is not None
        self._queue.append(lookup)
        if self._flight is None:
            self._flight = object()
            self._task = lookup.loop.create_task(self._run(self._flight))

    def abandon(self) -> None:
        self._flight = None
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        """Nothing: the connection is the user's."""

    async def _run(self, flight: object) -> None:
        while self._flight is flight and (together := self._take()):
            try:
                reply = await request(self._client, [lookup.keys for lookup in together])
            except Exception as error:
                reply = error
            self._deliver(together, reply)
        if self._flight is flight:
            self._flight = self._task = None  # a task would keep its loop alive


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


def _unlock(lock: threading.Lock) -> None:
    """Release a lock that may be released already."""
    try:
        lock.release()
    except RuntimeError:
        return
