"""The lock for a few statements that never wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from p0f_middleware import AsyncP0f, P0f, P0fUnavailable
from p0f_middleware._brief_lock import BriefLock
from p0f_middleware.shared.base import StoreHealth
from p0f_middleware.shared.worker import Call, Worker
from p0f_middleware.testing import SAMPLE, FakeP0f


def in_another_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def is_free(lock: BriefLock) -> bool:
    """Whether another thread could have it at once; `with` would have it in any case, later."""
    got: list[bool] = []
    in_another_thread(lambda: got.append(lock._lock.acquire(False)))
    return got == [True]


def test_one_thread_at_a_time_is_in_the_block() -> None:
    lock = BriefLock()

    with lock:
        assert not is_free(lock)


def test_a_signal_handler_may_take_the_lock_that_its_thread_holds() -> None:
    lock = BriefLock()

    with lock, lock:
        pass

    assert is_free(lock)


def test_a_lock_that_its_thread_never_released_is_given_up() -> None:
    lock = BriefLock()
    in_another_thread(lock.__enter__)

    with lock:
        pass

    assert is_free(lock)


def test_a_slow_holder_may_release_a_lock_that_was_given_up() -> None:
    lock = BriefLock()

    def give_up() -> None:
        with lock:
            pass

    with lock:
        in_another_thread(give_up)

    assert is_free(lock)


def test_a_block_that_raises_releases_the_lock() -> None:
    lock = BriefLock()

    with pytest.raises(ZeroDivisionError), lock:
        _ = 1 / 0

    assert is_free(lock)


# Whoever uses one goes on after its loss


def lose(lock: object) -> None:
    assert isinstance(lock, BriefLock)
    in_another_thread(lock.__enter__)


def test_a_blocking_client_answers_and_counts_after_its_locks_are_lost(fake_p0f: FakeP0f) -> None:
    fake_p0f.refuse()
    with P0f(fake_p0f.socket_path) as client:
        lose(client._health.lock)
        lose(client._health.counters.lock)

        with pytest.raises(P0fUnavailable):
            client.lookup("192.0.2.1")
        assert client.stats.outages == 1


def test_an_async_client_answers_after_its_locks_are_lost(fake_p0f: FakeP0f) -> None:
    fake_p0f.default = SAMPLE

    async def main() -> None:
        async with AsyncP0f(fake_p0f.socket_path) as client:
            lose(client._loops._lock)
            lose(client._health.counters.lock)

            assert await client.lookup("192.0.2.1") == SAMPLE
            assert client.stats.matches == 1

    asyncio.run(main())


def test_a_store_that_is_down_is_said_to_be_after_the_lock_is_lost() -> None:
    health = StoreHealth("redis://127.0.0.1")
    lose(health._lock)

    health.failed(OSError("refused"))

    assert health.outage.down


def test_a_worker_works_after_its_lock_is_lost() -> None:
    worker = Worker()
    lose(worker._lock)
    call = Call(lambda: 7)

    worker.submit(call)

    assert call.wait(float("inf"))
    assert call.result == 7


def test_a_signal_handler_may_submit_a_call_while_its_thread_does() -> None:
    worker = Worker()
    calls = [Call(lambda: 7), Call(lambda: 8)]

    with worker._lock:  # as the interrupted thread has it
        worker.submit(calls[0])
    worker.submit(calls[1])

    assert [call.wait(float("inf")) and call.result for call in calls] == [7, 8]
