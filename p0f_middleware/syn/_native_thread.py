"""Operating system threads, even where gevent or eventlet have replaced Python's.

A function that runs in such a thread must not use what those libraries patch: no `threading`, no
`time.sleep`, no sockets, no logging.

The fact a reader would get wrong: under gevent a `threading.Thread` is a greenlet, so while it
works, every request of the process stands still; and waiting for a lock or event that was made
before `monkey.patch_all()` stops the whole process. `_queue.SimpleQueue` is C code that neither
library replaces: its `get` waits without the GIL, and its `put` never waits.
"""

from __future__ import annotations

import _thread
import os
import sys
from _queue import Empty, SimpleQueue
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["NativeThread", "in_event_loop", "run_off_loop"]

ResultT = TypeVar("ResultT")


def _start(function: Callable[[], None]) -> None:
    """Run a function in a new thread.

    Raises:
        RuntimeError: no thread can be started.
    """
    start: Callable[..., object] = _thread.start_new_thread
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None:
        start = gevent.get_original("_thread", "start_new_thread")
    elif eventlet is not None:
        start = eventlet.original("_thread").start_new_thread
    start(function, ())


class NativeThread:
    """A thread that repeats a step until `stop` is called.

    Args:
        step: does one step, and returns the seconds to wait before the next; None to end.

    Raises:
        RuntimeError: no thread can be started.
    """

    def __init__(self, step: Callable[[], float | None]) -> None:
        self._step = step
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._id = 0
        self.alive = True
        _start(self._run)

    def wake(self) -> None:
        """Do the next step at once."""
        self._wake.put(True)

    def stop(self, patience: float) -> bool:
        """End the thread, and wait until the operating system does not list it any more.

        Args:
            patience: seconds to wait at most.

        Returns:
            whether it has ended.
        """
        if self.alive:
            self._wake.put(False)
            _wait(self._ended, patience)
        for _ in range(int(patience / _A_MOMENT)):
            if self.alive or os.path.exists(f"/proc/self/task/{self._id}"):
                _wait(SimpleQueue(), _A_MOMENT)
            else:
                return True
        return False

    def _run(self) -> None:
        self._id = _thread.get_native_id()
        try:
            while (seconds := self._step()) is not None:
                if _wait(self._wake, seconds) is False:
                    break
        except Exception:
            pass  # there is no caller to raise to; the next request starts the work again
        finally:
            self.alive = False
            self._ended.put(None)


_A_MOMENT = 0.0002


def _wait(queue: SimpleQueue[Any], seconds: float) -> Any:
    """The next item of the queue; None if there is none within `seconds`."""
    try:
        return queue.get(True, seconds)
    except Empty:
        return None


def run_off_loop(function: Callable[[], ResultT]) -> ResultT:
    """Call a function and return its result; in a new thread if an event loop runs in this one.

    It is for files that must be read before anything else. The loop still waits, but tools that
    detect blocking calls in an event loop do not complain.
    """
    if not in_event_loop():
        return function()
    results: SimpleQueue[tuple[ResultT | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((function(), None))
        except BaseException as error:
            results.put((None, error))

    try:
        _start(run)
    except RuntimeError:
        return function()
    result, error = results.get()
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def in_event_loop() -> bool:
    """Whether an asyncio event loop runs in this thread."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
