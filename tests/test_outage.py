"""When something that was down is asked again, and by whom."""

from __future__ import annotations

from p0f_middleware._outage import Outage

NOON = 43_200.0


def outage() -> Outage:
    outage = Outage()
    outage.begin(NOON)
    return outage


def test_there_is_none_at_first() -> None:
    assert not Outage().down


def test_a_failure_begins_one() -> None:
    outage = Outage()

    assert (outage.begin(NOON), outage.down, outage.began) == (True, True, NOON)


def test_a_further_failure_changes_nothing() -> None:
    begun = outage()

    assert (begun.begin(NOON + 0.25), begun.began, begun.retry_in(NOON + 0.25)) == (
        False,
        NOON,
        0.25,
    )


def test_nobody_tries_again_before_half_a_second() -> None:
    assert not outage().retry(NOON + 0.49)


def test_one_caller_tries_again_after_half_a_second() -> None:
    begun = outage()

    assert [begun.retry(NOON + 0.5) for _ in range(3)] == [True, False, False]


def test_each_delay_is_twice_the_one_before_up_to_half_a_minute() -> None:
    begun = outage()
    now, delays = NOON, []
    for _ in range(9):
        delays.append(begun.retry_in(now))
        now += delays[-1]
        assert begun.retry(now)

    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_retry_that_is_overdue_is_due_now() -> None:
    assert outage().retry_in(NOON + 60) == 0


def test_an_answer_ends_it() -> None:
    begun = outage()
    begun.end()

    assert not begun.down


def test_the_next_one_begins_with_half_a_second_again() -> None:
    begun = outage()
    begun.retry(NOON + 0.5)
    begun.retry(NOON + 1.5)
    begun.end()
    begun.begin(NOON + 2)

    assert begun.retry_in(NOON + 2) == 0.5
