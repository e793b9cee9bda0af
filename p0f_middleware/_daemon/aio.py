"""AsyncP0f: the client for asyncio and trio.

Theory of operation. The first event loop of a process that asks has a connection of its own, on
which its tasks' queries are pipelined (`loop_connection`). When that loop is closed, the next one
that asks takes its place. Any other loop, and trio, asks on the connection that the process's
threads would share (`exchange`), in a thread of its own library: one lookup of a loop at a time, so
that a thousand tasks do not need a thousand threads. So a process has two connections at most.
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
from types import TracebackType
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

__all__ = ["AsyncP0f"]

_AFTERTHOUGHT = 0.01
"""Seconds on top of the timeout, in which a thread can still report what went wrong."""


@public
class AsyncP0f(BaseClient):
    """Asks the p0f daemon without blocking the event loop, asyncio's or trio's.

    Tasks may share one object, and so may several loops. Its options are those of `P0f`.
    """

    def __init__(self, socket_path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> None:
        self._first_loops: dict[int, LoopConnection] = {}
        """The connection of a process's first event loop, by process id."""
        self._turns = Turns()
        super().__init__(socket_path, timeout=timeout)

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        """What p0f knows about `ip_address`; None if it has not seen it.

        Raises:
            P0fBadQuery: `ip_address` is not an IP address; nothing was sent.
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        return await self._ask(make_query(ip_address), read_answer)

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
        """As `lookup`, but raises if p0f has not seen the address.

        Args:
            ip_address: an IPv4 or IPv6 address as text.
            return_raw_data: return p0f's numbers and strings as they are, in a dict.

        Raises:
            P0fNoMatch: p0f knows nothing about the address. A KeyError.
        """
        query = make_query(ip_address)
        if return_raw_data:
            return require_match(ip_address, await self._ask(query, read_raw_answer))
        return require_match(ip_address, await self._ask(query, read_answer))

    async def close(self) -> None:
        """Close all connections; the next lookup opens another. Safe at any time, and to call
        twice.

        Waits up to a second for pending answers, since p0f dies when it writes an answer to a
        closed connection.
        """
        first = self._first_loops.get(os.getpid())
        try:
            if first is not None and first.loop is running_loop():
                await first.close()
            elif first is not None:
                first.shut_from_outside()
            if self._exchange.connection is not None:
                with contextlib.suppress(Expired, RuntimeError):  # no thread can be started
                    await in_thread(self._exchange.close, 2 * CLOSE_TIMEOUT)
        finally:  # perhaps the caller is cancelled
            self._exchange.close(0.0)

    async def __aenter__(self) -> AsyncP0f:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_finalizing():  # else the exit hook has closed the connection
            first = self._first_loops.get(os.getpid())
            if first is not None:
                first.shut_from_outside()

    async def _ask(
        self, query: bytes, reader: Reader[ReadT], deadline: float = math.inf
    ) -> ReadT | None:
        try:
            loop = running_loop()
            first = self._first_loops.get(os.getpid())
            if first is None or first.loop is not loop:
                first = self._as_first(loop)
            if first is not None:
                answer = await first.ask(query, deadline)
            else:
                answer = await self._ask_in_thread(query, deadline)
            return self._rules.read(answer, reader)
        except BaseException as error:
            self._rules.counters.failed(error)
            raise

    def _as_first(self, loop: asyncio.AbstractEventLoop | None) -> LoopConnection | None:
        """The connection of `loop`, if it is the first of this process or can take its place."""
        if loop is None:
            return None
        pid = os.getpid()
        first = self._first_loops.get(pid)
        if first is None:
            # setdefault is atomic: of loops that ask at the same moment, one is the first
            first = self._first_loops.setdefault(pid, LoopConnection(loop, self._rules))
        elif first.loop.is_closed() and first.take_place():
            first = self._first_loops[pid] = LoopConnection(loop, self._rules)
        return first if first.loop is loop else None

    async def _ask_in_thread(self, query: bytes, deadline: float) -> Answer:
        rules, outage = self._rules, self._rules.outage
        turn = self._turns.here()
        asked = time.monotonic()
        outage.refuse_early(asked)
        deadline = min(deadline, asked + rules.timeout)
        seconds = max(deadline - asked, 0.0)

        async def in_turn() -> Answer:
            async with turn:
                outage.refuse_early(time.monotonic())
                ask = functools.partial(self._exchange.ask, query, deadline)
                return await in_thread(ask, seconds + _AFTERTHOUGHT)

        try:
            return await wait_at_most(in_turn(), seconds + _AFTERTHOUGHT)
        except Expired:
            raise P0fTimeout(f"other lookups kept p0f busy for {seconds:.3g} s") from None
        except RuntimeError as error:
            raise P0fUnavailable(f"no thread to ask p0f in: {error}") from error
