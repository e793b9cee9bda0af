"""Hold: what one connection gets, for a while, and nobody else."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fInfo, P0fStatus
from p0f_middleware._outcome import Outcome
from p0f_middleware._request.hold import ASK_ONCE_MORE_AFTER, HeldAnswer, Hold
from p0f_middleware.testing import SAMPLE

NOON = 43_200.0
PEER, OTHER = ("192.0.2.1", 50000), ("192.0.2.1", 50001)
WITHOUT_HTTP = P0fInfo(os_name="Linux")
BY_SYN = P0fInfo(os_name="Linux", source="syn")


class Connection:
    """A server's object of a connection."""


def an_answer(info: Any = SAMPLE, peer: object = PEER) -> HeldAnswer:
    return HeldAnswer(Outcome(info, P0fStatus.OK, None), peer, (True, None, {}))


def holding(
    seconds: float = 10.0, info: Any = SAMPLE, peer: object = PEER, connection: Any = None
) -> Hold:
    """A hold in which a connection got something at noon."""
    hold = Hold(seconds)
    hold.put(connection, an_answer(info, peer), NOON)
    return hold


kinds = pytest.mark.parametrize("connection", [None, Connection()], ids=["pair", "object"])


@kinds
def test_a_connection_gets_the_very_answer_it_got_before(connection: Any) -> None:
    hold, answer = Hold(10.0), an_answer()
    hold.put(connection, answer, NOON)

    assert hold.get(connection, PEER, NOON + 9) is answer


@kinds
@pytest.mark.parametrize(("later", "held"), [(0, True), (10, True), (10.001, False), (1e9, False)])
def test_it_expires(connection: Any, later: float, held: bool) -> None:
    hold = holding(connection=connection)

    assert (hold.get(connection, PEER, NOON + later) is not None) is held


@kinds
def test_what_is_put_again_is_held_as_long_again(connection: Any) -> None:
    hold = holding(connection=connection)
    hold.put(connection, an_answer(), NOON + 11)

    assert hold.get(connection, PEER, NOON + 20) is not None


# Whose it is


@kinds
def test_another_peer_gets_nothing(connection: Any) -> None:
    """A server may put another peer into requests of one connection: uvicorn applies a header."""
    assert holding(connection=connection).get(connection, OTHER, NOON) is None


def test_another_connection_from_the_same_address_and_port_gets_nothing() -> None:
    one, other = Connection(), Connection()
    hold = holding(connection=one)

    assert hold.get(other, PEER, NOON) is None
    assert hold.get(None, PEER, NOON) is None


def test_where_the_server_shows_no_connection_only_p0f_could_not_tell_better() -> None:
    assert holding(info=SAMPLE).get(None, PEER, NOON) is not None
    assert holding(info=BY_SYN).get(None, PEER, NOON) is None


steps = st.tuples(
    st.sampled_from(["open", "ask", "end"]), st.integers(0, 3), st.integers(0, 1)
)  # of connections that open, ask and end, on few ports


@given(st.lists(steps, max_size=40))
def test_no_connection_ever_gets_the_answer_of_another(history: list[tuple[str, int, int]]) -> None:
    hold = Hold(10.0)
    living: dict[int, tuple[Connection, object, P0fInfo]] = {}
    for count, (step, number, port) in enumerate(history):
        if step == "open":
            info = P0fInfo(os_name=str(count), source="syn")
            living[number] = Connection(), ("192.0.2.1", port), info
        elif step == "end":
            living.pop(number, None)
        elif number in living:
            connection, peer, info = living[number]
            answer = hold.get(connection, peer, NOON)
            assert answer is None or answer.outcome.info is info
            hold.put(connection, an_answer(info, peer), NOON)
    connection = None  # type: ignore[assignment]
    living.clear()
    gc.collect()
    assert len(hold) == 0


# Memory


def test_of_too_many_pairs_the_oldest_are_forgotten() -> None:
    hold = Hold(10.0, most=3)
    for number in (0, 1, 2, 0, 3):
        hold.put(None, an_answer(peer=number), NOON)

    assert [number for number in range(4) if hold.get(None, number, NOON)] == [0, 2, 3]


def test_what_a_connection_got_is_forgotten_when_it_ends() -> None:
    connection = Connection()
    hold = holding(connection=connection)
    assert len(hold) == 1

    del connection
    assert len(hold) == 0


def test_a_server_whose_object_takes_no_weak_reference_has_nothing_held() -> None:
    connection = object()

    assert holding(connection=connection).get(connection, PEER, NOON) is None


# What p0f learns from HTTP comes later than the SYN


@pytest.mark.parametrize(
    ("info", "seconds"),
    [(WITHOUT_HTTP, ASK_ONCE_MORE_AFTER), (SAMPLE, 10.0), (BY_SYN, 10.0)],
    ids=["p0f has seen no HTTP", "p0f has seen HTTP", "no HTTP to see"],
)
def test_an_answer_that_came_before_the_http_request_was_seen_expires_early(
    info: P0fInfo, seconds: float
) -> None:
    connection = Connection()
    hold = holding(10.0, info, connection=connection)

    assert hold.get(connection, PEER, NOON + seconds) is not None
    assert hold.get(connection, PEER, NOON + seconds + 0.001) is None


@pytest.mark.parametrize(("again_at", "held_at"), [((1.1,), 11), ((1.1, 12), 12.9)])
def test_p0f_is_asked_once_more_and_not_every_second(
    again_at: tuple[float, ...], held_at: float
) -> None:
    hold = holding(10.0, WITHOUT_HTTP)
    for later in again_at:
        hold.put(None, an_answer(WITHOUT_HTTP), NOON + later)

    assert hold.get(None, PEER, NOON + held_at) is not None


def test_an_early_end_is_no_later_than_the_usual_one() -> None:
    assert holding(0.5, WITHOUT_HTTP).get(None, PEER, NOON + 0.6) is None


@pytest.mark.parametrize("info", [{"os_name": "Linux"}, object(), 7], ids=repr)
def test_whatever_a_users_own_source_gives_is_held(info: Any) -> None:
    assert holding(10.0, info).get(None, PEER, NOON + 9) is not None


# Peers


@pytest.mark.parametrize(
    "peer",
    [("192.0.2.1", "50000"), ("2001:db8::1", 50000, 0, 0), b"192.0.2.1", "192.0.2.1"],
    ids=repr,
)
def test_a_peer_may_have_any_form(peer: object) -> None:
    assert holding(peer=peer).get(None, peer, NOON) is not None


def test_threads_may_share_it() -> None:
    hold = Hold(10.0, most=4)
    trouble: list[Exception] = []

    def requests(seed: int) -> None:
        try:
            for number in range(3000):
                peer = (number * seed) % 9
                connection = Connection() if number % 2 else None
                hold.put(connection, an_answer(peer=peer), NOON)
                found = hold.get(connection, peer, NOON)
                assert found is None or found.outcome.info is SAMPLE
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=requests, args=(seed,)) for seed in (1, 2, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble
    assert len(hold) <= 4 + len(threads)
