"""A client's view of its p0f: who may ask it, what is counted, and what the log says."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from p0f_middleware import P0fException, P0fStats, P0fUnavailable
from p0f_middleware._daemon import health as health_module
from p0f_middleware._daemon.health import Health
from p0f_middleware._outage import MOST_REPORTS, REPORT_SPAN

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

    assert health.stats.skipped == 0


def test_who_may_not_ask_is_told_when_the_next_try_is(health: Health) -> None:
    health.failed(P0fUnavailable("no socket"))

    with pytest.raises(P0fUnavailable, match=r"^p0f at /run/p0f.sock is down; next try in 0.3 s$"):
        health.admit(NOON + 0.2)
    assert health.stats.skipped == 1


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


def test_an_outage_is_two_lines(
    health: Health, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        health.failed(P0fUnavailable("there is no socket"))
    for _ in range(4):
        with pytest.raises(P0fUnavailable):
            health.admit(NOON + 0.1)
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
        with pytest.raises(P0fUnavailable):
            health.admit(clock.now)
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

    assert len(log.records) == 2 * MOST_REPORTS


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

    assert health.stats.outages == 20


def test_an_answer_that_makes_no_sense_is_said_once(
    health: Health, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        health.bad_answer(P0fException("p0f sent status 0x99"))

    assert said(log) == [
        ("WARNING", "p0f at /run/p0f.sock: p0f sent status 0x99 (said once)"),
    ]


# Counters


def test_all_counters_begin_at_zero() -> None:
    assert P0fStats().as_dict() == {
        "lookups": 0,
        "matches": 0,
        "no_matches": 0,
        "timeouts": 0,
        "errors": 0,
        "skipped": 0,
        "cached": 0,
        "abandoned": 0,
        "reconnects": 0,
        "dropped": 0,
        "outages": 0,
    }


@pytest.mark.parametrize(
    "ending", ["matches", "no_matches", "timeouts", "errors", "skipped", "abandoned"]
)
def test_a_lookup_ends_in_one_of_these_ways(ending: str) -> None:
    stats = P0fStats()
    stats.add(ending, 3)

    assert stats.lookups == 3


@pytest.mark.parametrize("event", ["reconnects", "dropped", "outages"])
def test_what_happens_beside_is_no_lookup(event: str) -> None:
    stats = P0fStats()
    stats.add(event)

    assert (stats.lookups, stats.as_dict()[event]) == (0, 1)


def test_threads_may_count_at_once() -> None:
    stats = P0fStats()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: stats.add("skipped"), range(2000)))

    assert stats.skipped == 2000
