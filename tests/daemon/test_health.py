"""An outage of p0f: who tries again and when, what is counted, and what the log says."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from p0f_middleware import P0fException, P0fUnavailable
from p0f_middleware._daemon import health as health_module
from p0f_middleware._daemon.health import Health
from p0f_middleware._outage import MAX_REPORTS, REPORT_SPAN

NOON = 43_200.0


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = NOON

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health_module, "time", clock)
    return clock


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health("/run/p0f.sock")


# Who may ask


def test_everybody_may_ask_while_p0f_is_well(health: Health) -> None:
    health.admit(NOON)


def test_who_may_not_ask_is_told_when_the_next_try_is(health: Health) -> None:
    health.failed(P0fUnavailable("no socket"))

    with pytest.raises(P0fUnavailable, match=r"^p0f at /run/p0f.sock is down; next try in 0.3 s$"):
        health.admit(NOON + 0.2)


def test_of_many_threads_one_may_try_again(health: Health) -> None:
    health.failed(P0fUnavailable("no socket"))

    def may_ask(_: int) -> bool:
        try:
            health.admit(NOON + 0.5)
        except P0fUnavailable:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(may_ask, range(200))) == 1


# What the log says


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "p0f_middleware")
    return caplog


def said(log: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in log.records]


def skip(health: Health, now: float) -> None:
    """A lookup that is not admitted, and is counted as lookups are."""
    with pytest.raises(P0fUnavailable) as skipped:
        health.admit(now)
    health.counters.failed(skipped.value)


def test_an_outage_is_two_lines(
    health: Health, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        health.failed(P0fUnavailable("there is no socket"))
    for _ in range(4):
        skip(health, NOON + 0.1)
    clock.now += 12.3
    for _ in range(2):
        health.answered()

    assert said(log) == [
        ("WARNING", "p0f is down, requests go on without p0f.info: there is no socket"),
        ("INFO", "p0f at /run/p0f.sock is back after 12.3 s; 4 lookups were skipped"),
    ]


def test_skipped_lookups_are_counted_for_each_outage_anew(
    health: Health, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        health.failed(P0fUnavailable("no socket"))
        skip(health, clock.now)
        health.answered()

    assert [message for _, message in said(log)[1::2]] == [
        "p0f at /run/p0f.sock is back after 0.0 s; 1 lookups were skipped"
    ] * 2


def test_a_p0f_that_flaps_is_not_logged_for_ever(
    health: Health, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        health.failed(P0fUnavailable("no socket"))
        health.answered()
        clock.now += 1

    assert len(log.records) == 2 * MAX_REPORTS


def test_a_p0f_that_flapped_is_logged_again_after_a_minute(
    health: Health, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        health.failed(P0fUnavailable("no socket"))
        health.answered()
    log.clear()
    clock.now += REPORT_SPAN + 1
    health.failed(P0fUnavailable("no socket"))

    assert [level for level, _ in said(log)] == ["WARNING"]


def test_every_outage_is_counted(health: Health) -> None:
    for _ in range(20):
        health.failed(P0fUnavailable("no socket"))
        health.failed(P0fUnavailable("no socket"))
        health.answered()

    assert health.counters.outages == 20


def test_an_answer_that_makes_no_sense_is_said_once(
    health: Health, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        health.bad_answer(P0fException("p0f sent status 0x99"))

    assert said(log) == [
        ("WARNING", "p0f at /run/p0f.sock: p0f sent status 0x99 (logged once)"),
    ]
