"""A stopped p0f costs one lookup its timeout, and no lookup more than that."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import Callable

from p0f_middleware import AsyncP0f, P0f, P0fTimeout, P0fUnavailable

from .daemon import RealP0f

TIMEOUT = 0.1
NOISE = 0.1
"""Seconds that a busy machine may add to a wait."""


def timed(lookup: Callable[[], object]) -> float:
    began = time.perf_counter()
    with contextlib.suppress(P0fUnavailable):
        lookup()
    return time.perf_counter() - began


def say(what: str, took: list[float]) -> None:
    ranked = sorted(took)
    p99 = ranked[int(len(ranked) * 0.99)]
    print(
        f"\n{what}: p50 {statistics.median(took) * 1e6:,.1f} us, p99 {p99 * 1e6:,.1f} us,"
        f" max {ranked[-1] * 1e6:,.1f} us (n={len(took)})"
    )


def test_one_thread(real_p0f: RealP0f) -> None:
    firsts, skipped = [], []
    for _ in range(5):
        with P0f(real_p0f.socket_path, timeout=TIMEOUT) as client:
            client.lookup("127.0.0.1")
            real_p0f.pause()
            firsts.append(timed(lambda client=client: client.lookup("127.0.0.1")))  # type: ignore[misc]
            for _ in range(1000):
                skipped.append(timed(lambda client=client: client.lookup("127.0.0.1")))  # type: ignore[misc]
            assert (client.stats.timeouts, client.stats.skipped) == (1, 1000)
            real_p0f.resume()
    say("one thread, first lookup", firsts)
    say("one thread, skipped lookups", skipped)
    assert statistics.median(firsts) < TIMEOUT + NOISE
    assert statistics.median(skipped) < TIMEOUT / 100


def test_threads_do_not_wait_in_line(real_p0f: RealP0f) -> None:
    client = P0f(real_p0f.socket_path, timeout=TIMEOUT)
    client.lookup("127.0.0.1")
    real_p0f.pause()
    barrier = threading.Barrier(32)
    firsts: list[float] = []
    skipped: list[float] = []

    def ask() -> None:
        barrier.wait()
        firsts.append(timed(lambda: client.lookup("127.0.0.1")))
        skipped.extend(timed(lambda: client.lookup("127.0.0.1")) for _ in range(100))

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    real_p0f.resume()
    client.close()
    say("32 threads at once, first lookups", firsts)
    say("32 threads, skipped lookups", skipped)
    assert max(firsts) < 10 * TIMEOUT, "in line the last would wait 32 times that"
    assert client.stats.outages == 1


def test_tasks_do_not_wait_in_line(real_p0f: RealP0f) -> None:
    async def ask(client: AsyncP0f) -> float:
        began = time.perf_counter()
        with contextlib.suppress(P0fUnavailable):
            await client.lookup("127.0.0.1")
        return time.perf_counter() - began

    async def main() -> tuple[list[float], list[float]]:
        async with AsyncP0f(real_p0f.socket_path, timeout=TIMEOUT) as client:
            await client.lookup("127.0.0.1")
            real_p0f.pause()
            firsts = await asyncio.gather(*(ask(client) for _ in range(1000)))
            skipped = [await ask(client) for _ in range(1000)]
            real_p0f.resume()
            retries = client.stats.timeouts - 1000
            assert 0 <= retries <= 3, "on a busy machine a retry may have come due"
            assert client.stats.skipped == 1000 - retries
            return firsts, skipped

    firsts, skipped = asyncio.run(main())
    say("1,000 tasks at once, first lookups", firsts)
    say("1,000 tasks, skipped lookups", skipped)
    assert max(firsts) < 10 * TIMEOUT, "in line the last would wait a thousand times that"
    assert statistics.median(skipped) < TIMEOUT / 100


def test_one_caller_tries_again_and_the_others_go_on_being_skipped(real_p0f: RealP0f) -> None:
    client = P0f(real_p0f.socket_path, timeout=TIMEOUT)
    client.lookup("127.0.0.1")
    real_p0f.pause()
    timed(lambda: client.lookup("127.0.0.1"))
    waited: list[float] = []
    ends = time.monotonic() + 1.2  # a retry is due after 0.5 s, the next 1 s later

    def ask() -> None:
        while time.monotonic() < ends:
            took = timed(lambda: client.lookup("127.0.0.1"))
            if took > TIMEOUT / 2:
                waited.append(took)
            time.sleep(0.001)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    real_p0f.resume()
    client.close()
    print(f"\nretries in 1.2 s: {len(waited)}, {client.stats.skipped} lookups skipped meanwhile")
    assert client.stats.timeouts == 2
    assert client.stats.skipped > 100


def test_the_first_lookup_of_all_waits_no_longer(real_p0f: RealP0f) -> None:
    real_p0f.pause()
    client = P0f(real_p0f.socket_path, timeout=TIMEOUT)
    began = time.perf_counter()
    with contextlib.suppress(P0fTimeout):
        client.lookup("127.0.0.1")
    took = time.perf_counter() - began
    real_p0f.resume()
    print(f"\nfirst connection to a stopped p0f: {took * 1000:.1f} ms")
    assert took < TIMEOUT + NOISE
