"""P0f: what is its own beyond what both clients promise: threads, signals, garbage."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import pytest

from p0f_middleware import P0f, P0fException, P0fTimeout
from p0f_middleware._daemon import connection
from p0f_middleware._daemon.protocol import Pipeline
from p0f_middleware._public import logger
from p0f_middleware.testing import FakeP0f

from .clients import draining, named_after, opened, os_name

HOST, OTHER = "192.0.2.1", "192.0.2.2"
SHORT = 0.4
"""The timeout of clients that are to use it up."""


@pytest.fixture
def client(fake_p0f: FakeP0f) -> Iterator[P0f]:
    fake_p0f.answer_with(named_after)
    with P0f(fake_p0f.socket_path, timeout=5) as client:
        yield client
        fake_p0f.resume()


@pytest.fixture
def hasty(fake_p0f: FakeP0f) -> Iterator[P0f]:
    """A client that has asked once, and has little patience."""
    fake_p0f.answer_with(named_after)
    with P0f(fake_p0f.socket_path, timeout=SHORT) as client:
        client.lookup(HOST)
        yield client
        fake_p0f.resume()


# Threads


def test_32_threads_get_their_own_answers_on_one_connection(client: P0f, fake_p0f: FakeP0f) -> None:
    addresses = [f"198.51.100.{number}" for number in range(32)]

    def look_up_often(address: str) -> set[str | None]:
        return {os_name(client, address) for _ in range(30)}

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(look_up_often, addresses))

    assert answers == [{address} for address in addresses]
    assert fake_p0f.connections == 1


@pytest.mark.usefixtures("retry_at_once")
def test_threads_whose_lookups_time_out_get_nobody_elses_answer(fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)
    addresses = [f"198.51.100.{number}" for number in range(16)]
    client = P0f(fake_p0f.socket_path, timeout=0.01)

    def look_up_often(address: str) -> set[str | None]:
        answers: set[str | None] = set()
        for _ in range(20):
            try:
                answers.add(os_name(client, address))
            except P0fException:
                continue
        return answers

    def disturb() -> None:
        while not done.wait(0.01):
            fake_p0f.stall()
            done.wait(0.02)
            fake_p0f.resume()

    done = threading.Event()
    disturber = threading.Thread(target=disturb)
    disturber.start()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(look_up_often, addresses))
    done.set()
    disturber.join()
    client.close()

    assert all(names <= {address} for names, address in zip(answers, addresses, strict=True))


def test_the_connection_is_waited_for_no_longer_than_the_timeout(hasty: P0f) -> None:
    with (
        hasty._processes.here().lock,
        pytest.raises(P0fTimeout, match=r"other lookups used .* for 0\.4 s"),
    ):
        hasty.lookup(HOST)

    assert hasty.stats.outages == 0


def test_what_others_have_used_up_is_no_outage(hasty: P0f, fake_p0f: FakeP0f) -> None:
    fake_p0f.stall()
    lock = hasty._processes.here().lock
    lock.acquire()
    release = threading.Timer(SHORT / 2, lock.release)
    release.start()
    with pytest.raises(P0fTimeout):
        hasty.lookup(HOST)
    release.join()

    assert hasty.stats.outages == 0


def test_a_lock_that_nobody_returns_holds_nobody_up_for_long(hasty: P0f) -> None:
    lost = hasty._processes.here()
    lost.lock.acquire()  # as a signal handler leaves it that raises right after the taking
    lost.taken -= 60
    with pytest.raises(P0fTimeout):
        hasty.lookup(HOST)

    assert os_name(hasty, OTHER) == OTHER
    assert lost.connection is not None
    assert not lost.connection.open


# Interruptions


class Interrupt(Exception):
    """Raised by a signal handler."""


@pytest.fixture
def interrupted(client: P0f, fake_p0f: FakeP0f, untraced: None) -> P0f:
    """A client whose lookup of HOST a signal has ended before p0f answered."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise Interrupt

    client.lookup(OTHER)
    fake_p0f.stall()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Interrupt):
            client.lookup(HOST)
    finally:
        signal.signal(signal.SIGALRM, before)
        fake_p0f.resume()
    return client


def test_after_an_interruption_the_next_lookup_gets_its_own_answer(
    interrupted: P0f, fake_p0f: FakeP0f
) -> None:
    assert os_name(interrupted, OTHER) == OTHER
    stats = interrupted.stats
    assert (stats.abandoned, stats.dropped, stats.errors, stats.outages) == (1, 1, 0, 0)
    assert fake_p0f.connections == 1


def test_an_interruption_while_reading_gives_the_connection_up(
    interrupted: P0f, fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(pipeline: object, data: bytes) -> list[object]:
        raise Interrupt

    with monkeypatch.context() as patch:
        # As a signal handler may, between the receiving of bytes and their reading.
        patch.setattr(Pipeline, "receive", interrupt)
        with pytest.raises(Interrupt):
            interrupted.lookup(HOST)

    assert os_name(interrupted, OTHER) == OTHER
    assert fake_p0f.connections == 2


# The end


def test_a_client_that_is_forgotten_lets_its_connection_go(fake_p0f: FakeP0f) -> None:
    before, threads = opened(), threading.active_count()
    client = P0f(fake_p0f.socket_path, timeout=5)
    client.lookup(HOST)
    del client
    gc.collect()

    assert opened() <= before
    assert threading.active_count() == threads


def test_an_answer_that_comes_after_the_client_is_forgotten_is_still_read(
    fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger(), "disabled", True)  # a kept record would keep the client
    busy = threading.Event()
    client = P0f(fake_p0f.socket_path, timeout=0.1)
    client.lookup(HOST)
    fake_p0f.answer_with(lambda ip: named_after(ip) if busy.wait(5) else b"")
    with pytest.raises(P0fTimeout):
        client.lookup(HOST)
    del client
    gc.collect()
    [owing] = draining()
    still_open = owing.sock.fileno() != -1
    fake_p0f.answer_with(None)
    busy.set()
    with P0f(fake_p0f.socket_path, timeout=5) as another:
        another.lookup(HOST)  # by now the late answer has come, too
    connection.close_drained()

    assert still_open
    assert (draining(), owing.sock.fileno()) == (set(), -1)
