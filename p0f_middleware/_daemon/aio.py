"""AsyncP0f: the client for asyncio and trio.

Theory of operation. The first event loop of a process that asks has a connection of its own, on
which its tasks' queries are pipelined (`LoopConnection`). When that loop is closed, the next one
that asks takes its place. Any other loop, and trio, asks on the connection that threads would share
(`BaseClient`), in one thread of its library at a time. So a process has two connections at most.

All of a LoopConnection runs in the loop's thread, so it needs no locks. The lookups of one
iteration of the loop are a batch: their queries are written together, those of the same address as
one, and one read yields many answers and one wake-up. One timer watches the lookup that expires
first. A lone query is sent at once, and the loop busy-polls for its answer before it sleeps; with
more queries in flight, running other tasks is the better use of time.

A query is abandoned once the futures of its lookups are done (cancelled, or expired); its answer is
still read, in order, and dropped. When the connection is lost, what is still awaited is asked again
on a new one.
"""

import asyncio
import contextlib
import copy
import functools
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, overload

from .._async_library import Expired, Turns, in_thread, require_trio, running_loop
from .._errors import P0fError, P0fTimeout, P0fUnavailable
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome
from .._public import public
from .._visitor import Visitor
from .blocking import BaseClient, outcome, require_match
from .connection import CLOSE_TIMEOUT, Connection
from .protocol import Reader, ReadT, make_query, read_answer, read_raw_answer
from .rules import Answer, ConnectionLost, Rules

_AFTERTHOUGHT = 0.01  # seconds on top of the timeout, for a thread to report what went wrong
_MAX_SPINS = 4  # lone queries to busy-poll for before other tasks get their turn


@public
class AsyncP0f(BaseClient):
    """Asks the p0f daemon without blocking the event loop, asyncio's or trio's.

    Tasks may share one object, and so may several loops. Its options are those of `P0f`.
    """

    _turns = Turns()  # of lookups in threads, which must not take all of the application's

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        """As `P0f.lookup`."""
        return await self._ask(make_query(ip_address), read_answer)

    async def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """As `P0f.fingerprint`."""
        address = visitor.address
        if address is None:
            return NO_ADDRESS
        return outcome(await self._ask(make_query(address), read_answer, deadline))

    @overload
    async def get_info(self, ip_address: str, return_raw_data: Literal[False] = ...) -> P0fInfo: ...
    @overload
    async def get_info(self, ip_address: str, return_raw_data: Literal[True]) -> dict[str, Any]: ...
    @overload
    async def get_info(
        self, ip_address: str, return_raw_data: bool
    ) -> P0fInfo | dict[str, Any]: ...
    async def get_info(
        self, ip_address: str, return_raw_data: bool = False
    ) -> P0fInfo | dict[str, Any]:
        """As `P0f.get_info`."""
        query = make_query(ip_address)
        if return_raw_data:
            return require_match(ip_address, await self._ask(query, read_raw_answer))
        return require_match(ip_address, await self._ask(query, read_answer))

    async def close(self) -> None:
        """Close all connections, as `P0f.close`."""
        first: LoopConnection | None = self._processes.here().loops.get("first")
        try:
            if first is not None and first.loop is running_loop():
                await first.close()
            elif first is not None:
                first.shut_from_outside()
            if self.connection is not None:
                with contextlib.suppress(Expired, RuntimeError):  # no thread can be started
                    await in_thread(self._close, 2 * CLOSE_TIMEOUT)
        finally:  # perhaps the caller is cancelled
            self._close(0.0)

    async def __aenter__(self) -> "AsyncP0f":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_finalizing() and (first := self._processes.here().loops.get("first")) is not None:
            first.shut_from_outside()
        super().__del__()

    async def _ask(
        self, query: bytes, reader: Reader[ReadT], deadline: float = math.inf
    ) -> ReadT | None:
        try:
            loop = running_loop()
            first: LoopConnection | None = self._processes.here().loops.get("first")
            if first is None or first.loop is not loop:
                first = self._as_first(loop)
            if first is None:
                return self._rules.read(await self._wait_in_thread(query, deadline), reader)
            return self._rules.read(await first.ask(query, deadline), reader)
        except BaseException as error:
            self._rules.count(error)
            raise

    def _as_first(self, loop: asyncio.AbstractEventLoop | None) -> "LoopConnection | None":
        """The connection of `loop`, if it is the first of this process or can take its place."""
        loops = self._processes.here().loops
        first: LoopConnection | None = loops.get("first")
        if first is not None and first.loop.is_closed():
            loops.pop("first", None)
            first.shut()
            first = None
        if first is None and loop is not None:
            # setdefault is atomic: of loops that ask at the same moment, one is the first.
            first = loops.setdefault("first", LoopConnection(loop, self._rules))
        return first if first is not None and first.loop is loop else None

    async def _wait_in_thread(self, query: bytes, deadline: float) -> Answer:
        if running_loop() is None:
            require_trio()
        now = time.monotonic()
        outage = self._rules.outage
        if outage.down and outage.retry_in(now):
            outage.admit(now)  # refuses, at the price of no thread
        patience = max(min(deadline - now, self._rules.timeout), 0.0)
        ask = functools.partial(self._wait_for_answer, query, now + patience)
        try:
            return await in_thread(ask, patience + _AFTERTHOUGHT, self._turns.here())
        except Expired:
            raise P0fTimeout(f"other lookups kept p0f busy for {patience:.3g} s") from None
        except RuntimeError as error:
            raise P0fUnavailable(f"no thread to ask p0f in: {error}") from error


@dataclass(slots=True, eq=False)
class _Lookup:
    query: bytes
    deadline: float  # when it expires (`time.monotonic()`)
    future: asyncio.Future[Answer]
    had: float = 0.0  # seconds that p0f has to answer until then


class LoopConnection:
    """Sends the queries of one event loop, and hands their answers to the tasks that wait for them.
    It connects when it has a query to send and no connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rules: Rules) -> None:
        self.loop = loop
        self._rules = rules
        # The tickets of its queries: the lookups that wait for the same answer.
        self._connection: Connection[list[_Lookup]] | None = None
        self._batch: list[_Lookup] = []  # the lookups of this iteration of the loop
        self._unsent: deque[_Lookup] = deque()  # to send when fewer are in flight
        # Lone queries to busy-poll for before the next batch; none after one of several.
        self._spins_left = _MAX_SPINS
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf

    def ask(self, query: bytes, deadline: float) -> asyncio.Future[Answer]:
        """A future of the answer to a query, or of a P0fError."""
        if self._rules.outage.down:
            self._rules.outage.admit(time.monotonic())
        future: asyncio.Future[Answer] = self.loop.create_future()
        lookup = _Lookup(query, deadline, future)
        if self._batch:
            self._batch.append(lookup)
        elif self._unsent or self._in_flight or not self._spins_left:
            self._batch.append(lookup)
            self.loop.call_soon(self._end_batch)
        else:
            self._put([lookup])
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
        connection, awaited = self._connection, self._awaited()
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

    def _put(self, lookups: list[_Lookup]) -> None:
        """Send queries, or keep them until fewer are in flight. Their time begins now: while the
        loop was busy elsewhere, p0f could not answer."""
        now = time.monotonic()
        first = latest = now + self._rules.timeout
        for lookup in lookups:
            if lookup.deadline > latest:
                lookup.deadline = latest
            elif lookup.deadline < first:
                first = lookup.deadline
            lookup.had = lookup.deadline - now
        self._unsent.extend(lookups)
        self._flush()
        if not all(lookup.future.done() for lookup in lookups):
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
        tickets: dict[bytes, list[_Lookup]] = {}
        while self._unsent and len(tickets) < room:
            lookup = self._unsent.popleft()
            if not lookup.future.done():
                tickets.setdefault(lookup.query, []).append(lookup)
        if not tickets:
            return
        try:
            pipeline.pending.extend(tickets.values())
            connection.send(b"".join(tickets))
        except BaseException as error:
            self._lost(connection, error)
            return
        if len(pipeline.pending) == 1 and self._spins_left:
            self._receive(connection, connection.spin)

    def _receive(self, connection: Connection[list[_Lookup]], receive: Any) -> None:
        """Hand out the answers that have arrived; `receive` is one of the connection's methods."""
        try:
            answers = self._rules.answers(connection, receive())
        except BaseException as error:
            self._lost(connection, error)
            return
        dialect: Any = connection.pipeline.dialect
        for lookups, answer in answers:
            dropped = True
            for lookup in lookups:
                if not lookup.future.done():
                    lookup.future.set_result((answer, dialect))
                    dropped = False
            if dropped:
                self._rules.counts["dropped"] += 1
        if answers and self._unsent:
            self._flush()

    def _lost(self, connection: Connection[list[_Lookup]], error: BaseException) -> None:
        """Ask again on a new connection what an error has left unanswered, or fail it."""
        awaited, failure = self._awaited(), None
        try:
            failure = self._rules.failure(connection, error)
        finally:  # if a signal handler raised, `error` is raised again
            if failure is None or isinstance(failure, ConnectionLost):
                self._ask_again(awaited)
            else:
                self._fail(awaited, failure)

    def _ask_again(self, lookups: Iterable[_Lookup]) -> None:
        """Send what still waits on a new connection, after theirs was released."""
        self._unsent = deque(lookup for lookup in lookups if not lookup.future.done())
        if not self._unsent:
            return
        try:
            self._rules.outage.admit(time.monotonic())
        except P0fUnavailable as error:
            self._fail(self._unsent, error)
        else:
            self._flush()

    def _fail(self, lookups: Iterable[_Lookup], error: P0fError) -> None:
        """Make lookups that still wait raise copies of an error: each adds its own traceback."""
        for lookup in lookups:
            if not lookup.future.done():
                lookup.future.set_exception(copy.copy(error))
                lookup.future.exception()  # asyncio would complain if the task is cancelled now
        # An exception's traceback keeps the frames of its request alive.
        self._unsent = deque(lookup for lookup in self._unsent if not lookup.future.done())
        for ticket in self._connection.pipeline.pending if self._connection else ():
            ticket[:] = [lookup for lookup in ticket if not lookup.future.done()]

    def _awaited(self) -> list[_Lookup]:
        """Lookups that still wait, oldest first."""
        pending = self._connection.pipeline.pending if self._connection else ()
        return [each for each in chain(*pending, self._unsent) if not each.future.done()]

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
            awaited, connection = self._awaited(), self._connection
            expired = [lookup for lookup in awaited if lookup.deadline <= time.monotonic()]
            if expired and connection.open:
                had = max(lookup.had for lookup in expired)
                self._fail(expired, self._rules.failure(connection, TimeoutError(), had))
                if not connection.open:
                    self._ask_again(awaited)
        self._watch(min((lookup.deadline for lookup in self._awaited()), default=math.inf))
