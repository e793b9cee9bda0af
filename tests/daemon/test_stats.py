"""What is counted of lookups, and the snapshot that a client's `stats` gives."""

from __future__ import annotations

import asyncio

import pytest

from p0f_middleware import P0f, P0fBadQuery, P0fProtocolError, P0fStats, P0fTimeout, P0fUnavailable
from p0f_middleware._daemon.rules import Rules
from p0f_middleware.testing import FakeP0f

ENDINGS = "matches", "no_matches", "timeouts", "errors", "skipped", "abandoned"
EVENTS = "reconnects", "dropped", "outages"


@pytest.mark.parametrize(
    ("error", "counter"),
    [
        (P0fTimeout("late"), "timeouts"),
        (P0fUnavailable("no socket"), "errors"),
        (P0fBadQuery("bad"), "errors"),
        (P0fProtocolError("garbage"), "errors"),
        (asyncio.CancelledError(), "abandoned"),
        (KeyboardInterrupt(), "abandoned"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_lookup_that_raises_is_counted_by_what_it_raises(
    error: BaseException, counter: str
) -> None:
    rules = Rules("/run/x", 1)
    rules.count(error)

    assert {name: count for name, count in rules.counts.items() if count} == {counter: 1}


@pytest.mark.parametrize("counter", ENDINGS + EVENTS)
def test_each_ending_is_a_lookup_and_what_else_happens_is_none(counter: str) -> None:
    stats = P0fStats()._replace(**{counter: 3})

    assert stats.as_dict() == {
        "lookups": 3 if counter in ENDINGS else 0,
        **dict.fromkeys(ENDINGS + EVENTS, 0),
        counter: 3,
    }


def test_a_snapshot_does_not_change(fake_p0f: FakeP0f) -> None:
    with P0f(fake_p0f.socket_path, timeout=5) as client:
        before = client.stats
        client.lookup("192.0.2.1")

        assert (before.lookups, client.stats.lookups) == (0, 1)
