"""AsyncSharedSyn: the source for asyncio and trio.

Each event loop has a connection of its own (`loop_exchange`); this module keeps them by loop. Under
trio it asks the blocking source, in one of trio's threads.

The fact a reader would get wrong: a source outlives event loops. It is often made at import, and
each `asyncio.run` (a test, a command) starts another loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from functools import partial

from .._async_library import require_trio, running_loop
from .._errors import P0fError, P0fUnavailable
from .._outcome import Outcome
from .._public import public
from .._visitor import Visitor
from .base import BaseSharedSyn, StoreHealth, require_client
from .blocking import SharedSyn
from .loop_exchange import ClientExchange, LoopExchange, ServerExchange
from .store import Store


@public
class AsyncSharedSyn(BaseSharedSyn):
    """As `SharedSyn`, with the same options, but it does not block the event loop."""

    def _set_up(self, store: object) -> str:
        self._exchanges: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopExchange]
        self._exchanges = weakref.WeakKeyDictionary()
        self._last: LoopExchange | None = None
        self._blocking: SharedSyn | None = None
        self._given = store
        if isinstance(store, str):
            self._store: Store | None = Store(store)
            return self._store.name
        require_client(store, asynchronous=True)
        self._store = None
        return "the given client"

    async def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """The fingerprint of the visitor's shared SYN.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.

        Raises:
            P0fUnavailable: the store cannot be asked (P0fTimeout: it did not answer in time).
            P0fProtocolError: the server is neither Redis nor Valkey.
        """
        loop = running_loop()
        if loop is None:
            return await self._under_trio(visitor, deadline)
        question = self._question(visitor)
        if isinstance(question, Outcome):
            return question
        values = await self._here(loop).ask(question.keys, deadline)
        if isinstance(values, P0fError):
            raise values
        return self._tell(question, values)

    async def close(self) -> None:
        """Close the connections of all loops; the next lookup opens another. A redis-py client
        that was given as `store` stays open."""
        here = running_loop()
        for loop, exchange in list(self._exchanges.items()):
            if loop is here or loop.is_closed() or exchange.pid != os.getpid():
                exchange.drop()
            else:
                with contextlib.suppress(RuntimeError):  # the loop has just been closed
                    loop.call_soon_threadsafe(exchange.drop)
        if self._blocking is not None:
            self._blocking.close()

    def _here(self, loop: asyncio.AbstractEventLoop) -> LoopExchange:
        """The exchange of the running loop."""
        exchange = self._last
        if exchange is None or exchange.loop is not loop or exchange.pid != os.getpid():
            found = self._exchanges.get(loop)
            if found is None or found.pid != os.getpid():
                found = self._make(loop)
                self._exchanges[loop] = found
            exchange = self._last = found
        return exchange

    def _make(self, loop: asyncio.AbstractEventLoop) -> LoopExchange:
        health = StoreHealth(self.store_name)
        if self._store is not None:
            return ServerExchange(loop, health, self.timeout, self._store)
        return ClientExchange(loop, health, self.timeout, self._given)

    async def _under_trio(self, visitor: Visitor, deadline: float) -> Outcome:
        """Ask the blocking source in a trio thread: trio cannot use asyncio's connections."""
        require_trio()
        import trio

        if self._store is None:
            raise P0fUnavailable("a client of redis.asyncio does not work under trio: use a URL")
        if self._blocking is None:
            options = {"timeout": self.timeout, "database": self._database}
            self._blocking = SharedSyn(self._given, **options)  # type: ignore[arg-type]
        ask = partial(self._blocking.fingerprint, visitor, deadline)
        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True)
