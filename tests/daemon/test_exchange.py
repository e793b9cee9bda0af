"""Asking on one connection in turn: deadlines, the lock, and what counts as an outage."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from p0f_middleware import P0fTimeout
from p0f_middleware._daemon.exchange import Exchanger
from p0f_middleware._daemon.health import Health
from p0f_middleware._daemon.protocol import make_query, read_answer
from p0f_middleware.testing import SAMPLE, FakeP0f

from .clients import named_after

QUERY, OTHER = make_query("192.0.2.1"), make_query("192.0.2.2")
TIMEOUT = 0.4


@pytest.fixture
def health(fake_p0f: FakeP0f) -> Health:
    return Health(fake_p0f.socket_path)


@pytest.fixture
def exchanger(fake_p0f: FakeP0f, health: Health) -> Iterator[Exchanger]:
    exchanger = Exchanger(fake_p0f.socket_path, TIMEOUT, 30, health)
    yield exchanger
    fake_p0f.resume()
    exchanger.close()


def os_name(exchanger: Exchanger, query: bytes) -> str | None:
    info = exchanger.exchange(query, read_answer)
    return info.os_name if info else None


def seconds_of_timeout(exchanger: Exchanger, deadline: float) -> float:
    """How long an exchange that times out has taken."""
    began = time.monotonic()
    with pytest.raises(P0fTimeout):
        exchanger.exchange(QUERY, read_answer, deadline)
    return time.monotonic() - began


def test_it_gives_what_the_reader_makes_of_the_answer(
    exchanger: Exchanger, fake_p0f: FakeP0f
) -> None:
    fake_p0f.default = SAMPLE

    assert exchanger.exchange(QUERY, lambda answer, _: len(answer)) == 232


def test_what_was_found_meanwhile_is_not_asked_for(exchanger: Exchanger, fake_p0f: FakeP0f) -> None:
    assert exchanger.exchange(QUERY, read_answer, kept_meanwhile=lambda: SAMPLE) == SAMPLE
    assert fake_p0f.queries == []


# Deadlines


def test_a_deadline_before_the_timeout_ends_the_wait(
    exchanger: Exchanger, fake_p0f: FakeP0f
) -> None:
    exchanger.exchange(QUERY, read_answer)
    fake_p0f.stall()

    assert 0.04 < seconds_of_timeout(exchanger, time.monotonic() + 0.05) < TIMEOUT - 0.05


def test_a_deadline_after_the_timeout_does_not_prolong_it(
    exchanger: Exchanger, fake_p0f: FakeP0f
) -> None:
    fake_p0f.stall()

    assert TIMEOUT - 0.05 < seconds_of_timeout(exchanger, time.monotonic() + 9) < 3


def test_a_deadline_that_has_passed_waits_for_nothing(
    exchanger: Exchanger, fake_p0f: FakeP0f
) -> None:
    fake_p0f.stall()

    assert seconds_of_timeout(exchanger, time.monotonic() - 1) < TIMEOUT / 2


def test_what_a_deadline_cuts_short_is_no_outage(
    exchanger: Exchanger, fake_p0f: FakeP0f, health: Health
) -> None:
    fake_p0f.stall()
    seconds_of_timeout(exchanger, time.monotonic() + 0.05)

    assert not health.outage.down


def test_what_takes_the_whole_timeout_is_an_outage(
    exchanger: Exchanger, fake_p0f: FakeP0f, health: Health
) -> None:
    fake_p0f.stall()
    seconds_of_timeout(exchanger, time.monotonic() + 9)

    assert health.outage.down


def test_the_answer_to_a_lookup_that_was_cut_short_reaches_nobody(
    exchanger: Exchanger, fake_p0f: FakeP0f, health: Health
) -> None:
    fake_p0f.answer_with(named_after)
    exchanger.exchange(QUERY, read_answer)
    fake_p0f.stall()
    seconds_of_timeout(exchanger, time.monotonic() + 0.05)
    fake_p0f.resume()

    assert os_name(exchanger, OTHER) == "192.0.2.2"
    assert (health.counters.dropped, fake_p0f.connections) == (1, 1)


def test_a_first_lookup_that_is_cut_short_keeps_the_connection(
    exchanger: Exchanger, fake_p0f: FakeP0f
) -> None:
    fake_p0f.answer_with(named_after)
    fake_p0f.stall()
    seconds_of_timeout(exchanger, time.monotonic() + 0.05)
    fake_p0f.resume()

    assert os_name(exchanger, OTHER) == "192.0.2.2"
    assert fake_p0f.connections == 1


# The lock


def test_the_connection_is_waited_for_no_longer_than_the_timeout(
    exchanger: Exchanger, health: Health
) -> None:
    lock = exchanger.shared_here().lock
    lock.try_now(False)
    with pytest.raises(P0fTimeout, match=r"other lookups used p0f's connection for 0\.4 s"):
        exchanger.exchange(QUERY, read_answer)
    lock.release()

    assert not health.outage.down


def test_what_others_have_used_up_is_no_outage(
    exchanger: Exchanger, fake_p0f: FakeP0f, health: Health
) -> None:
    exchanger.exchange(QUERY, read_answer)
    fake_p0f.stall()
    lock = exchanger.shared_here().lock
    lock.try_now(False)
    release = threading.Timer(TIMEOUT * 0.8, lock.release)
    release.start()
    seconds_of_timeout(exchanger, time.monotonic() + 9)
    release.join()

    assert not health.outage.down


def test_a_lock_that_nobody_returns_holds_nobody_up_for_long(
    exchanger: Exchanger, fake_p0f: FakeP0f
) -> None:
    fake_p0f.answer_with(named_after)
    exchanger.exchange(QUERY, read_answer)
    stuck = exchanger.shared_here()
    stuck.lock.try_now(False)
    stuck.last_used -= 60
    with pytest.raises(P0fTimeout):
        exchanger.exchange(QUERY, read_answer)

    assert os_name(exchanger, OTHER) == "192.0.2.2"


# Interruptions


class Interrupt(Exception):
    """Raised by a signal handler."""


def test_an_interruption_while_waiting_keeps_the_connection(
    exchanger: Exchanger, fake_p0f: FakeP0f
) -> None:
    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise Interrupt

    fake_p0f.answer_with(named_after)
    exchanger.exchange(QUERY, read_answer)
    fake_p0f.stall()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Interrupt):
            exchanger.exchange(QUERY, read_answer)
    finally:
        signal.signal(signal.SIGALRM, before)
    fake_p0f.resume()

    assert os_name(exchanger, OTHER) == "192.0.2.2"
    assert fake_p0f.connections == 1


def test_an_interruption_anywhere_else_gives_the_connection_up(
    exchanger: Exchanger, fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_p0f.answer_with(named_after)
    exchanger.exchange(QUERY, read_answer)
    connection = exchanger.shared_here().connection
    assert connection is not None
    with monkeypatch.context() as patch:
        # As a signal handler may, between the receiving of bytes and their reading.
        patch.setattr(type(connection.pipeline), "receive", interrupted)
        with pytest.raises(Interrupt):
            exchanger.exchange(QUERY, read_answer)

    assert os_name(exchanger, OTHER) == "192.0.2.2"
    assert fake_p0f.connections == 2


def interrupted(pipeline: object, data: bytes) -> list[object]:
    raise Interrupt
