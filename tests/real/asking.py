"""Ways to send many queries to an echo server; each counts how its lookups ended.

    python -m tests.real.asking WAY SOCKET_PATH LOOKUPS

Every way is a function of a socket path and a number of lookups that returns a `Tally`, which is
printed as JSON. Retries are due at once, so that an outage takes no lookups away.
"""

from __future__ import annotations

import sys

if sys.argv[1] == "greenlets":
    from gevent import monkey  # type: ignore[import-untyped]

    monkey.patch_all()

import asyncio
import itertools
import json
import logging
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from p0f_middleware import AsyncP0f, P0f, P0fError, P0fInfo, _outage

TIMEOUT = 0.05


class Tally(Counter[str]):
    """How lookups ended: "answers", "mixed up" (another lookup's), "skipped", or an exception."""

    @property
    def lookups(self) -> int:
        """Those that sent a query."""
        return self.total() - self["skipped"]

    def take(self, address: str, info: P0fInfo | None) -> None:
        own = info is not None and info.os_name == address
        self["answers" if own else "mixed up"] += 1

    def fail(self, error: BaseException) -> None:
        self["skipped" if "next try in" in str(error) else type(error).__name__] += 1


def random_address() -> str:
    if random.random() < 0.9:
        return str(ip_address(random.randrange(1 << 24, 224 << 24)))
    return str(ip_address((0xFD << 120) + random.randrange(1, 1 << 48)))


def ask(client: P0f, tally: Tally, enough: Callable[[], bool]) -> None:
    """Ask one address after the other, as a thread does."""
    while not enough():
        address = random_address()
        try:
            tally.take(address, client.lookup(address))
        except P0fError as error:
            tally.fail(error)


def threads(socket_path: str, lookups: int) -> Tally:
    """16 threads, one client."""
    with P0f(socket_path, timeout=TIMEOUT) as client:
        return _in_threads(client, lookups)


def _in_threads(client: P0f, lookups: float, count: int = 16) -> Tally:
    def work(tally: Tally) -> Tally:
        ask(client, tally, lambda: tally.lookups >= lookups / count)
        return tally

    with ThreadPoolExecutor(count) as workers:
        return _sum(workers.map(work, [Tally() for _ in range(count)]))


def _sum(tallies: Iterable[Mapping[str, int]]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.update(tally)
    return whole


def tasks(socket_path: str, lookups: int) -> Tally:
    """64 asyncio tasks on one client; one lookup in ten is cancelled at random."""

    async def main() -> Tally:
        async with AsyncP0f(socket_path, timeout=TIMEOUT) as client:
            return await _in_tasks(client, lookups)

    return asyncio.run(main())


async def _in_tasks(client: AsyncP0f, lookups: float, count: int = 64) -> Tally:
    tallies = [Tally() for _ in range(count)]
    await asyncio.gather(*(_ask_in_task(client, tally, lookups / count) for tally in tallies))
    return _sum(tallies)


async def _ask_in_task(client: AsyncP0f, tally: Tally, lookups: float) -> None:
    while tally.lookups < lookups:
        address = random_address()
        try:
            if random.random() < 0.9:
                info = await client.lookup(address)
            else:
                info = await _cancelled_soon(client, address)
            tally.take(address, info)
        except (P0fError, asyncio.CancelledError, asyncio.TimeoutError) as error:
            tally.fail(error)
            await asyncio.sleep(0)


async def _cancelled_soon(client: AsyncP0f, address: str) -> P0fInfo | None:
    looking = asyncio.ensure_future(client.lookup(address))
    if random.random() < 0.5:
        for _ in range(random.randrange(4)):
            await asyncio.sleep(0)
        looking.cancel()
        return await looking
    return await asyncio.wait_for(looking, random.random() * 0.004)


def greenlets(socket_path: str, lookups: int) -> Tally:
    """64 greenlets, one client; one lookup in ten ends by gevent.Timeout at random."""
    import gevent

    tallies = [Tally() for _ in range(64)]
    client = P0f(socket_path, timeout=TIMEOUT)

    def greenlet(tally: Tally) -> None:
        while tally.lookups < lookups / 64:
            address = random_address()
            patience = 1.0 if random.random() < 0.9 else random.random() * 0.01
            try:
                with gevent.Timeout(patience):
                    info = client.lookup(address)
                tally.take(address, info)
            except (P0fError, gevent.Timeout) as error:
                tally.fail(error)
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(greenlet, tally) for tally in tallies], raise_error=True)
    client.close()
    return _sum(tallies)


def forks(socket_path: str, lookups: int) -> Tally:
    """A client in use by 4 threads; the process forks while they ask; all go on."""
    client = P0f(socket_path, timeout=TIMEOUT)
    rounds = 5
    share = lookups / (5 * rounds)
    whole = Tally()
    for _ in range(rounds):
        with ThreadPoolExecutor(1) as parent:
            asking = parent.submit(_in_threads, client, 2 * share, 4)
            pipes = [_fork(client, share) for _ in range(3)]
            whole = _sum([whole, asking.result(), *map(_tally_from, pipes)])
    client.close()
    return whole


def _fork(client: P0f, lookups: float) -> int:
    """Ask in a child; a pipe that its tally comes from."""
    readable, writable = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writable, json.dumps(_in_threads(client, lookups, 2)).encode())
            client.close()
        finally:
            os._exit(0)
    os.close(writable)
    return readable


def _tally_from(pipe: int) -> Mapping[str, int]:
    with os.fdopen(pipe) as lines:
        tally: dict[str, int] = json.load(lines)
    os.wait()
    return tally


def loops(socket_path: str, lookups: int) -> Tally:
    """One client used from two event loops in turn, lookups left under way at each change."""
    client = AsyncP0f(socket_path, timeout=TIMEOUT)
    whole = Tally()
    both = [asyncio.new_event_loop() for _ in range(2)]
    for loop in itertools.cycle(both):
        whole.update(loop.run_until_complete(_leave_some(client, min(64, lookups / 10))))
        if whole.lookups >= lookups:
            break
    for loop in both:
        loop.run_until_complete(client.close())
        loop.run_until_complete(asyncio.sleep(2 * TIMEOUT))
        loop.close()
    return whole


_left: set[asyncio.Future[P0fInfo | None]] = set()


async def _leave_some(client: AsyncP0f, lookups: float) -> Tally:
    """Some lookups to the end, and some begun for the next turn of this loop to find."""
    tally = await _in_tasks(client, lookups, 8)
    looking = [asyncio.ensure_future(client.lookup(random_address())) for _ in range(4)]
    await asyncio.sleep(0)
    for task in looking:
        _left.add(task)
        task.add_done_callback(_forget)
    return tally


def _forget(task: asyncio.Future[P0fInfo | None]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()


if __name__ == "__main__":
    _outage.FIRST_DELAY = _outage.LONGEST_DELAY = 0.0001
    logging.getLogger("p0f_middleware").addHandler(logging.NullHandler())
    print(json.dumps(globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
