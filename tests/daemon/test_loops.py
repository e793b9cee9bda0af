"""How many event loops have a connection of their own, and how the others are served."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from p0f_middleware import AsyncP0f, P0fTimeout
from p0f_middleware._daemon import connection
from p0f_middleware._daemon.loops import MAX_CONNECTIONS
from p0f_middleware.testing import FakeP0f

from .clients import named_after

LOOPS = 40


@pytest.fixture
def client(fake_p0f: FakeP0f) -> Iterator[AsyncP0f]:
    fake_p0f.answer_with(named_after)
    client = AsyncP0f(fake_p0f.socket_path, timeout=20)
    yield client
    fake_p0f.resume()
    asyncio.run(client.close())


@pytest.fixture
def loops() -> Iterator[list[asyncio.AbstractEventLoop]]:
    """Loops that are alive and do not run."""
    loops = [asyncio.new_event_loop() for _ in range(LOOPS)]
    yield loops
    for loop in loops:
        loop.close()


async def is_right(client: AsyncP0f, ip_address: str) -> bool:
    info = await client.lookup(ip_address)
    return info is not None and info.os_name == ip_address


def test_the_bound_is_well_under_what_p0f_serves() -> None:
    assert 5 * (MAX_CONNECTIONS + 1) <= 20


def test_loops_that_run_at_once_in_as_many_threads_share_few_connections(
    client: AsyncP0f, fake_p0f: FakeP0f
) -> None:
    barrier = threading.Barrier(LOOPS, timeout=60)
    right: list[bool] = []

    async def main(number: int) -> None:
        for _ in range(5):
            right.append(await is_right(client, f"198.51.100.{number}"))
        await asyncio.to_thread(barrier.wait)  # so that all live at once
        right.append(await is_right(client, f"198.51.100.{number}"))

    threads = [
        threading.Thread(target=lambda number=number: asyncio.run(main(number)))
        for number in range(LOOPS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert right == [True] * 6 * LOOPS
    assert client.stats.lookups == client.stats.matches == 6 * LOOPS


def test_loops_that_live_at_once_share_few_connections(
    client: AsyncP0f, fake_p0f: FakeP0f, loops: list[asyncio.AbstractEventLoop]
) -> None:
    for _ in range(2):
        for number, loop in enumerate(loops):
            assert loop.run_until_complete(is_right(client, f"198.51.100.{number}"))

    assert fake_p0f.connections == MAX_CONNECTIONS + 1


def test_loops_that_come_one_after_another_leave_nothing_open(
    client: AsyncP0f, fake_p0f: FakeP0f
) -> None:
    before = connection.opened()
    for number in range(LOOPS):
        assert asyncio.run(is_right(client, f"198.51.100.{number}"))

    assert len(connection.opened() - before) <= MAX_CONNECTIONS
    asyncio.run(client.close())
    assert connection.opened() <= before


def test_a_loop_that_is_closed_makes_room_for_another(
    client: AsyncP0f, fake_p0f: FakeP0f, loops: list[asyncio.AbstractEventLoop]
) -> None:
    for loop in loops[:MAX_CONNECTIONS]:
        loop.run_until_complete(client.lookup("192.0.2.1"))
    loops[0].close()
    loops[MAX_CONNECTIONS].run_until_complete(client.lookup("192.0.2.1"))

    assert fake_p0f.connections == MAX_CONNECTIONS + 1
    assert threading.active_count() == len(threading.enumerate())
    assert not [thread for thread in threading.enumerate() if thread.name == "p0f"]


def test_after_a_restart_of_p0f_every_loop_is_served(
    client: AsyncP0f, fake_p0f: FakeP0f, loops: list[asyncio.AbstractEventLoop]
) -> None:
    for loop in loops[:6]:
        loop.run_until_complete(client.lookup("192.0.2.1"))
    fake_p0f.restart()
    fake_p0f.connections = 0
    for loop in loops[:6]:
        assert loop.run_until_complete(is_right(client, "192.0.2.2"))

    assert fake_p0f.connections == MAX_CONNECTIONS + 1


@pytest.mark.parametrize("number", [0, MAX_CONNECTIONS], ids=["own connection", "worker thread"])
def test_a_loop_goes_on_while_p0f_does_not_answer(
    fake_p0f: FakeP0f, loops: list[asyncio.AbstractEventLoop], number: int
) -> None:
    client = AsyncP0f(fake_p0f.socket_path, timeout=0.3)
    for loop in loops[: number + 1]:
        loop.run_until_complete(client.lookup("192.0.2.1"))
    fake_p0f.stall()

    async def main() -> int:
        lookup = asyncio.ensure_future(client.lookup("192.0.2.1"))
        turns = 0
        while not lookup.done():
            await asyncio.sleep(0.001)
            turns += 1
        with pytest.raises(P0fTimeout):
            await lookup
        return turns

    assert loops[number].run_until_complete(main()) > 10
    fake_p0f.resume()
    loops[number].run_until_complete(client.close())
