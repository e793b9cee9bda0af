"""AsyncP0f under trio: asking p0f in a worker thread.

It is imported only where trio runs, so that nobody else needs trio. Lookups take turns, and wait
for theirs in trio, not in threads. One that is cancelled leaves its thread behind, which ends when
the answer has come or its time is up: pending answers are read in any case. As in `worker`, lookups
are counted by those who wait for them.
"""

from __future__ import annotations

import time
from typing import Any

import trio

from .._errors import P0fTimeout
from .exchange import Exchanger
from .health import Health
from .protocol import Reader
from .worker import AFTERTHOUGHT


class TrioThread:
    """Has threads do what the asyncio client does on an event loop.

    Args:
        exchanger: asks p0f, in the threads.
        health: what is known of p0f.
    """

    def __init__(self, exchanger: Exchanger, health: Health) -> None:
        self._exchanger = exchanger
        self._health = health
        self._limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("p0f")

    async def exchange(self, query: bytes, reader: Reader[Any]) -> Any:
        """What `reader` makes of the answer to `query`.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: did not answer in time).
            P0fProtocolError: the answer is not one of p0f's.
        """
        self._health.refuse_early(time.monotonic())
        seconds = self._exchanger.timeout
        with trio.move_on_after(seconds + AFTERTHOUGHT):
            return await trio.to_thread.run_sync(
                self._exchanger.exchange,
                query,
                reader,
                abandon_on_cancel=True,
                limiter=self._limiter_here(),
            )
        raise P0fTimeout(f"other lookups kept p0f busy for {seconds:.3g} s")

    async def close(self) -> None:
        """Close the connection, even if the caller is cancelled; takes two seconds at most."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._exchanger.close)

    def _limiter_here(self) -> trio.CapacityLimiter:
        """One thread at a time in each `trio.run`, as there is one connection."""
        try:
            return self._limiter.get()
        except LookupError:
            limiter = trio.CapacityLimiter(1)
            self._limiter.set(limiter)
            return limiter
