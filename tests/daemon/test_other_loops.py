"""AsyncP0f where no connection of its own waits for it: under trio, and in all but the first loop.

There lookups are asked in a thread, one at a time, and nothing may block the loop.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio

from p0f_middleware import AsyncP0f, P0fError, P0fUnavailable
from p0f_middleware._async_library import running_loop, sleep
from p0f_middleware.testing import FakeP0f

from .clients import async_os_name as os_name
from .clients import named_after, opened

HOST, OTHER = "192.0.2.1", "192.0.2.2"
LOOPS = 40

Main = Callable[[AsyncP0f], Awaitable[Any]]
Run = Callable[..., Any]


@pytest.fixture(params=["trio", "asyncio"])
def run(request: pytest.FixtureRequest, fake_p0f: FakeP0f) -> Iterator[Run]:
    """Runs a coroutine function with a client, in trio or in a second loop of asyncio's."""
    fake_p0f.answer_with(named_after)
    first = asyncio.new_event_loop()

    def run(main: Main, timeout: float = 5) -> Any:
        client = AsyncP0f(fake_p0f.socket_path, timeout=timeout)
        if request.param == "trio":
            return trio.run(finished, client, main)
        first.run_until_complete(client.lookup(HOST))
        fake_p0f.queries.clear()
        return asyncio.run(finished(client, main))

    async def finished(client: AsyncP0f, main: Main) -> Any:
        async with client:
            result = await main(client)
            fake_p0f.resume()
            return result

    yield run
    fake_p0f.resume()
    first.close()


async def at_once(*functions: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Results or errors of functions that run as tasks, or the P0fErrors that they raise."""
    results: list[Any] = [None] * len(functions)

    async def keep(number: int) -> None:
        try:
            results[number] = await functions[number]()
        except P0fError as error:
            results[number] = error

    if running_loop() is not None:
        await asyncio.gather(*(keep(number) for number in range(len(functions))))
    else:
        async with trio.open_nursery() as nursery:
            for number in range(len(functions)):
                nursery.start_soon(keep, number)
    return results


def test_a_p0f_that_hangs_leaves_the_applications_threads_free(run: Run, fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> float:
        async def in_a_thread() -> None:
            library: Any = trio.to_thread.run_sync if running_loop() is None else asyncio.to_thread
            await sleep(0.05)
            began = time.monotonic()
            await library(int)
            waited.append(time.monotonic() - began)

        waited: list[float] = []
        await os_name(client, HOST)
        fake_p0f.stall()
        await at_once(in_a_thread, *[lambda: client.lookup(HOST)] * 100)
        return waited[0]

    assert run(main, timeout=2) < 1


async def given_up(function: Callable[[], Awaitable[Any]], seconds: float) -> bool:
    """Cancel what takes longer; returns whether it did."""
    if running_loop() is None:
        with trio.move_on_after(seconds) as scope:
            await function()
        return scope.cancelled_caught
    try:
        await asyncio.wait_for(function(), seconds)
    except asyncio.TimeoutError:
        return True
    return False


def test_tasks_get_their_own_answers_on_one_connection(run: Run, fake_p0f: FakeP0f) -> None:
    addresses = [f"192.0.2.{number}" for number in range(100)]

    async def main(client: AsyncP0f) -> list[Any]:
        return await at_once(*(lambda a=address: os_name(client, a) for address in addresses))

    before = fake_p0f.connections
    assert run(main) == addresses
    assert fake_p0f.connections <= before + 2


def test_the_loop_goes_on_while_p0f_does_not_answer(run: Run, fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> list[Any]:
        async def count_turns() -> int:
            turns = 0
            while not client.stats.timeouts:
                await sleep(0.001)
                turns += 1
            return turns

        fake_p0f.stall()
        return await at_once(count_turns, lambda: client.lookup(HOST))

    turns, error = run(main, timeout=0.3)
    assert turns > 10
    assert isinstance(error, P0fUnavailable)


def test_an_outage_is_skipped_without_a_thread(run: Run, fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> tuple[list[Any], int]:
        fake_p0f.refuse()
        await at_once(lambda: client.lookup(HOST))
        before = threading.active_count()
        errors = await at_once(*[lambda: client.lookup(HOST)] * 10)
        return errors, threading.active_count() - before

    errors, threads = run(main)
    assert all(error.skipped for error in errors)
    assert threads == 0


def test_a_cancelled_lookup_ends_at_once_and_hurts_nobody(run: Run, fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> tuple[list[Any], str | None]:
        await client.lookup(HOST)
        fake_p0f.stall()
        ended = await at_once(*[lambda: given_up(lambda: client.lookup("192.0.2.7"), 0.05)] * 4)
        fake_p0f.resume()
        return ended, await os_name(client, OTHER)

    assert run(main) == ([True] * 4, OTHER)
    assert fake_p0f.connections <= 2


# Trio


def test_closing_in_a_cancelled_task_of_trios_closes_the_connection(fake_p0f: FakeP0f) -> None:
    before = opened()

    async def main() -> None:
        client = AsyncP0f(fake_p0f.socket_path, timeout=5)
        await client.lookup(HOST)
        assert opened() - before
        with trio.CancelScope() as scope:
            scope.cancel()  # as servers may cancel the task of lifespan
            await client.close()
        assert opened() <= before

    trio.run(main)


PROGRAMS = {
    "it may end without closing, and trio is not imported": """
asyncio.run(AsyncP0f(sys.argv[1]).lookup("192.0.2.1"))
assert "trio" not in sys.modules
""",
    "without any event loop the error is asyncio's own": """
try:
    AsyncP0f(sys.argv[1]).lookup("192.0.2.1").send(None)
except RuntimeError as error:
    assert str(error) == "no running event loop", error
else:
    raise AssertionError
""",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_in_a_process_of_its_own(fake_p0f: FakeP0f, program: str) -> None:
    program = "import asyncio, sys; from p0f_middleware import AsyncP0f\n" + program
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, fake_p0f.socket_path]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=30)

    assert (ended.returncode, ended.stderr) == (0, b"")


# Loops of asyncio's that come and go


def test_loops_that_live_at_once_share_two_connections(fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)
    client = AsyncP0f(fake_p0f.socket_path, timeout=20)
    loops = [asyncio.new_event_loop() for _ in range(LOOPS)]
    for _ in range(2):
        for number, loop in enumerate(loops):
            address = f"198.51.100.{number}"
            assert loop.run_until_complete(os_name(client, address)) == address
    connections = fake_p0f.connections
    loops[0].close()
    names = [loop.run_until_complete(os_name(client, OTHER)) for loop in loops[1:4]]
    for loop in loops[1:]:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    assert names == [OTHER] * 3
    assert (connections, fake_p0f.connections) == (2, 3), "the next loop takes the place"


def test_loops_that_end_in_many_threads_do_not_disturb_each_other(fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)
    client = AsyncP0f(fake_p0f.socket_path, timeout=20)
    before, interval = opened(), sys.getswitchinterval()

    async def main(address: str) -> set[str | None]:
        return {await os_name(client, address) for _ in range(5)}

    sys.setswitchinterval(1e-6)
    try:
        addresses = [f"198.51.100.{number}" for number in range(200)]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda a: asyncio.run(main(a)), addresses))
    finally:
        sys.setswitchinterval(interval)
    asyncio.run(client.close())
    gc.collect()

    assert answers == [{address} for address in addresses]
    assert client.stats.lookups == 1000
    assert opened() <= before


def test_where_no_thread_can_be_had_the_error_is_a_p0f_error(
    fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    client = AsyncP0f(fake_p0f.socket_path, timeout=5)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.run_until_complete(client.lookup(HOST))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(P0fUnavailable, match=r"no thread .*: can't start new thread"):
            second.run_until_complete(client.lookup(HOST))
        first.run_until_complete(client.lookup(HOST))
        first.run_until_complete(client.close())
    first.close()
    second.close()
