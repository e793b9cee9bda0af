"""AsyncP0f: the asyncio client. A connection for each of a few event loops, a thread for the rest.

Theory of operation. A few event loops have a connection of their own (`loops`); the others, and
trio, share one more, on which worker threads ask (`worker`, `trio_thread`). `_last` is the
connection that was used last, nearly always the right one; loops of several threads may write it at
the same time, since every reader checks that the connection belongs to its own loop.

Each lookup counts its own failure, where it raises in its task. Answers are counted where they are
read: by the loop's connection, or by the lookup that has waited for a worker thread.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from .._async_library import Expired, require_trio, running_loop, wait_at_most
from .._errors import P0fError, P0fTimeout
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome
from .._public import public
from .._visitor import Visitor
from .base import BaseClient, outcome, require_match
from .cache import CachingReader, HostCache
from .exchange import Exchanger
from .health import ENOUGH
from .loop_connection import LoopConnection
from .loops import Loops
from .pending_query import copied
from .protocol import Reader, make_query, read_answer, read_raw_answer
from .worker import LoopWorker

if TYPE_CHECKING:
    from .trio_thread import TrioThread

__all__ = ["AsyncP0f"]


class _Shared(NamedTuple):
    """The result or error of a lookup that several tasks wait for."""

    info: P0fInfo | None
    error: P0fError | None = None

    def result(self) -> P0fInfo | None:
        if self.error is not None:
            raise copied(self.error)
        return self.info


@public
class AsyncP0f(BaseClient):
    """Asks the p0f daemon without blocking the event loop, asyncio's or trio's.

    Tasks may share one object, and so may several loops. Its options are those of `P0f`.
    """

    def _set_up(self) -> None:
        self._loops = Loops(self.socket_path, self.timeout, self.idle, self._health)
        self._last: LoopConnection | None = None
        self._exchanger = Exchanger(self.socket_path, self.timeout, self.idle, self._health)
        self._worker: LoopWorker | None = None
        self._trio: TrioThread | None = None
        self._asking: dict[
            tuple[asyncio.AbstractEventLoop, bytes], asyncio.Future[_Shared | None]
        ] = {}

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        """What p0f knows about `ip_address`; None if it has not seen it.

        Raises:
            P0fBadQuery: `ip_address` is not an IP address; nothing was sent.
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        query = make_query(ip_address)
        try:
            if self._cache is None:  # `_find` inlined: nearly all lookups take this branch
                info: P0fInfo | None = await self._ask(query, read_answer)
                return info
            return await self._ask_cached(self._cache, query, math.inf)
        except BaseException as error:
            self._counters.failed(error)
            raise

    async def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """What p0f knows about the visitor's address.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        address = visitor.address
        if address is None:
            return NO_ADDRESS
        query = make_query(address)
        seconds = deadline - time.monotonic()
        try:
            if seconds >= ENOUGH * self.timeout:
                return outcome(await self._find(query, deadline))
            return outcome(await self._find_within(query, max(seconds, 0.0)))
        except BaseException as error:
            self._counters.failed(error)
            raise

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
        """As `lookup`, but raises if p0f has not seen the address, and never uses the cache.

        Args:
            ip_address: an IPv4 or IPv6 address as text.
            return_raw_data: return p0f's numbers and strings as they are, in a dict.

        Raises:
            P0fNoMatch: p0f knows nothing about the address. A KeyError.
        """
        query = make_query(ip_address)
        result: P0fInfo | dict[str, Any] | None
        try:
            result = await self._ask(query, read_raw_answer if return_raw_data else read_answer)
        except BaseException as error:
            self._counters.failed(error)
            raise
        found: P0fInfo | dict[str, Any] = require_match(ip_address, result)
        return found

    async def close(self) -> None:
        """Close all connections; the next lookup opens another. Safe at any time, and to call
        twice.

        Waits up to a second for pending answers, since p0f dies when it writes an answer to a
        closed connection.
        """
        self._last = None
        if running_loop() is None:
            if self._trio is not None:
                await self._trio.close()
        elif self._worker is not None:
            await self._worker.close()
        await self._loops.close()

    async def __aenter__(self) -> AsyncP0f:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _find_within(self, query: bytes, seconds: float) -> P0fInfo | None:
        """As `_find`, for a time so short that a timeout does not count as an outage of p0f."""
        try:
            return await wait_at_most(self._find(query, math.inf), seconds)
        except Expired:
            text = f"p0f did not answer within the {seconds:.3g} s that were left"
            raise P0fTimeout(text) from None

    def _find(self, query: bytes, deadline: float) -> Awaitable[P0fInfo | None]:
        """An awaitable of the host, from the cache or from p0f."""
        if self._cache is None:
            return self._ask(query, read_answer, deadline)
        return self._ask_cached(self._cache, query, deadline)

    async def _ask_cached(self, cache: HostCache, query: bytes, deadline: float) -> P0fInfo | None:
        """The host from the cache, or from p0f; tasks that ask meanwhile share the answer."""
        kept = cache.get(query)
        if kept is not None:
            self._counters.served()
            return kept
        info: P0fInfo | None
        reader = CachingReader(cache, query)
        loop = running_loop()
        if loop is None:  # under trio, where lookups take turns in a thread
            info = await self._ask(query, reader, deadline)
            return info
        key = loop, query
        while key in self._asking:
            shared = await asyncio.shield(self._asking[key])
            if shared is not None:  # else the task that asked was cancelled, and the next one asks
                info = shared.result()
                self._counters.served()
                return info
        others = self._asking[key] = loop.create_future()
        shared = None
        try:
            info = await self._ask(query, reader, deadline)
            shared = _Shared(info)
            return info
        except P0fError as error:
            shared = _Shared(None, error)
            raise
        finally:
            del self._asking[key]
            others.set_result(shared)

    def _ask(self, query: bytes, reader: Reader[Any], deadline: float = math.inf) -> Awaitable[Any]:
        """Ask p0f; returns an awaitable of the answer as `reader` returns it.

        Args:
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.
                The earliest deadline holds for a whole batch, so a caller with little time left
                uses `_find_within` instead.
        """
        loop = running_loop()
        if loop is None:
            return self._ask_in_thread(self._trio_thread(), query, reader, deadline)
        connection = self._last
        if (
            connection is None
            or connection.loop is not loop
            or connection.closed
            or self._health.outage.down
        ):
            connection = self._last = self._loops.connection_of(loop)
            if connection is None:
                return self._ask_in_thread(self._loop_worker(), query, reader, deadline)
        return connection.ask(query, reader, deadline)

    async def _ask_in_thread(
        self, thread: LoopWorker | TrioThread, query: bytes, reader: Reader[Any], deadline: float
    ) -> Any:
        result = await thread.exchange(query, reader, deadline)
        self._counters.answered(result is not None)
        return result

    def _loop_worker(self) -> LoopWorker:
        if self._worker is None:
            self._worker = LoopWorker(self._exchanger, self._health)
        return self._worker

    def _trio_thread(self) -> TrioThread:
        """The worker that asks p0f under trio, where no asyncio loop runs.

        Raises:
            RuntimeError: trio does not run either.
        """
        if self._trio is None:
            require_trio()
            from .trio_thread import TrioThread

            self._trio = TrioThread(self._exchanger, self._health)
        return self._trio
