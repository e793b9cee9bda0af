"""Sleeping and waiting alike under asyncio and trio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio

from p0f_middleware._async_library import (
    Expired,
    Turns,
    in_thread,
    running_loop,
    sleep,
    wait_at_most,
)

Run = Callable[..., Any]


def run_asyncio(function: Callable[..., Any], *args: Any) -> Any:
    return asyncio.run(function(*args))


both = pytest.mark.parametrize("run", [run_asyncio, trio.run], ids=["asyncio", "trio"])


@both
def test_what_is_done_in_time_gives_its_result(run: Run) -> None:
    async def answer() -> int:
        await sleep(0)
        return 42

    async def main() -> int:
        return await wait_at_most(answer(), 5)

    assert run(main) == 42


@both
@pytest.mark.parametrize("seconds", [0, 0.01])
def test_what_takes_too_long_is_cancelled(run: Run, seconds: float) -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await sleep(60)
        finally:
            ended.append("ended")

    async def main() -> None:
        with pytest.raises(Expired):
            await wait_at_most(endless(), seconds)

    run(main)
    assert ended in ([], ["ended"])  # it may not even have begun
    if seconds:
        assert ended == ["ended"]


@both
def test_a_timeout_of_its_own_is_not_ours(run: Run) -> None:
    async def late() -> None:
        raise TimeoutError("its own")

    async def main() -> None:
        with pytest.raises(TimeoutError, match="its own"):
            await wait_at_most(late(), 5)

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


@both
def test_tasks_have_their_turn_one_after_another(run: Run) -> None:
    turns, inside = Turns(), 0

    async def task() -> None:
        nonlocal inside
        async with turns.here():
            inside += 1
            assert inside == 1
            await sleep(0)
            inside -= 1

    async def main() -> None:
        if running_loop() is not None:
            await asyncio.gather(*(task() for _ in range(9)))
        else:
            async with trio.open_nursery() as nursery:
                for _ in range(9):
                    nursery.start_soon(task)

    for _ in range(2):  # each loop has its own turns
        run(main)


def test_trio_has_no_asyncio_loop() -> None:
    async def main() -> object:
        return running_loop()

    assert trio.run(main) is None
    assert run_asyncio(main) is not None


def test_without_an_event_loop_nothing_can_be_slept() -> None:
    coroutine = sleep(1)
    with pytest.raises(RuntimeError):
        coroutine.send(None)
