"""AsyncP0f under trio: the blocking client, in a worker thread.

Imported only where trio runs, so that trio is nobody's dependency. Lookups take turns, and wait for
theirs in trio, not in threads. One that is cancelled leaves its thread behind, which ends when the
answer has come or its time is up: what p0f owes is read in any case.
"""

from __future__ import annotations

import time
from typing import Any

import trio

from .._errors import P0fTimeout
from .base import BaseClient
from .blocking import P0f
from .protocol import Reader

AFTERTHOUGHT = 0.01
"""Seconds on top of the timeout for the thread to say what went wrong."""


class InThread:
    """Does in a thread what `client` does on an event loop; its counters and outages are shared."""

    def __init__(self, client: BaseClient) -> None:
        self._client = P0f(client.socket_path, timeout=client.timeout, idle=client.idle)
        self._health = self._client._health = client._health
        self._turns: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("turns")

    async def exchange(self, query: bytes, reader: Reader[Any]) -> Any:
        """Send a query and wait for its answer.

        Raises:
            P0fUnavailable: p0f cannot be asked.
            P0fProtocolError: the answer is none of p0f's.
        """
        now = time.monotonic()
        if self._health.outage.down and self._health.outage.retry_in(now):
            self._health.admit(now)  # raises here what it would raise in the thread
        asked = False

        def ask() -> Any:
            nonlocal asked
            asked = True
            return self._client._exchange(query, reader)

        try:
            with trio.move_on_after(self._client.timeout + AFTERTHOUGHT):
                return await trio.to_thread.run_sync(
                    ask, abandon_on_cancel=True, limiter=self._turns_here()
                )
        except trio.Cancelled:
            if not asked:
                self._health.stats.add("abandoned")
            raise
        if not asked:
            self._health.stats.add("timeouts")
        raise P0fTimeout(f"p0f did not answer within {self._client.timeout:g} s; is it busy?")

    async def close(self) -> None:
        """Let the connection go, though the caller be cancelled; takes two seconds at most."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._client.close)

    def _turns_here(self) -> trio.CapacityLimiter:
        """One thread at a time in each `trio.run`, as the client has one connection."""
        try:
            return self._turns.get()
        except LookupError:
            turns = trio.CapacityLimiter(1)
            self._turns.set(turns)
            return turns
