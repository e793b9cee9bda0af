"""AsyncP0f under trio: worker threads ask p0f.

This module is imported only under trio, so that programs without trio do not need it. Lookups take
turns, and wait for their turn in trio, not in threads. The thread of a cancelled lookup goes on
until the answer arrives or the lookup expires, since pending answers must be read in any case. As
in `worker`, each lookup counts itself.
"""

from __future__ import annotations

import math
import time
from typing import Any

import trio

from .._errors import P0fTimeout
from .exchange import Exchanger
from .health import Health
from .protocol import Reader
from .worker import AFTERTHOUGHT


class TrioThread:
    """Does in trio's threads what `LoopConnection` does on an asyncio loop.

    Args:
        exchanger: asks p0f, in the threads.
        health: the client's view of p0f.
    """

    def __init__(self, exchanger: Exchanger, health: Health) -> None:
        self._exchanger = exchanger
        self._health = health
        self._limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("p0f")

    async def exchange(self, query: bytes, reader: Reader[Any], deadline: float = math.inf) -> Any:
        """The answer to `query` as `reader` returns it, as `Exchanger.exchange`.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        now = time.monotonic()
        self._health.refuse_early(now)
        seconds = min(self._exchanger.timeout, deadline - now)
        with trio.move_on_after(seconds + AFTERTHOUGHT):
            return await trio.to_thread.run_sync(
                self._exchanger.exchange,
                query,
                reader,
                deadline,
                abandon_on_cancel=True,
                limiter=self._limiter_here(),
            )
        raise P0fTimeout(f"other lookups kept p0f busy for {seconds:.3g} s")

    async def close(self) -> None:
        """Close the connection, even if the caller is cancelled. Takes at most two seconds."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._exchanger.close)

    def _limiter_here(self) -> trio.CapacityLimiter:
        """The limiter of this `trio.run`: one thread at a time, since there is one connection."""
        try:
            return self._limiter.get()
        except LookupError:
            limiter = trio.CapacityLimiter(1)
            self._limiter.set(limiter)
            return limiter
