"""Lookups in a worker thread, for event loops without a connection of their own."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from p0f_middleware import P0fTimeout, P0fUnavailable
from p0f_middleware._daemon.exchange import Exchanger
from p0f_middleware._daemon.health import Health
from p0f_middleware._daemon.protocol import make_query, read_answer
from p0f_middleware._daemon.worker import LoopWorker
from p0f_middleware.testing import SAMPLE, FakeP0f

QUERIES = [make_query(f"192.0.2.{number}") for number in range(20)]


@pytest.fixture
def health(fake_p0f: FakeP0f) -> Health:
    fake_p0f.default = SAMPLE
    return Health(fake_p0f.socket_path)


@pytest.fixture
def worker(fake_p0f: FakeP0f, health: Health) -> Iterator[LoopWorker]:
    worker = LoopWorker(Exchanger(fake_p0f.socket_path, 0.5, 30, health), health)
    yield worker
    fake_p0f.resume()
    asyncio.run(worker.close())


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "p0f"]


def test_one_thread_asks_for_all(worker: LoopWorker, fake_p0f: FakeP0f) -> None:
    async def main() -> list[object]:
        lookups = (worker.exchange(query, read_answer) for query in QUERIES)
        return list(await asyncio.gather(*lookups))

    assert asyncio.run(main()) == [SAMPLE] * len(QUERIES)
    assert (len(threads()), fake_p0f.connections) == (1, 1)


def test_an_error_is_raised_where_it_is_waited_for(worker: LoopWorker, fake_p0f: FakeP0f) -> None:
    fake_p0f.refuse()

    with pytest.raises(P0fUnavailable, match="nothing listens on"):
        asyncio.run(worker.exchange(QUERIES[0], read_answer))


def test_an_outage_is_skipped_without_the_thread(worker: LoopWorker, health: Health) -> None:
    health.failed(P0fUnavailable("no socket"))
    with pytest.raises(P0fUnavailable, match="is down"):
        asyncio.run(worker.exchange(QUERIES[0], read_answer))

    assert threads() == []


def test_who_waits_behind_others_waits_no_longer_than_the_timeout(
    worker: LoopWorker, fake_p0f: FakeP0f
) -> None:
    async def main() -> list[object]:
        await worker.exchange(QUERIES[0], read_answer)
        fake_p0f.stall()
        lookups = (worker.exchange(query, read_answer) for query in QUERIES[:3])
        return await asyncio.wait_for(asyncio.gather(*lookups, return_exceptions=True), 5)

    first, *others = asyncio.run(main())
    assert isinstance(first, P0fTimeout)
    assert all(isinstance(error, P0fUnavailable) for error in others)


def test_what_is_cancelled_before_its_turn_is_not_asked(
    worker: LoopWorker, fake_p0f: FakeP0f
) -> None:
    async def main() -> None:
        await worker.exchange(QUERIES[0], read_answer)
        fake_p0f.stall()
        first, second = (
            asyncio.create_task(worker.exchange(query, read_answer)) for query in QUERIES[1:3]
        )
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0)
        fake_p0f.resume()
        await first

    asyncio.run(main())
    assert fake_p0f.queries == ["192.0.2.0", "192.0.2.1"]


def test_the_thread_ends_with_the_worker(fake_p0f: FakeP0f, health: Health) -> None:
    worker = LoopWorker(Exchanger(fake_p0f.socket_path, 5, 30, health), health)
    asyncio.run(worker.exchange(QUERIES[0], read_answer))
    [thread] = threads()
    del worker
    gc.collect()
    thread.join(5)

    assert not thread.is_alive()
