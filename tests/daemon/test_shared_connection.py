"""The watch that releases a connection nobody uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from p0f_middleware._daemon.connection import Connection
from p0f_middleware._daemon.protocol import make_query
from p0f_middleware._daemon.shared_connection import SharedConnection, Watch
from p0f_middleware.testing import FakeP0f

IDLE = 0.05


@pytest.fixture
def shared(fake_p0f: FakeP0f) -> Iterator[SharedConnection]:
    shared = SharedConnection()
    shared.connection = Connection(fake_p0f.socket_path)
    shared.last_used = time.monotonic()
    yield shared
    fake_p0f.resume()
    shared.end_watch()
    shared.release(1)


def watched(shared: SharedConnection, idle: float = IDLE) -> Watch:
    shared.start_watch(idle)
    assert shared.watch is not None
    return shared.watch


def test_an_idle_connection_is_released_and_the_watch_ends(shared: SharedConnection) -> None:
    watched(shared).join()

    assert (shared.connection, shared.watch) == (None, None)


def test_a_connection_in_use_is_kept(shared: SharedConnection) -> None:
    shared.lock.try_now(False)
    shared.last_used -= 60
    watched(shared)
    time.sleep(3 * IDLE)

    assert shared.connection is not None
    shared.lock.release()


def test_a_connection_with_an_answer_pending_is_kept_until_it_has_come(
    shared: SharedConnection, fake_p0f: FakeP0f
) -> None:
    connection = shared.connection
    assert connection is not None
    connection.pipeline.ask((object(),))
    connection.send(make_query("192.0.2.1"))
    connection.wait_and_receive(5)
    fake_p0f.stall()
    connection.send(make_query("192.0.2.1"))
    watch = watched(shared)
    time.sleep(3 * IDLE)
    kept = shared.connection
    fake_p0f.resume()
    watch.join()

    assert kept is connection
    assert shared.connection is None


@pytest.mark.parametrize("times", [1, 2])
def test_a_watch_that_is_stopped_ends_and_leaves_the_connection(
    shared: SharedConnection, times: int
) -> None:
    before = threading.active_count()
    watch = watched(shared, idle=60)
    for _ in range(times):
        watch.stop()
    watch.join()

    assert shared.connection is not None
    assert threading.active_count() == before
