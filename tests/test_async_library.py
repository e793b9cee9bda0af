"""Sleeping and waiting alike under asyncio and trio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio

from p0f_middleware._async_library import Expired, in_thread, running_loop, sleep

Run = Callable[..., Any]


def run_asyncio(function: Callable[..., Any], *args: Any) -> Any:
    return asyncio.run(function(*args))


both = pytest.mark.parametrize("run", [run_asyncio, trio.run], ids=["asyncio", "trio"])


@both
def test_a_timeout_of_the_functions_own_is_not_ours(run: Run) -> None:
    def late() -> None:
        raise TimeoutError("its own")

    async def main() -> None:
        with pytest.raises(TimeoutError, match="its own"):
            await in_thread(late, 20)

    run(main)


@both
def test_a_function_is_called_in_another_thread(run: Run) -> None:
    async def main() -> int:
        return await in_thread(threading.get_ident, 20)

    assert run(main) != threading.get_ident()


@both
def test_a_function_that_takes_too_long_goes_on_by_itself(run: Run) -> None:
    released, ended = threading.Event(), threading.Event()

    def work() -> None:
        released.wait(20)
        ended.set()

    async def main() -> float:
        began = time.monotonic()
        with pytest.raises(Expired):
            await in_thread(work, 0.01)
        took = time.monotonic() - began
        released.set()
        return took

    assert run(main) < 5
    assert ended.wait(20)


def test_trio_has_no_asyncio_loop() -> None:
    async def main() -> object:
        return running_loop()

    assert trio.run(main) is None
    assert run_asyncio(main) is not None


def test_without_an_event_loop_nothing_can_be_slept() -> None:
    coroutine = sleep(1)
    with pytest.raises(RuntimeError):
        coroutine.send(None)
