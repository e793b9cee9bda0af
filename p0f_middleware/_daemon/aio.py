"""AsyncP0f: the client for asyncio and trio.

Theory of operation. The first event loop of a process that asks has a connection of its own, on
which its tasks' queries are pipelined (`loop_connection`). When that loop is closed, the next one
that asks takes its place. Any other loop, and trio, asks on the connection that threads would share
(`base`), in a thread of its own library: one lookup of a loop at a time, so that a thousand
tasks do not need a thousand threads. So a process has two connections at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Literal, overload

from .._async_library import Expired, Turns, in_thread, running_loop, wait_at_most
from .._errors import P0fTimeout, P0fUnavailable
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome
from .._public import public
from .._visitor import Visitor
from .base import TIMEOUT, BaseClient, outcome, require_match
from .connection import CLOSE_TIMEOUT
from .loop_connection import LoopConnection
from .protocol import Reader, ReadT, make_query, read_answer, read_raw_answer
from .rules import Answer
from .stats import ending

_AFTERTHOUGHT = 0.01  # seconds on top of the timeout, for a thread to report what went wrong


@public
class AsyncP0f(BaseClient):
    """Asks the p0f daemon without blocking the event loop, asyncio's or trio's.

    Tasks may share one object, and so may several loops. Its options are those of `P0f`.
    """

    def __init__(self, socket_path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> None:
        super().__init__(socket_path, timeout=timeout)
        self._turns = Turns()

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

    async def __aenter__(self) -> AsyncP0f:
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
            self._rules.counts[ending(error)] += 1
            raise

    def _as_first(self, loop: asyncio.AbstractEventLoop | None) -> LoopConnection | None:
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
        turn, refuse_early = self._turns.here(), self._rules.outage.refuse_early
        now = time.monotonic()
        refuse_early(now)
        patience = max(min(deadline - now, self._rules.timeout), 0.0)
        ask = functools.partial(self._wait_for_answer, query, now + patience)

        async def in_turn() -> Answer:
            async with turn:
                refuse_early(time.monotonic())
                return await in_thread(ask, patience + _AFTERTHOUGHT)

        try:
            return await wait_at_most(in_turn(), patience + _AFTERTHOUGHT)
        except Expired:
            raise P0fTimeout(f"other lookups kept p0f busy for {patience:.3g} s") from None
        except RuntimeError as error:
            raise P0fUnavailable(f"no thread to ask p0f in: {error}") from error
