"""Which async library runs the caller, asyncio or trio, and functions that work under both.

It imports trio only if trio runs. Under trio no asyncio loop runs, so `running_loop()` is None.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from asyncio import _get_running_loop as running_loop
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import trio

__all__ = [
    "Expired",
    "Turns",
    "in_thread",
    "require_trio",
    "running_loop",
    "sleep",
    "wait_at_most",
]

T = TypeVar("T")


def require_trio() -> None:
    """Raise asyncio's error for a missing event loop, unless trio is imported.

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
    """The awaited operation took too long."""


async def wait_at_most(awaitable: Awaitable[T], seconds: float) -> T:
    """Await something, and cancel it if it takes longer than `seconds`.

    Raises:
        Expired: it took longer.
        RuntimeError: no event loop runs the caller.
    """
    if running_loop() is None:
        require_trio()
        import trio

        with trio.move_on_after(seconds):
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

    Where the caller stops waiting, cancelled or expired, the thread goes on by itself.

    Raises:
        Expired: it took longer than `seconds`.
        RuntimeError: no event loop runs the caller, or no thread can be started.
    """
    if running_loop() is not None:
        return await wait_at_most(asyncio.to_thread(function), seconds)
    require_trio()
    import trio

    with trio.move_on_after(seconds):
        return await trio.to_thread.run_sync(function, abandon_on_cancel=True)
    raise Expired


class Turns:
    """A lock for each event loop, for tasks that must do something one at a time."""

    def __init__(self) -> None:
        self._locks: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def here(self) -> asyncio.Lock | trio.Lock:
        """The lock of the running loop: `async with turns.here(): ...`.

        Raises:
            RuntimeError: no event loop runs the caller.
        """
        loop: object = running_loop()
        make: Callable[[], asyncio.Lock | trio.Lock] = asyncio.Lock
        if loop is None:
            require_trio()
            import trio

            loop, make = trio.lowlevel.current_trio_token(), trio.Lock
        lock: asyncio.Lock | trio.Lock | None = self._locks.get(loop)
        if lock is None:
            lock = self._locks[loop] = make()
        return lock
