"""Which async library runs the caller, asyncio or trio, and functions that work under both.

It never imports trio. Under trio no asyncio loop runs, so `running_loop()` is None. Without either,
the functions raise asyncio's RuntimeError for a missing event loop.
"""

import asyncio
import sys
from asyncio import _get_running_loop
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

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


async def in_thread(function: Callable[[], T], seconds: float) -> T:
    """The result of a blocking function, called in a thread of asyncio's or trio's.

    Where the caller stops waiting, cancelled or after `seconds`, the thread goes on by itself.
    Raises Expired."""
    if running_loop() is None:
        trio = require_trio()
        with trio.move_on_after(seconds):
            result: T = await trio.to_thread.run_sync(function, abandon_on_cancel=True)
            return result
        raise Expired
    task = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.wait_for(task, seconds)
    except asyncio.TimeoutError:
        if task.cancelled():  # else the function itself raised TimeoutError
            raise Expired from None
        raise
