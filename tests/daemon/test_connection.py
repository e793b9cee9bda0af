"""Looking for answers, and letting a connection go."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

import pytest

from p0f_middleware import P0f, P0fTimeout
from p0f_middleware._daemon import connection
from p0f_middleware._daemon.connection import Link
from p0f_middleware._daemon.protocol import make_query
from p0f_middleware.testing import FakeP0f


def test_closing_takes_no_longer_than_the_answers_that_are_owed() -> None:
    with FakeP0f() as p0f:
        client = P0f(p0f.socket_path, timeout=0.05)
        client.lookup("192.0.2.1")
        p0f.stall()
        with pytest.raises(P0fTimeout):
            client.lookup("192.0.2.2")
        p0f.resume()
        link = client._turn_here().link
        assert link is not None
        select.select([link.sock], (), (), 5)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 0.5


@pytest.fixture
def link(fake_p0f: FakeP0f) -> Iterator[Link[None]]:
    link: Link[None] = Link(fake_p0f.socket_path, 5)
    yield link
    link.let_go()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each look."""
    looks: list[None] = []
    monkeypatch.setattr(connection, "_let_others_run", lambda: looks.append(None))
    return looks


def test_an_answer_that_has_come_is_seen_at_the_first_look(
    link: Link[None], looks: list[None]
) -> None:
    link.sock.send(make_query("192.0.2.1"))
    link.wait(5)
    assert link.look()
    assert len(looks) == 1


def test_there_is_no_second_look_soon_after_one_in_vain(
    link: Link[None], looks: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_MOST_IN_VAIN", 1e-6)
    assert not link.look()
    looks.clear()
    link.sock.send(make_query("192.0.2.1"))
    link.wait(5)
    assert not link.look()
    assert looks == []


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.0001, 0.01])
def test_waiting_in_vain_ends_in_time(link: Link[None], seconds: float) -> None:
    with pytest.raises(TimeoutError):
        link.wait(seconds)
