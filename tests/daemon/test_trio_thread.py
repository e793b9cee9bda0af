"""Under trio: no asyncio loop runs, and nothing may block trio's."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
import trio.testing

from p0f_middleware import AsyncP0f, P0fASGIMiddleware, P0fInfo, P0fNoMatch, P0fStatus, P0fTimeout
from p0f_middleware._daemon import connection
from p0f_middleware._daemon.protocol import P0F_3, write_answer
from p0f_middleware.testing import SAMPLE, FakeP0f

HOST = "192.0.2.1"


@pytest.fixture
def p0f() -> Iterator[FakeP0f]:
    with FakeP0f() as fake:
        fake.hosts[HOST] = SAMPLE
        yield fake


def in_trio(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a plain test function of a coroutine function that takes the fixture `p0f`."""

    def run(p0f: FakeP0f) -> None:
        async def limited() -> None:
            with trio.fail_after(10):
                await test(p0f)

        trio.run(limited)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def keep(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that hands out the scope it was called with."""
    await send(scope)


async def request(app: P0fASGIMiddleware, address: str = HOST) -> dict[str, Any]:
    """The scope that a request from `address` reaches the application with."""
    scopes: list[Any] = []

    async def send(scope: Any) -> None:
        scopes.append(scope)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    await app({"type": "http", "client": (address, 50000), "headers": []}, receive, send)
    scope: dict[str, Any] = scopes[0]
    return scope


@in_trio
async def test_request_has_the_fingerprint(p0f: FakeP0f) -> None:
    scope = await request(P0fASGIMiddleware(keep, p0f.socket_path))
    assert (scope["p0f.info"], scope["p0f.status"]) == (SAMPLE, P0fStatus.OK)


@in_trio
async def test_client_looks_up_and_raises_as_under_asyncio(p0f: FakeP0f) -> None:
    async with AsyncP0f(p0f.socket_path) as client:
        assert await client.lookup(HOST) == SAMPLE
        assert (await client.get_info(HOST, return_raw_data=True))["os_name"] == "Linux"
        with pytest.raises(P0fNoMatch):
            await client.get_info("192.0.2.2")
        assert (client.stats.matches, client.stats.no_matches) == (2, 1)


@in_trio
async def test_concurrent_lookups_each_get_their_own_host(p0f: FakeP0f) -> None:
    addresses = [f"192.0.2.{n}" for n in range(100)]
    p0f.hosts.update((a, P0fInfo(distance=n)) for n, a in enumerate(addresses))
    found: dict[str, Any] = {}

    async def look_up(address: str) -> None:
        info = await client.lookup(address)
        found[address] = info and info.distance

    async with AsyncP0f(p0f.socket_path, timeout=5) as client, trio.open_nursery() as nursery:
        for address in addresses:
            nursery.start_soon(look_up, address)
    assert found == {address: n for n, address in enumerate(addresses)}
    assert p0f.connections == 1


@in_trio
async def test_grace_waits_for_p0f_to_see_the_client(p0f: FakeP0f) -> None:
    def see_it_the_third_time(address: str) -> bytes:
        if p0f.queries.count(address) == 2:
            p0f.hosts["192.0.2.9"] = SAMPLE
            p0f.answer_with(None)
        return no_match

    no_match = write_answer(None, P0F_3)
    p0f.answer_with(see_it_the_third_time)
    scope = await request(P0fASGIMiddleware(keep, p0f.socket_path, timeout=5, grace=5), "192.0.2.9")
    assert scope["p0f.status"] is P0fStatus.OK
    assert p0f.queries == ["192.0.2.9"] * 3


@in_trio
async def test_grace_ends_with_no_match(p0f: FakeP0f) -> None:
    scope = await request(P0fASGIMiddleware(keep, p0f.socket_path), "192.0.2.9")
    assert (scope["p0f.info"], scope["p0f.status"]) == (None, P0fStatus.NO_MATCH)


@in_trio
async def test_missing_socket_leaves_the_request_alone(p0f: FakeP0f) -> None:
    app = P0fASGIMiddleware(keep, p0f.socket_path + ".missing")
    scope = await request(app)
    assert (scope["p0f.info"], scope["p0f.status"]) == (None, P0fStatus.UNAVAILABLE)


@in_trio
async def test_outage_is_skipped_without_a_thread(p0f: FakeP0f) -> None:
    p0f.refuse()
    client = AsyncP0f(p0f.socket_path)
    app = P0fASGIMiddleware(keep, client)
    await request(app)
    threads = threading.active_count()
    for _ in range(10):
        assert (await request(app))["p0f.status"] is P0fStatus.UNAVAILABLE
    assert (client.stats.errors, client.stats.skipped) == (1, 10)
    assert threads == threading.active_count()


@in_trio
async def test_trio_goes_on_while_p0f_is_stopped(p0f: FakeP0f) -> None:
    p0f.stall()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.sleep(0.001)
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        with pytest.raises(P0fTimeout):
            await AsyncP0f(p0f.socket_path, timeout=0.3).lookup(HOST)
        nursery.cancel_scope.cancel()
    assert turns > 10


@in_trio
async def test_lookups_that_wait_for_their_turn_time_out_too(p0f: FakeP0f) -> None:
    client = AsyncP0f(p0f.socket_path, timeout=0.1)
    assert await client.lookup(HOST)
    p0f.stall()
    failed = 0

    async def fail() -> None:
        nonlocal failed
        with pytest.raises(OSError, match="p0f"):
            await client.lookup(HOST)
        failed += 1

    with trio.fail_after(2):
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(fail)
    assert failed == 50
    p0f.resume()
    await client.close()


@in_trio
async def test_cancelled_lookup_returns_at_once_and_hurts_nobody(p0f: FakeP0f) -> None:
    client = AsyncP0f(p0f.socket_path, timeout=5)
    assert await client.lookup(HOST)
    p0f.stall()
    with trio.move_on_after(0.05) as scope:
        await client.lookup("192.0.2.7")
    assert scope.cancelled_caught
    p0f.resume()
    assert await client.lookup(HOST) == SAMPLE
    assert p0f.connections == 1
    await client.close()


@in_trio
async def test_lookup_cancelled_before_its_turn_is_never_asked(p0f: FakeP0f) -> None:
    client = AsyncP0f(p0f.socket_path, timeout=5)
    assert await client.lookup(HOST)
    p0f.stall()
    with trio.move_on_after(0.05):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.lookup, "192.0.2.7")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(client.lookup, "192.0.2.8")
    p0f.resume()
    assert await client.lookup(HOST) == SAMPLE
    assert p0f.queries == [HOST, "192.0.2.7", HOST]
    assert client.stats.abandoned == 2
    await client.close()


@in_trio
async def test_end_of_lifespan_closes_the_connection(p0f: FakeP0f) -> None:
    app = P0fASGIMiddleware(_lifespan_or_request, p0f.socket_path)
    earlier = connection.opened()
    await request(app)
    ours = connection.opened() - earlier
    assert ours
    with trio.CancelScope() as scope:
        scope.cancel()  # servers may cancel the task
        await app({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert not ours & connection.opened()


async def _lifespan_or_request(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "lifespan":
        await send(scope)


def test_client_may_be_used_by_one_run_after_another(p0f: FakeP0f) -> None:
    client = AsyncP0f(p0f.socket_path)
    for _ in range(2):
        assert trio.run(client.lookup, HOST) == SAMPLE
    trio.run(client.close)


def test_trio_is_not_imported_by_those_who_do_not_use_it(p0f: FakeP0f) -> None:
    program = f"""
import asyncio, sys
from p0f_middleware import AsyncP0f
asyncio.run(AsyncP0f({p0f.socket_path!r}).lookup({HOST!r}))
sys.exit("trio" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_without_any_event_loop_the_error_is_asyncios_own(p0f: FakeP0f) -> None:
    program = f"""
from p0f_middleware import AsyncP0f
try:
    AsyncP0f({p0f.socket_path!r}).lookup({HOST!r}).send(None)
except RuntimeError as error:
    assert str(error) == "no running event loop", error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
