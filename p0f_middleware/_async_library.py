"""Which async library runs the caller, asyncio or trio, and functions that work under both.

It never imports trio. Under trio no asyncio loop runs, so `running_loop()` is None. Without either,
the functions raise asyncio's RuntimeError for a missing event loop.
"""

import asyncio
import sys
from asyncio import _get_running_loop
from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
running_loop = _get_running_loop


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


class Turns:
    """For each event loop, a lock for what its tasks must do one at a time."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def here(self) -> Any:
        loop: Any = running_loop()
        library = asyncio if loop is not None else require_trio()
        if loop is None:
            loop = library.lowlevel.current_trio_token()
        return self._locks.get(loop) or self._locks.setdefault(loop, library.Lock())


async def in_thread(function: Callable[[], T], seconds: float, turn: Any = None) -> T:
    """The result of a blocking function, called in a thread of asyncio's or trio's.

    Where the caller stops waiting, cancelled or after `seconds`, the thread goes on by itself. The
    lock `turn` is taken before a thread is, and held until the waiting ends. Raises Expired."""
    trio = require_trio() if running_loop() is None else None

    async def run() -> T:
        async with turn or nullcontext():
            if trio is None:
                return await asyncio.to_thread(function)
            result: T = await trio.to_thread.run_sync(function, abandon_on_cancel=True)
            return result

    if trio is not None:
        with trio.move_on_after(seconds):
            return await run()
        raise Expired
    task = asyncio.ensure_future(run())
    try:
        return await asyncio.wait_for(task, seconds)
    except asyncio.TimeoutError:
        if task.cancelled():
            raise Expired from None
        return task.result()  # it ended at that very moment, or the function raised TimeoutError
