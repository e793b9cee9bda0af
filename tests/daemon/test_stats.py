"""What is counted of lookups, and the snapshot that a client's `stats` gives."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from p0f_middleware import P0fBadQuery, P0fError, P0fProtocolError, P0fStats, P0fUnavailable
from p0f_middleware import P0fTimeout as Timeout
from p0f_middleware._daemon.stats import Counters


def skipped() -> P0fUnavailable:
    error = P0fUnavailable("p0f is down")
    error.skipped = True
    return error


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
    ("error", "counter"),
    [
        (Timeout("late"), "timeouts"),
        (P0fUnavailable("no socket"), "errors"),
        (P0fBadQuery("bad"), "errors"),
        (P0fProtocolError("garbage"), "errors"),
        (P0fError("other"), "errors"),
        (skipped(), "skipped"),
        (asyncio.CancelledError(), "abandoned"),
        (KeyboardInterrupt(), "abandoned"),
        (ZeroDivisionError(), "abandoned"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_lookup_that_raises_is_counted_by_what_it_raises(
    error: BaseException, counter: str
) -> None:
    counters = Counters()
    counters.failed(error)

    assert counters.snapshot() == P0fStats()._replace(**{counter: 1})
    assert counters.snapshot().lookups == 1


@pytest.mark.parametrize(("found", "counter"), [(True, "matches"), (False, "no_matches")])
def test_an_answer_is_a_match_or_none(found: bool, counter: str) -> None:
    counters = Counters()
    counters.answered(found)

    assert counters.snapshot() == P0fStats()._replace(**{counter: 1})


def test_a_batch_counts_its_lookups_and_not_its_dropped_answers() -> None:
    counters = Counters()
    counters.batch_answered(matches=3, no_matches=2, shared=4, dropped=5)

    assert counters.snapshot() == P0fStats(matches=3, no_matches=2, cached=4, dropped=5)
    assert counters.snapshot().lookups == 9


def test_what_else_happens_is_not_a_lookup() -> None:
    counters = Counters()
    counters.reconnected()
    counters.dropped_answer()
    counters.went_down()

    assert counters.snapshot() == P0fStats(reconnects=1, dropped=1, outages=1)
    assert counters.snapshot().lookups == 0


def test_a_snapshot_does_not_change() -> None:
    counters = Counters()
    before = counters.snapshot()
    counters.answered(found=True)

    assert before == P0fStats()
    with pytest.raises(AttributeError):
        before.matches = 1  # type: ignore[misc]


def test_threads_may_count_at_once() -> None:
    counters = Counters()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: counters.failed(skipped()), range(2000)))

    assert counters.snapshot().skipped == 2000


def test_a_signal_handler_may_count_while_its_thread_does() -> None:
    counters = Counters()
    with counters.lock:  # as the interrupted thread has it
        counters.served()

    assert counters.snapshot().cached == 1
