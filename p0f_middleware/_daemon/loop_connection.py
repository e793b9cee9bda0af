"""The connection of one asyncio event loop, and the queries in flight on it.

Theory of operation. All of this runs in the loop's thread, so it needs no locks. The queries of one
iteration of the loop are a batch: they are written together, equal queries of several tasks only
once, and one read yields many answers. One timer watches the oldest query, which expires first,
since all have the same timeout. A lone query is sent at once, and the loop busy-polls for its
answer before it sleeps; with more queries in flight, running other tasks is the better use of time.

A query is abandoned once all its futures are done (cancelled, or expired); its answer is still
read, in order, and dropped. When the connection is lost, pending queries are retried once, on a new
connection. This module knows no client; the constructor takes what it needs from one.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from .._errors import P0fError, P0fProtocolError
from . import diagnosis
from .connection import SEND_FLAGS, Connection, ConnectionLost
from .health import Health
from .pending_query import Asked, Batch, PendingQuery, fail, of_batch, pending_query
from .protocol import Reader

_MAX_SPINS = 4
"""Lone queries to busy-poll for in one iteration of the loop; then other tasks go on."""


class LoopConnection:
    """Sends the queries of one loop, and hands their answers to the tasks that wait for them.

    Args:
        connection: an open connection, which belongs to the running loop from now on.
        socket_path, timeout, idle: as in `BaseClient`.
        ask_again: sends pending queries on a new connection.
    """

    def __init__(
        self,
        connection: Connection[PendingQuery],
        loop: asyncio.AbstractEventLoop,
        health: Health,
        *,
        socket_path: str,
        timeout: float,
        idle: float,
        ask_again: Callable[[asyncio.AbstractEventLoop, Sequence[PendingQuery]], None],
    ) -> None:
        self.connection = connection
        self.loop = loop
        self.closed = False
        self._health = health
        self._socket_path = socket_path
        self._timeout = timeout
        self._idle = idle
        self._ask_again = ask_again
        self._deadline = math.inf
        """The earliest deadline of the batch's lookups."""
        self._asked: Asked = defaultdict(dict)
        """The batch's queries, and the futures that wait for their answers."""
        self._unsent: deque[PendingQuery] = deque()
        """Queries to send when fewer are in flight."""
        self._crowded = False
        """Whether the last batch had several lookups."""
        self._spins_left = _MAX_SPINS
        self._last_used = time.monotonic()
        self._all_answered: asyncio.Future[None] | None = None
        self._new_future = functools.partial(asyncio.Future, loop=loop)
        loop.add_reader(connection.sock.fileno(), self._receive)
        self._watch()

    def ask(self, query: bytes, reader: Reader[Any], deadline: float) -> asyncio.Future[Any]:
        """A future of the answer as `reader` returns it, or of a P0fError."""
        future: asyncio.Future[Any] = self._new_future()
        if not self._asked:
            if self._spins_left and not (
                self._crowded or self._unsent or self.connection.pipeline.pending
            ):
                self._ask_alone(future, query, reader, deadline)
                return future
            self.loop.call_soon(self._end_batch)
        if deadline < self._deadline:
            self._deadline = deadline
        futures = self._asked[reader].setdefault(query, [future])
        if futures[0] is not future:
            futures.append(future)
        return future

    def _ask_alone(
        self, future: asyncio.Future[Any], query: bytes, reader: Reader[Any], deadline: float
    ) -> None:
        """Send a query at once: none is in flight, and the last batch had a single lookup."""
        self._spins_left -= 1
        limit = time.monotonic() + self._timeout
        batch = Batch(limit if limit < deadline else deadline)
        self.put([pending_query(([future], query, reader, batch))])

    def _end_batch(self) -> None:
        """Send the queries of this iteration of the loop together."""
        batch = Batch(min(self._deadline, time.monotonic() + self._timeout))
        queries = of_batch(self._asked, batch)
        self._asked = defaultdict(dict)
        self._deadline = math.inf
        self._crowded = len(queries) > 1 or len(queries[0].futures) > 1
        self._spins_left = _MAX_SPINS
        self.put(queries)

    def put(self, queries: Sequence[PendingQuery]) -> None:
        """Send queries, or keep them until fewer are in flight."""
        if self.closed:
            self._ask_again(self.loop, queries)
            return
        if not self._unsent and len(queries) <= self.connection.pipeline.room:
            self._send(queries)
        else:
            self._unsent.extend(queries)
            self._flush()
        if self._idling and self.connection.pipeline.pending and not self.closed:
            self._timer.cancel()
            self._watch()

    async def finish(self, patience: float) -> None:
        """Shut once all queries are answered, or after `patience` seconds."""
        if not self.closed and self._busy:
            self._all_answered = self.loop.create_future()
            await asyncio.wait([self._all_answered], timeout=patience)
        self.shut()

    @property
    def _busy(self) -> bool:
        return bool(self.connection.pipeline.pending or self._unsent or self._asked)

    def shut(self) -> None:
        """Release the connection. Awaited queries are retried once, on another connection.

        Once the loop is closed, another thread may call this; so may a forked child.
        """
        if self.closed:
            return
        self.closed = True
        if self._all_answered and not self._all_answered.done():
            self._all_answered.set_result(None)
        awaited = list(self._awaited())
        self._unsent.clear()
        here = self.connection.pid == os.getpid() and not self.loop.is_closed()
        if here:
            self.loop.remove_reader(self.connection.sock.fileno())
            self._timer.cancel()
        self.connection.release()
        if here:
            self._retry(awaited)

    def _retry(self, queries: Sequence[PendingQuery]) -> None:
        """Send the queries that this connection lost on a new one, each only once."""
        again = [query for query in queries if not query.batch.retried]
        error = ConnectionLost(diagnosis.closed(self._socket_path))
        for query in queries:
            if query.batch.retried:
                self._health.failed(error)
                query.fail(error)
        for query in again:
            query.batch.retried = True
        if again:
            self._ask_again(self.loop, again)

    def __del__(self) -> None:
        if not self.closed:  # neither the client nor an open loop refers to this object any more
            self.connection.release()

    def _flush(self) -> None:
        """Send unsent queries that are still awaited, as many as may be in flight."""
        queries: list[PendingQuery] = []
        room = self.connection.pipeline.room
        while self._unsent and len(queries) < room:
            query = self._unsent.popleft()
            if query.awaited:
                queries.append(query)
        if queries:
            self._send(queries)

    def _send(self, queries: Sequence[PendingQuery]) -> None:
        pipeline = self.connection.pipeline
        pipeline.ask(queries)
        self._last_used = time.monotonic()
        data = b"".join([query for _, query, _, _ in queries])
        try:
            whole = self.connection.sock.send(data, SEND_FLAGS) == len(data)
        except OSError:
            whole = False
        if not whole:  # the socket has room for all that may be in flight: the connection is dead
            self.shut()
        elif len(pipeline.pending) == 1 and not self._crowded:
            self._receive(spin=True)

    def _receive(self, *, spin: bool = False) -> None:
        """Hand out the answers that have arrived, or that arrive while busy-polling."""
        try:
            data = self.connection.spin() if spin else self.connection.receive()
        except OSError:
            self.shut()
            return
        if data is None:
            return
        try:
            answers = self.connection.pipeline.receive(data)
        except P0fProtocolError as error:
            self._abandon(diagnosis.not_p0f(error, self._socket_path))
            return
        if answers:
            self._hand_out(answers)
        if self._unsent:
            self._flush()
        if self._all_answered and not (self._busy or self._all_answered.done()):
            self._all_answered.set_result(None)

    def _hand_out(self, answers: list[tuple[PendingQuery, bytes]]) -> None:
        dialect = self.connection.pipeline.dialect
        assert dialect is not None
        if self._health.outage.down:
            self._health.answered()
        matches = no_matches = shared = dropped = 0
        for (futures, _, reader, _), answer in answers:
            waiting = futures
            if len(futures) > 1 or futures[0].done():
                waiting = [future for future in futures if not future.done()]
                if not waiting:
                    dropped += 1
                    continue
            try:
                result = reader(answer, dialect)
            except P0fError as error:
                self._health.bad_answer(error)
                fail(waiting, error)
                continue
            if result is None:
                no_matches += 1
            else:
                matches += 1
            shared += len(waiting) - 1
            for future in waiting:
                future.set_result(result)
        self._health.counters.batch_answered(matches, no_matches, shared, dropped)

    def _abandon(self, error: P0fProtocolError) -> None:
        """Fail every pending lookup: the server is not p0f."""
        self._health.failed(error)
        awaited = list(self._awaited())
        self.connection.pipeline.pending.clear()
        self._unsent.clear()
        for query in awaited:
            query.fail(error)
        self.shut()

    def _watch(self) -> None:
        """Set the timer for the oldest query; for the idle time if there is none."""
        oldest = next(self._awaited(), None)
        self._idling = oldest is None
        delay = max(oldest.batch.deadline - time.monotonic(), 0.001) if oldest else self._idle
        self._timer = self.loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        """Fail expired lookups, and set the timer again; shut after the idle time."""
        self._receive()  # the loop may have been busy while answers arrived
        now = time.monotonic()
        if not self.closed:
            self._expire(now)
        if not self.closed:
            if self._busy or now - self._last_used < self._idle:
                self._watch()
            else:
                self.shut()

    def _awaited(self) -> Iterator[PendingQuery]:
        """Queries that lookups still wait for, oldest first."""
        queries = chain(self.connection.pipeline.pending, self._unsent)
        return (query for query in queries if query.awaited)

    def _expire(self, now: float) -> None:
        """Fail the lookups that have expired."""
        expired = [query for query in self._awaited() if query.batch.deadline <= now]
        if not expired:
            return
        pipeline = self.connection.pipeline
        error = diagnosis.no_answer(pipeline, self._socket_path, self._timeout)
        if isinstance(error, P0fProtocolError):
            self._abandon(error)
            return
        self._health.failed(error)
        for query in expired:
            query.fail(error)
        if self.connection.useless:
            self.shut()
