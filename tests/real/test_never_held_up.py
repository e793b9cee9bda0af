"""A stopped p0f costs one lookup its timeout, and no lookup more than that."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from p0f_middleware import AsyncP0f, P0f, P0fUnavailable

from .daemon import RealP0f

TIMEOUT = 0.1
IN_LINE = 10 * TIMEOUT
"""Callers who waited in line would wait far longer; a busy machine adds less."""


def timed(client: P0f) -> float:
    began = time.perf_counter()
    with contextlib.suppress(P0fUnavailable):
        client.lookup("127.0.0.1")
    return time.perf_counter() - began


async def timed_in_task(client: AsyncP0f) -> float:
    began = time.perf_counter()
    with contextlib.suppress(P0fUnavailable):
        await client.lookup("127.0.0.1")
    return time.perf_counter() - began


def check(what: str, firsts: list[float], skipped: list[float]) -> None:
    """Print the figures of the manual; the first ones waited for the timeout, the others did not.

    On a busy machine a retry may have come due among those.
    """
    for name, took in (("first lookups", firsts), ("skipped lookups", skipped)):
        p99 = sorted(took)[int(len(took) * 0.99)]
        print(f"\n{what}, {name}: {statistics.median(took):.6f} s, p99 {p99:.6f} s (n={len(took)})")
    assert max(firsts) < IN_LINE
    assert statistics.median(skipped) < TIMEOUT / 100


def test_one_thread(real_p0f: RealP0f) -> None:
    firsts: list[float] = []
    skipped: list[float] = []
    for _ in range(5):
        with P0f(real_p0f.socket_path, timeout=TIMEOUT) as client:
            client.lookup("127.0.0.1")
            real_p0f.pause()
            firsts.append(timed(client))
            skipped += [timed(client) for _ in range(1000)]
            real_p0f.resume()
    check("one thread", firsts, skipped)


def test_threads_do_not_wait_in_line(real_p0f: RealP0f) -> None:
    client = P0f(real_p0f.socket_path, timeout=TIMEOUT)
    client.lookup("127.0.0.1")
    real_p0f.pause()
    barrier = threading.Barrier(32)

    def ask(_: int) -> tuple[float, list[float]]:
        barrier.wait()
        return timed(client), [timed(client) for _ in range(100)]

    with ThreadPoolExecutor(32) as threads:
        found = list(threads.map(ask, range(32)))
    real_p0f.resume()
    client.close()
    check("32 threads", [first for first, _ in found], [t for _, rest in found for t in rest])
    assert client.stats.outages == 1


def test_tasks_do_not_wait_in_line(real_p0f: RealP0f) -> None:
    async def main() -> tuple[list[float], list[float]]:
        async with AsyncP0f(real_p0f.socket_path, timeout=TIMEOUT) as client:
            await client.lookup("127.0.0.1")
            real_p0f.pause()
            firsts = await asyncio.gather(*(timed_in_task(client) for _ in range(1000)))
            skipped = [await timed_in_task(client) for _ in range(1000)]
            real_p0f.resume()
            assert client.stats.timeouts + client.stats.skipped == 2000
            return firsts, skipped

    check("1,000 tasks", *asyncio.run(main()))
