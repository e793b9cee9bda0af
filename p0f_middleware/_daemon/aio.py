"""AsyncP0f: the asyncio client. One pipelined connection for each event loop, no threads.

The queries of one turn of the loop are written together, once for all who ask the same; one read
yields many answers, and one timer watches the oldest query. A query that is alone is sent at once,
and its answer looked for before the loop goes to sleep. What nobody waits for any more is a query
whose futures are all done before its answer comes.
Where no asyncio loop runs, but trio does, `_trio` takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, overload

from .._async_library import require_trio, running_loop
from .._async_library import sleep as sleep
from .._errors import P0fError, P0fProtocolError, P0fTimeout, P0fUnavailable
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome, P0fStatus
from .._visitor import Visitor
from .base import NO_MATCH, BaseClient, keeping, known
from .connection import PATIENCE, RECEIVE_SIZE, ConnectionLost, Link, no_answer, no_p0f
from .protocol import Reader, make_query, read_answer, read_raw_answer

if TYPE_CHECKING:
    from .trio_thread import InThread

__all__ = ["AsyncP0f"]

_MOST_LOOKS = 4
"""Lone queries to look for the answers of, in one turn of the loop; then others have theirs."""


_Query: TypeAlias = "tuple[list[asyncio.Future[Any]], bytes, Reader[Any], _Turn]"
"""A query on its way, the ticket of its answer: who waits, for what, and since which turn."""


class _Turn:
    """The turn of the event loop in which queries are asked."""

    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        """Of the lookups; it is known when the turn ends."""
        self.again = False
        """Whether they were asked before, on a connection that turned out dead."""


class _Outcome(NamedTuple):
    """What became of a lookup that several tasks wait for. None in its place: it was cancelled."""

    info: P0fInfo | None
    error: P0fError | None = None

    def result(self) -> P0fInfo | None:
        if self.error is not None:
            raise type(self.error)(*self.error.args)
        return self.info


class AsyncP0f(BaseClient):
    """Asks p0f without blocking the event loop, asyncio's or trio's. Tasks may share it, and so may
    several loops, each with its connection; the options are `BaseClient`'s."""

    def _set_up(self) -> None:
        self._lines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Line]
        self._lines = weakref.WeakKeyDictionary()
        self._line: _Line | None = None  # the one used last
        self._in_thread: InThread | None = None
        self._asking: dict[
            tuple[asyncio.AbstractEventLoop, bytes], asyncio.Future[_Outcome | None]
        ] = {}

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        """What p0f knows about `ip_address`; None if it has not seen it.

        Raises:
            P0fBadQuery: `ip_address` is no IP address; nothing was sent.
            P0fUnavailable: p0f cannot be asked (P0fTimeout: did not answer in time).
            P0fProtocolError: the answer is none of p0f's.
        """
        query = make_query(ip_address)
        cache = self._cache
        info: P0fInfo | None
        if cache is not None:
            info = cache.get(query)
            if info is None:
                return await self._ask_once(query, keeping(cache, query))
            self.stats.add("cached")
            return info
        try:
            info = await self._ask(query, read_answer)
        except asyncio.CancelledError:
            self.stats.add("abandoned")
            raise
        return info

    async def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """What p0f knows about the visitor's address.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` counts as well.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: did not answer in time).
            P0fProtocolError: the answer is none of p0f's.
        """
        address = visitor.address
        if address is None:
            return NO_ADDRESS
        left = deadline - time.monotonic()
        if left >= self.timeout:
            info = await self.lookup(address)
        else:
            info = await self._lookup_within(address, left)
        return NO_MATCH if info is None else Outcome(info, P0fStatus.OK, None)

    async def _lookup_within(self, address: str, seconds: float) -> P0fInfo | None:
        """As `lookup`, but for `seconds` at most, which is less than the timeout: p0f is not taken
        to be down if it needs longer."""
        seconds = max(seconds, 0.0)
        if running_loop() is None:
            require_trio()
            import trio

            with trio.move_on_after(seconds):
                return await self.lookup(address)
        else:
            try:
                return await asyncio.wait_for(self.lookup(address), seconds)
            except asyncio.TimeoutError as error:
                if isinstance(error, P0fError):
                    raise
        raise P0fTimeout(f"p0f did not answer within the {seconds:.3f} s that were left")

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
        """As `lookup`, but raises where p0f has not seen the address.

        Args:
            ip_address: an IPv4 or IPv6 address as text.
            return_raw_data: return p0f's numbers and strings as they are, in a dict.

        Raises:
            P0fNoMatch: p0f knows nothing about the address. A KeyError.
        """
        query = make_query(ip_address)
        if return_raw_data:
            raw: dict[str, Any] | None = await self._exchange(query, read_raw_answer)
            return known(ip_address, raw)
        info: P0fInfo | None = await self._exchange(query, read_answer)
        return known(ip_address, info)

    async def close(self) -> None:
        """Let the connection go; the next lookup opens another. Safe at any time, and twice.

        Waits up to a second for answers that p0f still owes, since p0f would die of writing them to
        a closed connection.
        """
        here = running_loop()
        if here is None and self._in_thread is not None:
            await self._in_thread.close()
        with self._health.lock:  # loops come and go in several threads
            lines = dict(self._lines)
            self._lines.clear()
        self._line = None
        for loop, line in lines.items():
            if loop is here:
                await line.finish(PATIENCE)
            elif loop.is_closed() or line.link.pid != os.getpid():
                line.shut()
            else:
                with contextlib.suppress(RuntimeError):  # closed in this very moment
                    loop.call_soon_threadsafe(line.shut)

    async def __aenter__(self) -> AsyncP0f:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask_once(self, query: bytes, reader: Reader[P0fInfo]) -> P0fInfo | None:
        """As `_exchange`; tasks that ask the same meanwhile get the same answer."""
        info: P0fInfo | None
        loop = running_loop()
        if loop is None:  # under trio, where lookups take turns
            info = await self._exchange(query, reader)
            return info
        asking = loop, query
        while asking in self._asking:
            outcome = await asyncio.shield(self._asking[asking])
            if outcome is not None:
                self.stats.add("cached" if outcome.error is None else "errors")
                return outcome.result()
        others = self._asking[asking] = loop.create_future()
        outcome = None
        try:
            info = await self._exchange(query, reader)
            outcome = _Outcome(info)
            return info
        except P0fError as error:
            outcome = _Outcome(None, error)
            raise
        finally:
            del self._asking[asking]
            others.set_result(outcome)

    async def _exchange(self, query: bytes, reader: Reader[Any]) -> Any:
        """What `reader` makes of the answer to `query`. (`lookup` saves itself this coroutine.)"""
        try:
            return await self._ask(query, reader)
        except asyncio.CancelledError:
            self.stats.add("abandoned")
            raise

    def _ask(self, query: bytes, reader: Reader[Any]) -> Awaitable[Any]:
        """Have a query sent; what is returned is to be awaited for what `reader` makes of the
        answer."""
        loop = running_loop()
        if loop is None:
            return self._under_trio().exchange(query, reader)
        line = self._line
        if self._health.outage.down or line is None or line.loop is not loop or line.closed:
            line = self._line_here(loop)
        return line.ask(query, reader)

    def _ask_again(self, loop: asyncio.AbstractEventLoop, queries: Sequence[_Query]) -> None:
        """Ask on a new connection what was asked on one that turned out dead."""
        try:
            line = self._line_here(loop)
        except P0fUnavailable as error:
            self.stats.add("errors", _fail(queries, error) - 1)  # one is counted
        else:
            line.put(queries)

    def _line_here(self, loop: asyncio.AbstractEventLoop) -> _Line:
        """The running loop's connection.

        Raises:
            P0fUnavailable: p0f is down or cannot be reached; one lookup is counted for that.
        """
        if self._health.outage.down:
            self._health.admit(time.monotonic())
        line = self._lines.get(loop)
        if line is None or line.closed:
            line = self._connect(loop)
        self._line = line
        return line

    def _connect(self, loop: asyncio.AbstractEventLoop) -> _Line:
        with self._health.lock:  # loops come and go in several threads
            stale = [self._lines.pop(other) for other in list(self._lines) if other.is_closed()]
        for line in stale:
            line.shut()
        try:
            link: Link[_Query] = self._open_link(0.0)
        except P0fUnavailable as error:
            self._health.failed(error)
            self.stats.add("errors")
            raise
        line = _Line(link, loop, self)
        with self._health.lock:  # loops come and go in several threads
            self._lines[loop] = line
        return line

    def _under_trio(self) -> InThread:
        """What asks p0f where no asyncio loop runs."""
        if self._in_thread is None:
            require_trio()
            from .trio_thread import InThread

            self._in_thread = InThread(self)
        return self._in_thread


def _waited_for(query: _Query) -> bool:
    futures = query[0]
    return not futures[0].done() or not all(future.done() for future in futures)


def _fail(queries: Iterable[_Query], error: P0fError) -> int:
    """Have lookups raise a copy of the error. Returns how many."""
    waiting = [future for query in queries for future in query[0] if not future.done()]
    for future in waiting:
        future.set_exception(type(error)(*error.args))
    return len(waiting)


class _Line:
    """The connection of one event loop: what is asked but not yet sent, and who waits for what."""

    def __init__(
        self, link: Link[_Query], loop: asyncio.AbstractEventLoop, client: AsyncP0f
    ) -> None:
        self.link = link
        self.loop = loop
        self.closed = False
        self._client = client
        self._health = client._health
        self._socket_path = client.socket_path
        self._timeout = client.timeout
        self._idle = client.idle
        self._turn = _Turn()
        self._asked: dict[object, _Query] = {}
        """What was asked in this turn of the loop, by what makes the answers the same."""
        self._unsent: deque[_Query] = deque()
        """What waits for room on the wire."""
        self._crowded = False
        self._shared = False
        self._looks_left = _MOST_LOOKS
        self._last_used = time.monotonic()
        self._nothing_owed: asyncio.Future[None] | None = None
        loop.add_reader(link.sock, self._receive)
        self._watch()

    def ask(self, query: bytes, reader: Reader[Any]) -> asyncio.Future[Any]:
        """What `reader` makes of the answer, in future; or a P0fError."""
        future: asyncio.Future[Any] = self.loop.create_future()
        asked = self._asked
        if not asked:
            if self._looks_left and not (self._crowded or self._unsent or self.link.pipeline.owed):
                self._looks_left -= 1
                turn = _Turn(time.monotonic() + self._timeout)
                self.put([([future], query, reader, turn)])
                return future
            self.loop.call_soon(self._end_turn)
        mine = [future], query, reader, self._turn
        first = asked.setdefault(query, mine)
        if first is not mine and first[2] is not reader:
            first = asked.setdefault((query, reader), mine)
        if first is not mine:
            first[0].append(future)
            self._shared = True
        return future

    def _end_turn(self) -> None:
        """All that was asked in this turn of the loop has been asked: send it together, and once
        for all who ask the same."""
        asked, self._asked = self._asked, {}
        turn, self._turn = self._turn, _Turn()
        turn.deadline = time.monotonic() + self._timeout
        self._crowded = len(asked) > 1 or self._shared
        self._shared = False
        self._looks_left = _MOST_LOOKS
        self.put(list(asked.values()))

    def put(self, queries: Sequence[_Query]) -> None:
        """Send queries, or have them wait until there is room on the wire."""
        if self.closed:
            self._client._ask_again(self.loop, queries)
            return
        if not self._unsent and len(queries) <= self.link.pipeline.room:
            self._send(queries)
        else:
            self._unsent.extend(queries)
            self._flush()
        if self._idling and self.link.pipeline.owed and not self.closed:
            self._timer.cancel()
            self._watch()

    async def finish(self, patience: float) -> None:
        """Shut when nothing is owed or asked any more, or after `patience` seconds."""
        if not self.closed and self._busy:
            self._nothing_owed = self.loop.create_future()
            await asyncio.wait([self._nothing_owed], timeout=patience)
        self.shut()

    @property
    def _busy(self) -> bool:
        return bool(self.link.pipeline.owed or self._unsent or self._asked)

    def shut(self) -> None:
        """Let the link go. What is still waited for is asked again elsewhere, unless it was."""
        if self.closed:
            return
        self.closed = True
        if self._nothing_owed and not self._nothing_owed.done():
            self._nothing_owed.set_result(None)
        waiting = list(self._waiting())
        self._unsent.clear()
        here = self.link.pid == os.getpid() and not self.loop.is_closed()
        if here:
            self.loop.remove_reader(self.link.sock)
            self._timer.cancel()
        self.link.let_go()
        if here:
            self._lose(waiting)

    def _lose(self, queries: Iterable[_Query]) -> None:
        """The connection turned out dead: ask again on a fresh one, but once only."""
        lost: list[_Query] = []
        again: list[_Query] = []
        for query in queries:
            (lost if query[3].again else again).append(query)
        if lost:
            error = ConnectionLost(f"p0f closed its connection on {self._socket_path}")
            self._health.failed(error)
            self._health.stats.add("errors", _fail(lost, error))
        if again:
            for query in again:
                query[3].again = True
            self._client._ask_again(self.loop, again)

    def __del__(self) -> None:
        if not self.closed:  # the loop was closed, or forgot us, and so did the client
            self.link.let_go()

    def _flush(self) -> None:
        """Send what has waited for room and is still waited for, as far as there is room."""
        queries: list[_Query] = []
        room = self.link.pipeline.room
        while self._unsent and len(queries) < room:
            query = self._unsent.popleft()
            if _waited_for(query):
                queries.append(query)
        if queries:
            self._send(queries)

    def _send(self, queries: Sequence[_Query]) -> None:
        pipeline = self.link.pipeline
        pipeline.ask(queries)
        self._last_used = time.monotonic()
        data = b"".join([query[1] for query in queries])
        try:
            whole = self.link.sock.send(data) == len(data)
        except OSError:
            whole = False
        if not whole:  # there is room for MOST_OWED queries, so the connection is dead
            self.shut()
        elif len(pipeline.owed) == 1 and not self._crowded:
            self._receive(soon=True)

    def _receive(self, *, soon: bool = False) -> None:
        """Hand out the answers that have come; or `soon`, within a moment, will have."""
        data: bytes | None
        try:
            data = self.link.look() if soon else self.link.sock.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data is None:
            return
        if not data:
            self.shut()
            return
        pipeline = self.link.pipeline
        try:
            answers = pipeline.receive(data)
        except P0fProtocolError as error:
            self._distrust(no_p0f(error, self._socket_path))
            return
        if answers:
            self._hand_out(answers)
        if self._unsent:
            self._flush()
        if self._nothing_owed and not (self._busy or self._nothing_owed.done()):
            self._nothing_owed.set_result(None)

    def _hand_out(self, answers: list[tuple[_Query, bytes]]) -> None:
        dialect = self.link.pipeline.dialect
        assert dialect is not None
        if self._health.outage.down:
            self._health.answered()
        read = self._client._read
        stats = self._health.stats
        with stats.lock:
            for query, answer in answers:
                if not _waited_for(query):
                    stats.dropped += 1
                    continue
                try:
                    result = read(answer, dialect, query[2])
                except P0fError as error:
                    stats.errors += _fail([query], error) - 1
                    continue
                told = 0
                for future in query[0]:
                    if not future.done():
                        future.set_result(result)
                        told += 1
                if told > 1:
                    stats.cached += told - 1

    def _distrust(self, error: P0fProtocolError) -> None:
        """What came is none of p0f's answers: every lookup under way fails for that."""
        self._health.failed(error)
        waiting = list(self._waiting())
        self.link.pipeline.owed.clear()
        self._unsent.clear()
        self._health.stats.add("errors", _fail(waiting, error))
        self.shut()

    def _watch(self) -> None:
        """Set the timer for the oldest query, or for idling if there is none."""
        oldest = next(self._waiting(), None)
        self._idling = oldest is None
        delay = self._idle if oldest is None else max(oldest[3].deadline - time.monotonic(), 0.001)
        self._timer = self.loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        """Fail the lookups whose time is up, and set the timer for the next; or stop idling."""
        self._receive()  # the loop may have been busy while the answers came
        now = time.monotonic()
        if not self.closed:
            self._expire(now)
        if not self.closed:
            if self._busy or now - self._last_used < self._idle:
                self._watch()
            else:
                self.shut()

    def _waiting(self) -> Iterator[_Query]:
        """Queries that somebody waits for, oldest first."""
        return filter(_waited_for, itertools.chain(self.link.pipeline.owed, self._unsent))

    def _expire(self, now: float) -> None:
        expired = list(itertools.takewhile(lambda query: query[3].deadline <= now, self._waiting()))
        if not expired:
            return
        error = no_answer(self.link, self._socket_path, self._timeout)
        if isinstance(error, P0fProtocolError):
            self._distrust(error)
            return
        self._health.failed(error)
        self._health.stats.add("timeouts", _fail(expired, error))
        if self.link.useless:
            self.shut()
