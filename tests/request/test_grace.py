"""Grace: how long a client that p0f does not know is asked about."""

from __future__ import annotations

import pytest

from p0f_middleware._request.grace import FORGET_AFTER, MOST_UNKNOWN, Grace

HOST = "192.0.2.1"
NOON = 43_200.0


def found_unknown(grace: Grace, address: str, now: float) -> None:
    """Ask about it until the grace is used up."""
    for _ in grace.pauses(address, now):
        pass
    grace.stayed_unknown(address, now)


def is_waited_for(grace: Grace, address: str, now: float) -> bool:
    return next(grace.pauses(address, now), None) is not None


@pytest.mark.parametrize("seconds", [0.001, 0.0015, 0.01, 0.1, 1.0])
def test_the_pauses_add_up_to_the_grace(seconds: float) -> None:
    assert sum(Grace(seconds).pauses(HOST, NOON)) == pytest.approx(seconds)


def test_each_pause_is_half_as_long_again() -> None:
    pauses = list(Grace(0.01).pauses(HOST, NOON))

    assert pauses == pytest.approx([0.001, 0.0015, 0.00225, 0.003375, 0.001875])


def test_no_grace_means_no_pause() -> None:
    assert not is_waited_for(Grace(0), HOST, NOON)


@pytest.mark.parametrize("seconds", [-0.001, float("inf"), float("nan")])
def test_a_grace_that_makes_no_sense_is_an_error(seconds: float) -> None:
    with pytest.raises(ValueError, match="grace is a number of seconds, 0 or more"):
        Grace(seconds)


def test_an_address_that_stayed_unknown_is_not_waited_for_again() -> None:
    grace = Grace(0.01)
    found_unknown(grace, HOST, NOON)

    assert not is_waited_for(grace, HOST, NOON + 1)


def test_an_address_that_became_known_is_waited_for_again() -> None:
    grace = Grace(0.01)
    next(grace.pauses(HOST, NOON))  # the caller asked again, found it, and paused no more

    assert is_waited_for(grace, HOST, NOON + 1)


def test_another_address_is_waited_for() -> None:
    grace = Grace(0.01)
    found_unknown(grace, HOST, NOON)

    assert is_waited_for(grace, "192.0.2.2", NOON)


def test_an_address_is_remembered_for_a_minute_at_least() -> None:
    grace = Grace(0.01)
    found_unknown(grace, HOST, NOON)
    for later in range(0, int(FORGET_AFTER), 7):
        found_unknown(grace, f"198.51.100.{later}", NOON + later)

    assert not is_waited_for(grace, HOST, NOON + FORGET_AFTER)


@pytest.mark.parametrize("others", [[], [1.0], [61.0], [30.0, 70.0, 110.0]])
def test_an_address_is_forgotten_after_two_minutes(others: list[float]) -> None:
    grace = Grace(0.01)
    found_unknown(grace, HOST, NOON)
    for number, later in enumerate(others):
        found_unknown(grace, f"198.51.100.{number}", NOON + later)

    assert is_waited_for(grace, HOST, NOON + 2 * FORGET_AFTER + 1)


def test_memory_is_bounded() -> None:
    grace = Grace(0.001)
    for number in range(3 * MOST_UNKNOWN):
        found_unknown(grace, f"host {number}", NOON)

    assert len(grace._unknown) + len(grace._unknown_before) <= 2 * MOST_UNKNOWN


def test_the_latest_addresses_are_those_remembered() -> None:
    grace = Grace(0.001)
    for number in range(3 * MOST_UNKNOWN):
        found_unknown(grace, f"host {number}", NOON)

    waited_for = [is_waited_for(grace, f"host {n}", NOON) for n in (0, 3 * MOST_UNKNOWN - 1)]
    assert waited_for == [True, False]


def test_a_clock_that_begins_at_zero_is_a_clock() -> None:
    grace = Grace(0.01)
    found_unknown(grace, HOST, 0.0)

    assert not is_waited_for(grace, HOST, 1.0)
