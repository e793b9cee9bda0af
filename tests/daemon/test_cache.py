"""The optional cache of hosts, in both clients."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from p0f_middleware import AsyncP0f, P0f, P0fInfo, P0fUnavailable
from p0f_middleware._daemon import cache
from p0f_middleware._daemon.cache import HostCache
from p0f_middleware.testing import SAMPLE, FakeP0f

HOST, OTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by the test."""
    now = [100.0]
    monkeypatch.setattr(cache, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_host_is_kept_for_its_time(clock: list[float]) -> None:
    cache = HostCache(ttl=5, size=10)
    cache.put(b"a", SAMPLE)
    clock[0] += 5
    assert cache.get(b"a") is SAMPLE
    clock[0] += 0.1
    assert cache.get(b"a") is None


def test_of_too_many_hosts_the_oldest_go() -> None:
    cache = HostCache(ttl=5, size=2)
    for query in (b"a", b"b", b"a", b"c"):
        cache.put(query, SAMPLE)
    assert [cache.get(query) for query in (b"a", b"b", b"c")] == [SAMPLE, None, SAMPLE]


@pytest.mark.parametrize("options", [{"cache_ttl": 0}, {"cache_size": 0, "cache_ttl": 1}])
@pytest.mark.parametrize("client", [P0f, AsyncP0f])
def test_options_that_make_no_sense_are_refused(
    client: type[P0f] | type[AsyncP0f], options: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(options))} is a"):
        client("/run/p0f.sock", **options)


def test_without_cache_each_lookup_asks(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    with P0f(fake_p0f.socket_path) as client:
        assert [client.lookup(HOST) for _ in range(2)] == [SAMPLE, SAMPLE]
    assert fake_p0f.queries == [HOST, HOST]


def test_a_known_host_is_asked_for_once(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    with P0f(fake_p0f.socket_path, cache_ttl=60) as client:
        assert [client.lookup(HOST) for _ in range(3)] == [SAMPLE] * 3
        assert (client.stats.matches, client.stats.cached, client.stats.lookups) == (1, 2, 3)
    assert fake_p0f.queries == [HOST]


def test_no_match_is_asked_again(fake_p0f: FakeP0f) -> None:
    with P0f(fake_p0f.socket_path, cache_ttl=60) as client:
        assert client.lookup(HOST) is None
        fake_p0f.hosts[HOST] = SAMPLE
        assert client.lookup(HOST) == SAMPLE


@pytest.mark.usefixtures("retry_at_once")
def test_a_failure_is_asked_again(fake_p0f: FakeP0f) -> None:
    fake_p0f.refuse()
    with P0f(fake_p0f.socket_path, cache_ttl=60) as client:
        with pytest.raises(P0fUnavailable):
            client.lookup(HOST)
        fake_p0f.start()
        fake_p0f.hosts[HOST] = SAMPLE
        assert client.lookup(HOST) == SAMPLE


def test_get_info_always_asks(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    with P0f(fake_p0f.socket_path, cache_ttl=60) as client:
        client.lookup(HOST)
        fake_p0f.hosts[HOST] = P0fInfo(os_name="Windows")
        assert client.get_info(HOST).os_name == "Windows"


def test_threads_that_miss_at_once_ask_once(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    together = threading.Barrier(8)
    with P0f(fake_p0f.socket_path, cache_ttl=60, timeout=5) as client:

        def look_up(_: int) -> P0fInfo | None:
            together.wait()
            return client.lookup(HOST)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(look_up, range(8))) == [SAMPLE] * 8
    assert fake_p0f.queries == [HOST]


def test_tasks_that_miss_at_once_ask_once(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE

    async def look_up() -> tuple[list[P0fInfo | None], int]:
        async with AsyncP0f(fake_p0f.socket_path, cache_ttl=60) as client:
            found = await asyncio.gather(
                *(client.lookup(HOST) for _ in range(8)), client.lookup(OTHER)
            )
            return found, client.stats.cached

    assert asyncio.run(look_up()) == ([SAMPLE] * 8 + [None], 7)
    assert sorted(fake_p0f.queries) == [HOST, OTHER]


def test_tasks_that_wait_for_one_that_is_cancelled_ask_themselves(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE

    async def look_up() -> list[P0fInfo | BaseException | None]:
        async with AsyncP0f(fake_p0f.socket_path, cache_ttl=60, timeout=5) as client:
            await client.lookup(OTHER)
            fake_p0f.stall()
            tasks = [asyncio.create_task(client.lookup(HOST)) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.sleep(0)
            fake_p0f.resume()
            return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(look_up())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [SAMPLE, SAMPLE]


def test_a_failure_reaches_every_task_that_waits(fake_p0f: FakeP0f) -> None:
    async def look_up() -> list[P0fInfo | BaseException | None]:
        async with AsyncP0f(fake_p0f.socket_path, cache_ttl=60, timeout=0.05) as client:
            await client.lookup(OTHER)
            fake_p0f.stall()
            lookups = (client.lookup(HOST) for _ in range(3))
            found = await asyncio.gather(*lookups, return_exceptions=True)
            fake_p0f.resume()
            return found

    failures = asyncio.run(look_up())
    assert all(isinstance(failure, P0fUnavailable) for failure in failures)
