"""Asking p0f from an asyncio event loop: its tasks' queries are pipelined on one connection.

Theory of operation. All of this runs in the loop's thread, so it needs no locks. The queries of one
iteration of the loop are a batch: they are written together, and one read yields many answers and
one wake-up. One timer watches the lookup that expires first. A lone query is sent at once, and the
loop busy-polls for its answer before it sleeps; with more queries in flight, running other tasks is
the better use of time.

A query is abandoned once its future is done (cancelled, or expired); its answer is still read, in
order, and dropped. When the connection is lost, pending queries are sent again on a new one.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from .._errors import P0fError, P0fUnavailable
from .connection import CLOSE_TIMEOUT, Connection
from .rules import Answer, ConnectionLost, Rules

_MAX_SPINS = 4  # lone queries to busy-poll for before other tasks get their turn


@dataclass(slots=True, eq=False)
class _Query:
    """A query whose lookup waits for `future`. It is the ticket of its answer."""

    data: bytes
    deadline: float  # when its lookup expires (`time.monotonic()`)
    future: asyncio.Future[Answer]
    had: float = 0.0  # seconds that p0f has to answer until then


class LoopConnection:
    """Sends the queries of one event loop, and hands their answers to the tasks that wait for them.

    It connects when a query is to be sent and there is no connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, rules: Rules) -> None:
        self.loop = loop
        self._rules = rules
        self._connection: Connection[_Query] | None = None
        self._batch: list[_Query] = []  # the queries of this iteration of the loop
        self._unsent: deque[_Query] = deque()  # to send when fewer are in flight
        # Lone queries to busy-poll for before the next batch; none after one of several.
        self._spins_left = _MAX_SPINS
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf

    def ask(self, data: bytes, deadline: float) -> asyncio.Future[Answer]:
        """A future of the answer to a query, or of a P0fError."""
        if self._rules.outage.down:
            self._rules.outage.admit(time.monotonic())
        future: asyncio.Future[Answer] = self.loop.create_future()
        query = _Query(data, deadline, future)
        if self._batch:
            self._batch.append(query)
        elif self._unsent or self._in_flight or not self._spins_left:
            self._batch.append(query)
            self.loop.call_soon(self._end_batch)
        else:
            self._put([query])
            self._spins_left -= 1
        return future

    async def close(self) -> None:
        """Release the connection; waits up to a second for the answers to pending queries."""
        deadline = time.monotonic() + CLOSE_TIMEOUT
        try:
            while self._in_flight and time.monotonic() < deadline:
                await asyncio.sleep(0.005)
        finally:
            self.shut()

    def shut(self) -> None:
        """Release the connection. Lookups that still wait are asked again, on another one."""
        connection, awaited = self._connection, list(self._awaited())
        if connection is not None and connection.open:
            if self.loop.is_closed():
                connection.on_release = None
                awaited.clear()
            connection.release()
            self._ask_again(awaited)

    def shut_from_outside(self) -> None:
        """As `shut`, for a thread that does not run the loop."""
        try:
            self.loop.call_soon_threadsafe(self.shut)
        except RuntimeError:  # the loop is closed
            self.shut()

    __del__ = shut  # neither a client nor an open loop refers to this object any more

    @property
    def _in_flight(self) -> bool:
        connection = self._connection
        return connection is not None and connection.open and bool(connection.pipeline.pending)

    def _end_batch(self) -> None:
        batch, self._batch = self._batch, []
        self._spins_left = 0 if len(batch) > 1 else _MAX_SPINS
        self._put(batch)

    def _put(self, queries: list[_Query]) -> None:
        """Send queries, or keep them until fewer are in flight. Their time begins now: while the
        loop was busy elsewhere, p0f could not answer."""
        now = time.monotonic()
        first = latest = now + self._rules.timeout
        for query in queries:
            if query.deadline > latest:
                query.deadline = latest
            elif query.deadline < first:
                first = query.deadline
            query.had = query.deadline - now
        self._unsent.extend(queries)
        self._flush()
        if not queries[-1].future.done():
            self._watch(first)

    def _flush(self) -> None:
        """Send unsent queries that are still awaited, as many as may be in flight."""
        connection = self._connection
        if connection is None or not connection.open:
            try:
                connection = self._connection = self._rules.connect()
            except P0fUnavailable as error:
                self._fail(self._unsent, error)
                return
            fd = connection.sock.fileno()
            self.loop.add_reader(fd, self._receive, connection, connection.receive)
            connection.on_release = functools.partial(self.loop.remove_reader, fd)
        pipeline, room = connection.pipeline, connection.pipeline.room
        queries: list[_Query] = []
        while self._unsent and len(queries) < room:
            query = self._unsent.popleft()
            if not query.future.done():
                queries.append(query)
        if not queries:
            return
        try:
            pipeline.ask(queries)
            connection.send(b"".join([query.data for query in queries]))
        except BaseException as error:
            self._lost(connection, error)
            return
        if len(pipeline.pending) == 1 and self._spins_left:
            self._receive(connection, connection.spin)

    def _receive(self, connection: Connection[_Query], receive: Any) -> None:
        """Hand out the answers that have arrived; `receive` is one of the connection's methods."""
        try:
            answers = self._rules.answers(connection, receive())
        except BaseException as error:
            self._lost(connection, error)
            return
        dialect: Any = connection.pipeline.dialect
        for query, answer in answers:
            if query.future.done():
                self._rules.counts["dropped"] += 1
            else:
                query.future.set_result((answer, dialect))
        if answers and self._unsent:
            self._flush()

    def _lost(self, connection: Connection[_Query], error: BaseException) -> None:
        """Ask again on a new connection what an error has left unanswered, or fail it."""
        awaited = list(self._awaited())
        try:
            failure = self._rules.failure(connection, error)
        except BaseException:  # `error` itself: a signal handler raised
            self._ask_again(awaited)
            raise
        if isinstance(failure, ConnectionLost):
            self._ask_again(awaited)
        else:
            self._fail(awaited, failure)

    def _ask_again(self, queries: Iterable[_Query]) -> None:
        """Send what still waits on a new connection, after theirs was released."""
        self._unsent = deque(query for query in queries if not query.future.done())
        if not self._unsent:
            return
        try:
            self._rules.outage.admit(time.monotonic())
        except P0fUnavailable as error:
            self._fail(self._unsent, error)
        else:
            self._flush()

    def _fail(self, queries: Iterable[_Query], error: P0fError) -> None:
        """Make lookups that still wait raise copies of an error: each adds its own traceback."""
        for query in queries:
            if not query.future.done():
                copy = type(error)(*error.args)
                copy.__dict__.update(error.__dict__)
                query.future.set_exception(copy)
                query.future.exception()  # asyncio would complain if the task is cancelled now
        self._unsent = deque(query for query in self._unsent if not query.future.done())

    def _awaited(self) -> Iterator[_Query]:
        """Queries that lookups still wait for, oldest first."""
        pending = self._connection.pipeline.pending if self._connection else ()
        return (query for query in chain(pending, self._unsent) if not query.future.done())

    def _watch(self, when: float) -> None:
        if when < self._wakes_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(max(when - time.monotonic(), 0.001), self._tick)
            self._wakes_at = when

    def _tick(self) -> None:
        self._timer, self._wakes_at = None, math.inf
        if self._connection is not None and self._connection.open:
            # The loop may have been busy while answers arrived.
            self._receive(self._connection, self._connection.receive)
            awaited, connection = list(self._awaited()), self._connection
            expired = [query for query in awaited if query.deadline <= time.monotonic()]
            if expired and connection.open:
                had = max(query.had for query in expired)
                self._fail(expired, self._rules.failure(connection, TimeoutError(), had))
                if not connection.open:
                    self._ask_again(awaited)
        self._watch(min((query.deadline for query in self._awaited()), default=math.inf))
