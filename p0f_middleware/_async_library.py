"""Which async library runs the caller, asyncio or trio, and functions that work under both.

It never imports trio. Under trio no asyncio loop runs, so `running_loop()` is None. Without either,
the functions raise asyncio's RuntimeError for a missing event loop.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import _get_running_loop as running_loop
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["Expired", "Turns", "in_thread", "require_trio", "running_loop", "sleep", "wait_at_most"]

T = TypeVar("T")


class Expired(Exception):
    """What was waited for took too long."""


def require_trio() -> ModuleType:
    """The module trio, if the program has imported it; else raises asyncio's RuntimeError."""
    if "trio" not in sys.modules:
        asyncio.get_running_loop()
    return sys.modules["trio"]


async def sleep(seconds: float) -> None:
    library = require_trio() if running_loop() is None else asyncio
    await library.sleep(seconds)


async def wait_at_most(awaitable: Awaitable[T], seconds: float) -> T:
    """Await something, and cancel it if it takes longer than `seconds`: then raise Expired."""
    if running_loop() is None:
        with require_trio().move_on_after(seconds):
            return await awaitable
        raise Expired
    task = asyncio.ensure_future(awaitable)
    try:
        return await asyncio.wait_for(task, seconds)
    except asyncio.TimeoutError:
        if task.cancelled():  # else the task itself raised TimeoutError
            raise Expired from None
        raise


async def in_thread(function: Callable[[], T], seconds: float) -> T:
    """The result of a blocking function, called in a thread of asyncio's or trio's.

    Where the caller stops waiting, cancelled or expired, the thread goes on by itself. Raises
    Expired."""
    if running_loop() is not None:
        return await wait_at_most(asyncio.to_thread(function), seconds)
    run = require_trio().to_thread.run_sync(function, abandon_on_cancel=True)
    return await wait_at_most(run, seconds)


class Turns:
    """A lock for each event loop, for what its tasks must do one at a time."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def here(self) -> Any:
        """The lock of the running loop: `async with turns.here(): ...`."""
        loop: Any = running_loop()
        library = asyncio if loop is not None else require_trio()
        if loop is None:
            loop = library.lowlevel.current_trio_token()
        return self._locks.get(loop) or self._locks.setdefault(loop, library.Lock())
