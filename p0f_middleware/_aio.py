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
import os
import sys
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, overload

from ._base import BaseClient, keeping, known
from ._errors import P0fError, P0fProtocolError, P0fTimeout, P0fUnavailable
from ._info import P0fInfo
from ._link import PATIENCE, RECEIVE_SIZE, ConnectionLost, Link, no_answer, no_p0f
from ._protocol import Reader, make_query, read_answer, read_raw_answer

if TYPE_CHECKING:
    from ._trio import InThread

__all__ = ["AsyncP0f"]

_running_loop = asyncio._get_running_loop  # None where none runs, and no exception for it

_MOST_LOOKS = 4
"""Lone queries to look for the answers of, in one turn of the loop; then others have theirs."""


_Query: TypeAlias = "tuple[list[asyncio.Future[Any]], bytes, Reader[Any], float]"
"""A query on its way, the ticket of its answer: who waits, for what, and until when."""


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
        if cache is None:
            info = await self._exchange(query, read_answer)
            return info
        info = cache.get(query)
        if info is None:
            return await self._ask_once(query, keeping(cache, query))
        self.stats.add("cached")
        return info

    @overload
    async def get_info(self, ip_address: str, return_raw_data: Literal[False] = ...) -> P0fInfo: ...
    @overload
    async def get_info(self, ip_address: str, return_raw_data: Literal[True]) -> dict[str, Any]: ...
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
        here = _running_loop()
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
        loop = _running_loop()
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
        """Send a query and wait for its answer; once more if the connection turns out dead."""
        loop = _running_loop()
        if loop is None:
            return await self._under_trio().exchange(query, reader)
        deadline = time.monotonic() + self.timeout
        outage = self._health.outage
        retried = False
        while True:
            if outage.down:
                self._health.admit(time.monotonic())
            try:
                line = self._line
                if line is None or line.loop is not loop or line.closed:
                    line = self._line_here(loop)
                return await line.ask(query, reader, deadline)
            except ConnectionLost as error:
                if retried:
                    self._health.failed(error)
                    self.stats.add("errors")
                    raise
                retried = True
            except P0fUnavailable as error:
                self.stats.add("timeouts" if isinstance(error, P0fTimeout) else "errors")
                raise
            except asyncio.CancelledError:
                self.stats.add("abandoned")
                raise

    def _line_here(self, loop: asyncio.AbstractEventLoop) -> _Line:
        """The running loop's connection."""
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
            raise
        line = _Line(link, loop, self)
        with self._health.lock:  # loops come and go in several threads
            self._lines[loop] = line
        return line

    def _under_trio(self) -> InThread:
        """What asks p0f where no asyncio loop runs."""
        if self._in_thread is None:
            _require_trio()
            from ._trio import InThread

            self._in_thread = InThread(self)
        return self._in_thread


def _require_trio() -> None:
    """Raise what asyncio raises outside of its loops, unless trio is there to be used instead."""
    if "trio" not in sys.modules:
        asyncio.get_running_loop()


async def sleep(seconds: float) -> None:
    """Wait, be it on asyncio's event loop or on trio's."""
    if _running_loop() is not None:
        await asyncio.sleep(seconds)
        return
    _require_trio()
    import trio

    await trio.sleep(seconds)


def _waited_for(query: _Query) -> bool:
    futures = query[0]
    return not futures[0].done() or not all(future.done() for future in futures)


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
        self._unsent: dict[tuple[bytes, Reader[Any]], _Query] = {}
        self._crowded = False
        self._together = False
        self._looks_left = _MOST_LOOKS
        self._nothing_owed: asyncio.Future[None] | None = None
        loop.add_reader(link.sock, self._receive)
        self._set_timer(self._idle, for_idling=True)

    def ask(self, query: bytes, reader: Reader[Any], deadline: float) -> asyncio.Future[Any]:
        """What `reader` makes of the answer, in future; or a P0fError."""
        future: asyncio.Future[Any] = self.loop.create_future()
        if self._looks_left and not (self._crowded or self._unsent or self.link.pipeline.owed):
            self._looks_left -= 1
            self._send([([future], query, reader, deadline)])
        else:
            self._queue(future, query, reader, deadline)
        if self._timer_is_for_idling and not (future.done() or self.closed):
            self._timer.cancel()
            self._set_timer(self._timeout, for_idling=False)
        return future

    def _queue(
        self, future: asyncio.Future[Any], query: bytes, reader: Reader[Any], deadline: float
    ) -> None:
        """Have it asked at the end of this turn of the loop, once for all who ask the same."""
        if not self._unsent:
            self.loop.call_soon(self._end_turn)
        same = self._unsent.get((query, reader))
        if same is None:
            self._unsent[query, reader] = [future], query, reader, deadline
        else:
            same[0].append(future)
            self._together = True

    def _end_turn(self) -> None:
        """All that was asked in this turn of the loop has been asked: send it together."""
        self._crowded = len(self._unsent) > 1 or self._together
        self._together = False
        self._looks_left = _MOST_LOOKS
        self._flush()

    async def finish(self, patience: float) -> None:
        """Shut when nothing is owed or asked any more, or after `patience` seconds."""
        if not self.closed and (self.link.pipeline.owed or self._unsent):
            self._nothing_owed = self.loop.create_future()
            await asyncio.wait([self._nothing_owed], timeout=patience)
        self.shut()

    def shut(self) -> None:
        """Let the link go. Lookups still waiting fail with ConnectionLost."""
        if self.closed:
            return
        self.closed = True
        if self._nothing_owed and not self._nothing_owed.done():
            self._nothing_owed.set_result(None)
        waiting = [*self.link.pipeline.owed, *self._unsent.values()]
        self._unsent.clear()
        if self.link.pid == os.getpid() and not self.loop.is_closed():
            self.loop.remove_reader(self.link.sock)
            self._timer.cancel()
            self._fail(waiting, ConnectionLost(f"p0f closed its connection on {self._socket_path}"))
        self.link.let_go()

    def __del__(self) -> None:
        if not self.closed:  # the loop was closed, or forgot us, and so did the client
            self.link.let_go()

    def _fail(self, queries: Iterable[_Query], error: P0fError) -> int:
        waiting = [future for query in queries for future in query[0] if not future.done()]
        for future in waiting:
            future.set_exception(type(error)(*error.args))
        return len(waiting)

    def _flush(self) -> None:
        """Send what was asked for and is still waited for, as far as there is room on the wire."""
        queries: list[_Query] = []
        while self._unsent and (room := self.link.pipeline.room - len(queries)) > 0:
            taken = [self._unsent.pop(key) for key in list(itertools.islice(self._unsent, room))]
            queries += filter(_waited_for, taken)
        if queries and not self.closed:
            self._send(queries)

    def _send(self, queries: Sequence[_Query]) -> None:
        pipeline = self.link.pipeline
        for query in queries:
            pipeline.ask(query)
        self.link.last_used = time.monotonic()
        data = b"".join([query[1] for query in queries])
        try:
            whole = self.link.sock.send(data) == len(data)
        except OSError:
            whole = False
        if not whole:  # there is room for MOST_OWED queries, so the connection is dead
            self.shut()
        elif len(pipeline.owed) == 1 and not self._crowded and self.link.look():
            self._receive()

    def _receive(self) -> None:
        """Hand out the answers that have come."""
        try:
            data = self.link.sock.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
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
        if self._nothing_owed and not (pipeline.owed or self._unsent or self._nothing_owed.done()):
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
                    stats.errors += self._fail([query], error) - 1
                    continue
                told = 0
                for future in query[0]:
                    if not future.done():
                        future.set_result(result)
                        told += 1
                stats.cached += told - 1

    def _distrust(self, error: P0fProtocolError) -> None:
        """What came is none of p0f's answers: every lookup under way fails for that."""
        self._health.failed(error)
        waiting = [*self.link.pipeline.owed, *self._unsent.values()]
        self.link.pipeline.owed.clear()
        self._health.stats.add("errors", self._fail(waiting, error))
        self.shut()

    def _set_timer(self, delay: float, *, for_idling: bool) -> None:
        self._timer = self.loop.call_later(delay, self._tick)
        self._timer_is_for_idling = for_idling

    def _tick(self) -> None:
        """Fail the lookups whose time is up, and set the timer for the next; or stop idling."""
        self._receive()  # the loop may have been busy while the answers came
        if self.closed:
            return
        now = time.monotonic()
        self._expire(now)
        if self.closed:
            return
        oldest = next(self._waiting(), None)
        if oldest is not None:
            self._set_timer(max(oldest[3] - now, 0.001), for_idling=False)
        elif now - self.link.last_used < self._idle or self.link.pipeline.owed:
            self._set_timer(self._idle, for_idling=True)
        else:
            self.shut()

    def _waiting(self) -> Iterator[_Query]:
        """Queries that somebody waits for, oldest first."""
        return filter(_waited_for, itertools.chain(self.link.pipeline.owed, self._unsent.values()))

    def _expire(self, now: float) -> None:
        expired = list(itertools.takewhile(lambda query: query[3] <= now, self._waiting()))
        if not expired:
            return
        error = no_answer(self.link, self._socket_path, self._timeout)
        if isinstance(error, P0fProtocolError):
            self._distrust(error)
            return
        self._health.failed(error)
        self._fail(expired, error)
        if self.link.useless:
            self.shut()
