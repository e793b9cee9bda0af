"""One connection: polling, waiting, sending, and closing it without harm."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from p0f_middleware import P0f, P0fTimeout
from p0f_middleware._daemon import connection
from p0f_middleware._daemon.connection import Connection, ConnectionLost
from p0f_middleware._daemon.protocol import make_query
from p0f_middleware._waiting import wait_readable
from p0f_middleware.testing import FakeP0f


def test_closing_takes_no_longer_than_the_answers_that_are_pending() -> None:
    with FakeP0f() as p0f:
        client = P0f(p0f.socket_path, timeout=0.05)
        client.lookup("192.0.2.1")
        p0f.stall()
        with pytest.raises(P0fTimeout):
            client.lookup("192.0.2.2")
        p0f.resume()
        used = client.connection
        assert used is not None
        select.select([used.sock], (), (), 5)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 0.5


@pytest.fixture
def link(fake_p0f: FakeP0f) -> Iterator[Connection[None]]:
    link: Connection[None] = Connection(fake_p0f.socket_path)
    yield link
    link.release()


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each poll."""
    polls: list[None] = []
    monkeypatch.setattr(connection, "_yield_processor", lambda: polls.append(None))
    return polls


def ask(link: Connection[None]) -> None:
    """Have an answer arrive."""
    link.send(make_query("192.0.2.1"))
    wait_readable(link.sock.fileno(), 5)


def test_an_answer_that_has_come_is_seen_at_the_first_poll(
    link: Connection[None], polls: list[None]
) -> None:
    ask(link)

    assert link.spin()
    assert len(polls) == 1


def test_after_an_unsuccessful_poll_polling_pauses(
    link: Connection[None], polls: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_MAX_SPIN_SHARE", 1e-6)
    assert not link.spin()
    polls.clear()
    ask(link)

    assert not link.spin()
    assert polls == []


def test_what_has_come_is_received_without_waiting(link: Connection[None]) -> None:
    nothing = link.receive()
    ask(link)

    assert (nothing, len(link.receive() or b"")) == (None, 232)


def test_an_answer_is_waited_for(link: Connection[None]) -> None:
    link.send(make_query("192.0.2.1"))

    assert len(link.wait_and_receive(5)) == 232


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.0001, 0.01])
def test_waiting_in_vain_ends_in_time(link: Connection[None], seconds: float) -> None:
    with pytest.raises(TimeoutError):
        link.wait_and_receive(seconds)


@pytest.mark.parametrize("receive", [Connection.spin, Connection.receive])
def test_a_connection_that_p0f_has_closed_is_lost(
    link: Connection[None], fake_p0f: FakeP0f, receive: Callable[[Connection[None]], object]
) -> None:
    fake_p0f.stop()

    with pytest.raises(ConnectionLost):
        receive(link)


def test_sending_on_a_closed_connection_raises_no_signal(fake_p0f: FakeP0f) -> None:
    command = [sys.executable, "-c", SENDING_TO_NOBODY, fake_p0f.socket_path]
    subprocess.run(command, check=True)


SENDING_TO_NOBODY = """
import signal, sys
from p0f_middleware._daemon.connection import Connection, ConnectionLost
from p0f_middleware._daemon.protocol import make_query
from p0f_middleware._waiting import wait_readable
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
connection = Connection(sys.argv[1])
connection.sock.shutdown(2)
try:
    connection.send(make_query("192.0.2.1"))
except OSError:
    sys.exit(0)
sys.exit("sent to nobody")
"""
