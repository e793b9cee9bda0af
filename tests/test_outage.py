"""When something that was down is asked again, by whom, and what the log says of it."""

from __future__ import annotations

import logging
import time

import pytest

from p0f_middleware import P0fUnavailable, _outage
from p0f_middleware._outage import Outage


@pytest.fixture
def outage() -> Outage:
    """One that has begun just now."""
    outage = Outage("p0f", "/run/x")
    assert outage.failed(OSError("no socket"))
    return outage


def refused(outage: Outage, now: float) -> bool:
    """Whether `admit` refuses, and says that no query was sent; else it must admit a retry."""
    try:
        assert outage.admit(now)
    except P0fUnavailable as error:
        return error.skipped
    return False


def test_there_is_none_at_first() -> None:
    outage = Outage("p0f", "/run/x")

    assert (outage.down, outage.admit(0.0)) == (False, False)


def test_a_further_failure_changes_nothing(outage: Outage) -> None:
    began, retry_in = outage.began, outage.retry_in(outage.began)

    assert not outage.failed(OSError("another"))
    assert (outage.began, outage.retry_in(began)) == (began, retry_in)


def test_nobody_tries_again_before_half_a_second(outage: Outage) -> None:
    with pytest.raises(P0fUnavailable, match=r"^p0f at /run/x is down; next try in 0\.1 s$"):
        outage.admit(outage.began + 0.4)


def test_one_caller_tries_again_after_half_a_second(outage: Outage) -> None:
    now = outage.began + 0.5

    assert [refused(outage, now) for _ in range(3)] == [False, True, True]


def test_each_delay_is_twice_the_one_before_up_to_half_a_minute(outage: Outage) -> None:
    now, delays = outage.began, []
    for _ in range(9):
        delays.append(round(outage.retry_in(now), 6))
        now += outage.retry_in(now)
        assert not refused(outage, now)

    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert outage.retry_in(now + 60) == 0


def test_the_next_one_begins_with_half_a_second_again(outage: Outage) -> None:
    refused(outage, outage.began + 0.5)
    outage.answered()
    down = outage.down
    outage.failed(OSError("again"))

    assert (down, round(outage.retry_in(outage.began), 6)) == (False, 0.5)


def test_the_log_has_its_begin_and_its_end(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("the store", "redis://cache", "nothing is kept", "writes were skipped")
    for _ in range(2):
        outage.failed(OSError("no socket"))
    for _ in range(3):
        refused(outage, time.monotonic())
    for _ in range(2):
        outage.answered()

    assert caplog.messages == [
        "the store is down, nothing is kept: no socket",
        "the store at redis://cache is back after 0.0 s; 3 writes were skipped",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_frequent_outages_do_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Outage("p0f", "/run/x")

    def begin_and_end(times: int) -> int:
        caplog.clear()
        for _ in range(times):
            outage.failed(OSError("no socket"))
            outage.answered()
        return len(caplog.messages)

    assert begin_and_end(20) == 2 * _outage.MAX_REPORTS
    monkeypatch.setattr(_outage, "REPORT_SPAN", 0.0)
    assert begin_and_end(1) == 2
