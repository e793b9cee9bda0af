"""Sleeping and waiting alike under asyncio and trio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import trio

from p0f_middleware._async_library import Expired, running_loop, sleep, wait_at_most

Run = Callable[..., Any]


def run_asyncio(function: Callable[..., Any], *args: Any) -> Any:
    return asyncio.run(function(*args))


both = pytest.mark.parametrize("run", [run_asyncio, trio.run], ids=["asyncio", "trio"])


async def answer() -> int:
    await sleep(0)
    return 42


async def late() -> None:
    raise TimeoutError("its own")


@both
def test_what_is_done_in_time_gives_its_result(run: Run) -> None:
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
    async def main() -> None:
        with pytest.raises(TimeoutError, match="its own"):
            await wait_at_most(late(), 5)

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
