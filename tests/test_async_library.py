"""Sleeping and waiting alike under asyncio and trio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio

from p0f_middleware._async_library import Expired, in_thread

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
