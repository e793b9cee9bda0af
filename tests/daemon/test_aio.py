"""AsyncP0f: what is its own beyond what both clients promise: tasks, cancellation, loops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p0f_middleware import AsyncP0f, P0fTimeout, P0fUnavailable
from p0f_middleware._daemon.protocol import MAX_IN_FLIGHT
from p0f_middleware.testing import SAMPLE, FakeP0f

from .clients import async_os_name as os_name
from .clients import named_after, opened

HOST, OTHER = "192.0.2.1", "192.0.2.2"


def run(p0f: FakeP0f, main: Callable[[AsyncP0f], Awaitable[Any]], **options: Any) -> Any:
    """What `main` returns, run with a client that is closed afterwards."""

    async def with_client() -> Any:
        async with AsyncP0f(p0f.socket_path, **{"timeout": 5} | options) as client:
            return await main(client)

    return asyncio.run(with_client())


async def under_way(
    client: AsyncP0f, p0f: FakeP0f, *addresses: str
) -> list[asyncio.Task[str | None]]:
    """Lookups that were sent to a p0f that has answered before, and is stopped now."""
    await client.lookup(HOST)
    p0f.stall()
    lookups = [asyncio.create_task(os_name(client, address)) for address in addresses]
    await asyncio.sleep(0.01)
    return lookups


# Tasks


def test_500_tasks_get_their_own_answers_on_one_connection(fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)
    addresses = [f"198.51.{number // 250}.{number % 250}" for number in range(500)]

    async def main(client: AsyncP0f) -> list[str | None]:
        return await asyncio.gather(*(os_name(client, address) for address in addresses))

    assert run(fake_p0f, main) == addresses
    assert fake_p0f.connections == 1


def test_lookups_under_way_when_p0f_restarts_are_asked_again(fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> list[str | None]:
        lookups = await under_way(client, fake_p0f, HOST, OTHER, HOST)
        fake_p0f.restart()
        fake_p0f.answer_with(named_after)
        fake_p0f.resume()
        return await asyncio.gather(*lookups)

    assert run(fake_p0f, main) == [HOST, OTHER, HOST]


def test_each_lookup_that_fails_when_p0f_ends_says_why_and_counts_once(fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> tuple[set[str], dict[str, int]]:
        lookups = await under_way(client, fake_p0f, *(f"192.0.2.{n}" for n in range(5)))
        fake_p0f.refuse()
        errors = await asyncio.gather(*lookups, return_exceptions=True)
        return {str(error) for error in errors}, client.stats.as_dict()

    said, stats = run(fake_p0f, main)
    assert said == {f"nothing listens on {fake_p0f.socket_path}: p0f has ended; start it again"}
    assert (stats["lookups"], stats["errors"], stats["outages"]) == (6, 5, 1)


def test_what_waits_for_a_p0f_that_takes_no_query_is_not_asked_again(fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> Any:
        fake_p0f.stall()
        first = asyncio.create_task(client.lookup(HOST))
        await asyncio.sleep(0.25)
        errors = await asyncio.gather(first, client.lookup(OTHER), return_exceptions=True)
        fake_p0f.resume()
        return errors

    assert all(isinstance(error, P0fUnavailable) for error in run(fake_p0f, main, timeout=0.5))
    assert fake_p0f.connections <= 1


def test_a_lookup_that_is_asked_again_has_no_more_time_than_others(fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> float:
        began = time.monotonic()
        [lookup] = await under_way(client, fake_p0f, HOST)
        await asyncio.sleep(0.8)
        fake_p0f.restart()
        with pytest.raises(P0fTimeout):
            await lookup
        fake_p0f.resume()
        return time.monotonic() - began

    assert run(fake_p0f, main, timeout=1) < 1.5


def test_time_that_the_loop_spends_elsewhere_before_it_sends_is_not_p0fs(fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> list[Any]:
        await client.lookup(HOST)
        lookups = [asyncio.create_task(client.lookup(f"192.0.2.{n}")) for n in range(20)]
        asyncio.get_running_loop().call_soon(time.sleep, 0.8)
        return await asyncio.gather(*lookups)

    fake_p0f.default = SAMPLE
    assert run(fake_p0f, main, timeout=0.7) == [SAMPLE] * 20


# Cancellation


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
def test_a_cancelled_lookup_disturbs_no_other(fake_p0f: FakeP0f, turns: int) -> None:
    fake_p0f.answer_with(named_after)

    async def main(client: AsyncP0f) -> list[str | None]:
        await client.lookup(HOST)
        fake_p0f.stall()
        tasks = [asyncio.create_task(os_name(client, f"198.51.100.{n}")) for n in range(9)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for cancelled in tasks[::2]:
            cancelled.cancel()
        fake_p0f.resume()
        answers = await asyncio.gather(*tasks[1::2])
        return [*answers, await os_name(client, OTHER)]

    assert run(fake_p0f, main) == [f"198.51.100.{n}" for n in range(1, 9, 2)] + [OTHER]
    assert fake_p0f.connections == 1


def test_lookups_of_one_address_at_once_share_a_query_that_outlives_a_cancelled_one(
    fake_p0f: FakeP0f,
) -> None:
    fake_p0f.answer_with(named_after)

    async def main(client: AsyncP0f) -> tuple[list[str | None], dict[str, int]]:
        lookups = await under_way(client, fake_p0f, HOST, OTHER, HOST, OTHER, HOST)
        lookups.pop(2).cancel()
        fake_p0f.resume()
        return await asyncio.gather(*lookups), client.stats.as_dict()

    names, stats = run(fake_p0f, main)
    assert names == [HOST, OTHER, OTHER, HOST]
    assert fake_p0f.queries == [HOST, HOST, OTHER, HOST]
    assert (stats["matches"], stats["abandoned"], stats["dropped"]) == (5, 1, 0)


def test_a_lookup_ends_in_time_though_the_last_of_its_batch_was_cancelled(
    fake_p0f: FakeP0f,
) -> None:
    async def main(client: AsyncP0f) -> None:
        for _ in range(4):  # lone queries, after which the next ones are a batch
            await client.lookup(HOST)
        await asyncio.sleep(0.1)  # until the timers of these have come
        fake_p0f.stall()
        first, last = (asyncio.create_task(client.lookup(address)) for address in (HOST, OTHER))
        asyncio.get_running_loop().call_soon(last.cancel)
        done, _ = await asyncio.wait([first], timeout=10)
        assert isinstance(done.pop().exception(), P0fTimeout)
        fake_p0f.resume()

    run(fake_p0f, main, timeout=0.05)


def test_what_is_cancelled_before_it_is_sent_is_not_asked(fake_p0f: FakeP0f) -> None:
    async def main(client: AsyncP0f) -> None:
        fake_p0f.stall()
        first = asyncio.create_task(client.lookup(HOST))
        second = asyncio.create_task(client.lookup(OTHER))  # the first query travels alone
        await asyncio.sleep(0.01)
        second.cancel()
        fake_p0f.resume()
        await first

    run(fake_p0f, main)
    assert fake_p0f.queries == [HOST]


def test_lookups_go_on_after_more_were_cancelled_than_fit_on_the_wire(fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)
    addresses = [f"198.51.{number // 250}.{number % 250}" for number in range(3 * MAX_IN_FLIGHT)]

    async def main(client: AsyncP0f) -> tuple[str | None, str | None]:
        await client.lookup(HOST)
        fake_p0f.stall()
        given_up = [asyncio.create_task(client.lookup(address)) for address in addresses]
        patient = asyncio.create_task(os_name(client, OTHER))
        await asyncio.sleep(0)  # they have asked, and nothing but the first was sent
        for task in given_up:
            task.cancel()
        fake_p0f.resume()
        return await patient, await os_name(client, HOST)

    assert run(fake_p0f, main, timeout=1) == (OTHER, HOST)


# Closing


def test_closing_reaches_the_connections_of_other_loops(fake_p0f: FakeP0f) -> None:
    before = opened()
    client = AsyncP0f(fake_p0f.socket_path, timeout=5)
    looked_up, closed = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        await client.lookup(HOST)
        looked_up.set()
        while not opened() <= before:
            await asyncio.sleep(0.005)
        closed.set()

    thread = threading.Thread(target=lambda: asyncio.run(asyncio.wait_for(elsewhere(), 5)))
    thread.start()
    looked_up.wait(5)
    asyncio.run(client.close())
    thread.join()

    assert closed.is_set()


def test_lookups_still_under_way_when_closing_are_answered(fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)

    async def main(client: AsyncP0f) -> list[Any]:
        lookups = await under_way(client, fake_p0f, HOST, OTHER, HOST)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0.01)
        fake_p0f.resume()
        await closing
        return await asyncio.gather(*lookups)

    assert run(fake_p0f, main) == [HOST, OTHER, HOST]
