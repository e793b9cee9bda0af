"""Which async library runs the caller, asyncio or trio, and what differs between them.

This is ground: it knows no request and no source. trio is imported only where trio runs. The fact a
reader would get wrong: where trio runs, no asyncio loop does, so `running_loop()` is None.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

running_loop = asyncio._get_running_loop
"""The asyncio loop that runs the caller; None if none does. It raises nothing."""


def require_trio() -> None:
    """Raise what asyncio raises outside of its loops, unless trio is imported.

    Raises:
        RuntimeError: no event loop runs the caller.
    """
    if "trio" not in sys.modules:
        asyncio.get_running_loop()


async def sleep(seconds: float) -> None:
    """Wait for `seconds`, under asyncio or trio.

    Raises:
        RuntimeError: no event loop runs the caller.
    """
    if running_loop() is not None:
        await asyncio.sleep(seconds)
        return
    require_trio()
    import trio

    await trio.sleep(seconds)


class Expired(Exception):
    """What was awaited has taken too long."""


async def wait_at_most(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await a coroutine; cancel it when it takes longer than `seconds`.

    Raises:
        Expired: it took longer.
        RuntimeError: no event loop runs the caller.
    """
    if running_loop() is None:
        require_trio()
        import trio

        with trio.move_on_after(seconds):
            return await coroutine
        raise Expired
    task = asyncio.ensure_future(coroutine)
    try:
        return await asyncio.wait_for(task, seconds)
    except asyncio.TimeoutError:
        if task.cancelled():  # else the error is the coroutine's own
            raise Expired from None
        raise
