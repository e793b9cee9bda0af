"""What is counted of lookups, and the snapshot that a client's `stats` gives."""

from __future__ import annotations

import asyncio

import pytest

from p0f_middleware import P0f, P0fBadQuery, P0fError, P0fProtocolError, P0fStats, P0fUnavailable
from p0f_middleware import P0fTimeout as Timeout
from p0f_middleware._daemon.stats import ending
from p0f_middleware.testing import FakeP0f

ENDINGS = "matches", "no_matches", "timeouts", "errors", "skipped", "abandoned"
EVENTS = "reconnects", "dropped", "outages"


def skipped() -> P0fUnavailable:
    error = P0fUnavailable("p0f is down")
    error.skipped = True
    return error


def test_all_counters_begin_at_zero() -> None:
    assert P0fStats().as_dict() == dict.fromkeys(("lookups", *ENDINGS, *EVENTS), 0)


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
    assert ending(error) == counter


@pytest.mark.parametrize("counter", ENDINGS + EVENTS)
def test_each_ending_is_a_lookup_and_what_else_happens_is_none(counter: str) -> None:
    assert P0fStats()._replace(**{counter: 3}).lookups == (3 if counter in ENDINGS else 0)


def test_a_snapshot_does_not_change(fake_p0f: FakeP0f) -> None:
    with P0f(fake_p0f.socket_path, timeout=5) as client:
        before = client.stats
        client.lookup("192.0.2.1")

        assert (before.lookups, client.stats.lookups) == (0, 1)
    with pytest.raises(AttributeError):
        before.matches = 1  # type: ignore[misc]
