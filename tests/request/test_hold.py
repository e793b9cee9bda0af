"""Hold: what one connection was told, for a while."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from p0f_middleware import P0fInfo, P0fStatus
from p0f_middleware._outcome import Outcome
from p0f_middleware._request.hold import ASK_ONCE_MORE_AFTER, Hold, Told
from p0f_middleware.testing import SAMPLE

NOON = 43_200.0
KEY, OTHER = ("192.0.2.1", 50000), ("192.0.2.1", 50001)
WITHOUT_HTTP = P0fInfo(os_name="Linux")
BY_SYN = P0fInfo(os_name="Linux", source="syn")


def told(info: Any = SAMPLE) -> Told:
    return Told(Outcome(info, P0fStatus.OK, None))


def holding(seconds: float = 10.0, info: Any = SAMPLE, key: object = KEY) -> Hold:
    """A hold in which a connection was told something at noon."""
    hold = Hold(seconds)
    hold.put(key, None, told(info), NOON)
    return hold


def test_a_connection_gets_the_very_thing_it_was_told() -> None:
    hold, first = Hold(10.0), told()
    hold.put(KEY, None, first, NOON)

    assert hold.get(KEY, NOON + 9) is first


def test_another_connection_of_the_same_address_gets_nothing() -> None:
    assert holding().get(OTHER, NOON) is None


@pytest.mark.parametrize(("later", "held"), [(0, True), (10, True), (10.001, False), (1e9, False)])
def test_it_expires(later: float, held: bool) -> None:
    assert (holding(10.0).get(KEY, NOON + later) is not None) is held


def test_what_is_told_again_is_held_as_long_again() -> None:
    hold = holding(10.0)
    hold.put(KEY, None, told(), NOON + 11)

    assert hold.get(KEY, NOON + 20) is not None


# Memory


def test_of_too_many_those_that_were_quiet_for_longest_are_forgotten() -> None:
    hold = Hold(10.0, most=3)
    for number in range(3):
        hold.put(number, None, told(), NOON)
    hold.get(0, NOON)  # a request of this connection
    hold.put(3, None, told(), NOON)

    assert [number for number in range(4) if hold.get(number, NOON)] == [0, 2, 3]


def test_memory_is_bounded() -> None:
    hold = Hold(10.0, most=100)
    for number in range(1000):
        hold.put(number, None, told(), NOON)

    assert len(hold) == 100


class ServersObject:
    """What a server keeps for a connection."""


def test_what_a_connection_was_told_is_forgotten_when_it_ends() -> None:
    hold, connection = Hold(10.0), ServersObject()
    hold.put(KEY, connection, told(), NOON)
    assert hold.get(KEY, NOON) is not None

    del connection
    assert hold.get(KEY, NOON) is None
    assert len(hold) == 0


def test_the_end_of_a_connection_leaves_the_next_one_with_the_same_key_alone() -> None:
    hold, first, second = Hold(10.0), ServersObject(), ServersObject()
    hold.put(KEY, first, told(), NOON)
    hold.put(KEY, second, told(), NOON)
    del first

    assert hold.get(KEY, NOON) is not None


def test_connections_that_have_ended_leave_nothing_behind() -> None:
    hold = Hold(10.0, most=4)
    for number in range(1000):
        hold.put(number, ServersObject(), told(), NOON)

    assert len(hold) <= 1


def test_a_server_whose_object_takes_no_weak_reference_has_nothing_held() -> None:
    hold = Hold(10.0)
    hold.put(KEY, object(), told(), NOON)

    assert hold.get(KEY, NOON) is None


@pytest.mark.parametrize(
    ("found", "same"), [("its own", True), ("another", False), ("none", False)], ids=str
)
def test_a_connection_is_known_by_the_servers_object(found: str, same: bool) -> None:
    objects: dict[str, object | None] = {
        "its own": ServersObject(),
        "another": ServersObject(),
        "none": None,
    }
    hold = Hold(10.0)
    first = hold.put(KEY, objects["its own"], told(), NOON)

    assert first.is_for(objects[found]) is same


def test_what_was_told_without_an_object_is_for_whoever_has_the_key() -> None:
    assert told().is_for(ServersObject())


# What p0f learns from HTTP comes later than the SYN


@pytest.mark.parametrize(
    ("info", "seconds"),
    [(WITHOUT_HTTP, ASK_ONCE_MORE_AFTER), (SAMPLE, 10.0), (BY_SYN, 10.0)],
    ids=["p0f has seen no HTTP", "p0f has seen HTTP", "no HTTP to see"],
)
def test_an_answer_that_came_before_the_http_request_was_seen_expires_early(
    info: P0fInfo, seconds: float
) -> None:
    hold = holding(10.0, info)

    assert hold.get(KEY, NOON + seconds) is not None
    assert hold.get(KEY, NOON + seconds + 0.001) is None


def test_p0f_is_asked_once_more_and_not_every_second() -> None:
    hold = holding(10.0, WITHOUT_HTTP)
    hold.put(KEY, None, told(WITHOUT_HTTP), NOON + 1.1)

    assert hold.get(KEY, NOON + 11) is not None


def test_what_was_asked_once_more_long_ago_is_not_asked_early_again() -> None:
    hold = holding(10.0, WITHOUT_HTTP)
    hold.put(KEY, None, told(WITHOUT_HTTP), NOON + 1.1)
    hold.put(KEY, None, told(WITHOUT_HTTP), NOON + 12)

    assert hold.get(KEY, NOON + 21) is not None


def test_an_early_end_is_no_later_than_the_usual_one() -> None:
    assert holding(0.5, WITHOUT_HTTP).get(KEY, NOON + 0.6) is None


@pytest.mark.parametrize("info", [{"os_name": "Linux"}, object(), 7], ids=repr)
def test_whatever_a_users_own_source_gives_is_held(info: Any) -> None:
    assert holding(10.0, info).get(KEY, NOON + 9) is not None


# Keys


@pytest.mark.parametrize(
    "key",
    [
        ("192.0.2.1", "50000"),
        ("2001:db8::1", 50000, 0, 0),
        ("192.0.2.1:50000", None),
        b"192.0.2.1",
        "192.0.2.1",
        frozenset({1}),
    ],
    ids=repr,
)
def test_whatever_a_server_gives_is_a_key(key: object) -> None:
    assert holding(key=key).get(key, NOON) is not None


@pytest.mark.parametrize("key", [[], ("192.0.2.1", []), ({}, 1)], ids=repr)
def test_what_cannot_be_hashed_is_not_held(key: object) -> None:
    hold = holding(key=key)

    assert hold.get(key, NOON) is None
    assert len(hold) == 0


def test_threads_may_share_it() -> None:
    hold = Hold(10.0, most=4)
    trouble: list[Exception] = []

    def requests(seed: int) -> None:
        try:
            for number in range(3000):
                key = (number * seed) % 9
                mine = told()
                hold.put(key, None, mine, NOON)
                found = hold.get(key, NOON)
                assert found is None or found.outcome.info is SAMPLE
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=requests, args=(seed,)) for seed in (1, 2, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble
    assert len(hold) <= 4
