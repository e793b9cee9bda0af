"""One request's lookup, sync and async: grace, deadlines, failures, and what ends it."""

from __future__ import annotations

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from p0f_middleware import (
    ClaimVerdict,
    P0fASGIMiddleware,
    P0fInfo,
    P0fStatus,
    P0fTimeout,
    P0fUnavailable,
    lookup_counts,
)
from p0f_middleware._outcome import Outcome
from p0f_middleware._request import grace
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import Clock
from .middlewares import (
    HOST,
    LINUX,
    OTHER,
    PORT,
    WSGI,
    Failing,
    KnownAfter,
    Telling,
    Wrap,
    receive,
    send,
    status,
)

NEVER = float("inf")
NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "not seen")


def giving(outcome: Any) -> Telling:
    return Telling(lambda *_: outcome)


# Grace


@pytest.mark.parametrize("questions", [1, 2, 3, 6])
def test_a_client_is_waited_for_until_it_is_known(wrap: Wrap, clock: Clock, questions: int) -> None:
    assert wrap(KnownAfter(questions)).request()["p0f.info"] is SAMPLE
    assert len(clock.pauses) == questions - 1


@pytest.mark.parametrize(("later", "waits"), [(0, False), (59, False), (61, True)])
def test_a_client_that_stays_unknown_costs_the_grace_once_in_a_while(
    wrap: Wrap, clock: Clock, later: float, waits: bool
) -> None:
    source = KnownAfter(NEVER)
    middleware = wrap(source, grace=0.05)
    assert status(middleware) == "no_match"
    assert sum(clock.pauses) == pytest.approx(0.05)

    clock.now += later
    clock.pauses.clear()
    source.asked.clear()
    assert status(middleware) == "no_match"
    assert (bool(clock.pauses), len(source.asked) > 1) == (waits, waits)


def test_of_unknown_addresses_only_so_many_are_remembered(
    wrap: Wrap, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grace, "MOST_UNKNOWN", 2)
    middleware = wrap(KnownAfter(NEVER))
    pauses = []
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3", "192.0.2.1"):
        middleware.request((address, PORT))
        pauses.append(len(clock.pauses))

    assert pauses[0] < pauses[1] == pauses[2] < pauses[3] < pauses[4]


def test_without_grace_it_is_asked_once(wrap: Wrap, clock: Clock) -> None:
    source = KnownAfter(2)

    assert status(wrap(source, grace=0)) == "no_match"
    assert (clock.pauses, source.asked) == ([], [HOST])


BY_ADDRESS = Outcome(P0fInfo(os_name="Windows", source="address"), P0fStatus.OK, None)
OF_THE_CONNECTION = Outcome(P0fInfo(os_name="Linux", source="syn"), P0fStatus.OK, None)


def test_a_connection_of_which_only_the_address_is_known_gets_the_grace(
    wrap: Wrap, clock: Clock
) -> None:
    outcomes = iter([BY_ADDRESS, BY_ADDRESS, OF_THE_CONNECTION])
    keys = wrap(Telling(lambda *_: next(outcomes))).request()

    assert keys["p0f.info"].os_name == "Linux"
    assert len(clock.pauses) == 2


@pytest.mark.parametrize(("port", "waited"), [(PORT, 0.05), (None, 0)])
def test_after_the_grace_the_addresss_fingerprint_is_told(
    wrap: Wrap, clock: Clock, port: int | None, waited: float
) -> None:
    """Where the port is not known there is nothing to wait for."""
    keys = wrap(giving(BY_ADDRESS), grace=0.05).request((HOST, port))

    assert (keys["p0f.status"], keys["p0f.info"].source) == ("ok", "address")
    assert sum(clock.pauses) == pytest.approx(waited)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("error", [P0fUnavailable("p0f has ended"), P0fTimeout("no answer")])
def test_a_failure_while_waiting_is_unavailable(wrap: Wrap, error: Exception) -> None:
    outcomes = iter([NO_MATCH])

    def answer(*_: Any) -> Outcome:
        for outcome in outcomes:
            return outcome
        raise error

    assert status(wrap(Telling(answer))) == "unavailable"


# The deadline: timeout and grace are all that a request may cost


@pytest.mark.parametrize("seconds", [0, 0.001, 0.03, 0.06, 0.099, 0.11, 5])
def test_every_question_of_a_request_has_the_same_deadline_and_none_comes_later(
    wrap: Wrap, clock: Clock, seconds: float
) -> None:
    began = clock.now
    asked_at: list[float] = []

    def slow(_visitor: Any, _deadline: float) -> Outcome:
        asked_at.append(clock.now)
        clock.now += seconds
        return NO_MATCH

    source = Telling(slow)
    wrap(source, grace=0.01).request()
    assert set(source.deadlines) == {began + 0.1 + 0.01}
    assert max(asked_at) <= source.deadlines[0]
    assert len(asked_at) > 2 or seconds > 0.03


def test_a_source_that_runs_out_of_time_after_no_match_has_said_no_match(
    wrap: Wrap, clock: Clock
) -> None:
    def takes_60_ms(_visitor: Any, deadline: float) -> Outcome:
        clock.now += 0.06
        if clock.now > deadline:
            raise P0fTimeout("p0f did not answer")
        return NO_MATCH

    source = Telling(takes_60_ms)
    middleware = wrap(source)
    assert status(middleware) == "no_match"
    asked = len(source.deadlines)
    assert status(middleware) == "no_match"
    assert len(source.deadlines) == asked + 1, "it stayed unknown, and is not waited for again"


def test_a_p0f_that_does_not_answer_holds_a_request_no_longer_than_it_may(
    wrap: Wrap, fake_p0f: FakeP0f
) -> None:
    middleware = wrap(fake_p0f.socket_path, timeout=0.1)
    middleware.request()
    fake_p0f.stall()
    began = time.monotonic()
    assert status(middleware, (OTHER, PORT)) == "unavailable"
    assert time.monotonic() - began < 1
    fake_p0f.resume()


# Failures


@pytest.mark.usefixtures("nothing_logged_yet")
@pytest.mark.parametrize(
    "source",
    [
        *(Failing(kind("bug")) for kind in (RuntimeError, OSError, KeyError, StopIteration)),
        *map(giving, (None, 7, (1, 2), {}, "ok")),
    ],
)
def test_whatever_a_source_raises_or_gives_does_not_get_out(wrap: Wrap, source: Any) -> None:
    keys = wrap(source).request()

    assert (keys["p0f.info"], keys["p0f.status"]) == (None, "unavailable")
    assert "bug" not in keys["p0f.reason"]


@pytest.mark.usefixtures("nothing_logged_yet")
def test_what_a_source_raises_is_logged_once_with_its_traceback(
    wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    source = Failing(RuntimeError("bug"))
    middleware = wrap(source)
    for _ in range(3):
        middleware.request()

    records = [record for record in caplog.records if record.name == "p0f_middleware"]
    assert [(r.levelno, r.exc_info and r.exc_info[1]) for r in records] == [
        (logging.ERROR, source.error)
    ]


# What is let pass


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), asyncio.CancelledError()],
    ids=repr,
)
def test_what_ends_the_request_or_the_worker_ends_it(wrap: Wrap, error: BaseException) -> None:
    middleware = wrap(Failing(error))
    with pytest.raises(type(error)):
        middleware.request()


SCOPE = {"type": "http", "client": (HOST, PORT), "headers": []}


async def never_called(*_: Any) -> None:
    raise AssertionError("the application was called")


def test_a_cancelled_request_is_cancelled_while_it_waits_for_p0f(fake_p0f: FakeP0f) -> None:
    async def main() -> None:
        middleware = P0fASGIMiddleware(never_called, fake_p0f.socket_path, timeout=30)
        fake_p0f.stall()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(middleware(SCOPE, receive, send), 0.05)
        fake_p0f.resume()
        await middleware.source.close()

    asyncio.run(main())


def test_a_time_limit_of_trio_leaves_a_lookup() -> None:
    async def lookup(_: str) -> None:
        await trio.sleep(30)

    async def main() -> bool:
        middleware = P0fASGIMiddleware(never_called, SimpleNamespace(lookup=lookup))
        with trio.move_on_after(0.05) as scope:
            await middleware(SCOPE, receive, send)
        return scope.cancelled_caught

    assert trio.run(main)


def test_a_time_limit_of_gevent_leaves_a_lookup() -> None:
    gevent = pytest.importorskip("gevent")

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        WSGI(SimpleNamespace(lookup=lambda _: gevent.sleep(30))).request()


# Counts


def test_lookups_are_counted_by_status_and_verdict_for_any_source(wrap: Wrap) -> None:
    before = lookup_counts()
    middleware = wrap(KnownAfter())
    for _ in range(3):
        middleware.request(headers=[("User-Agent", LINUX)])  # one lookup: the others are held
    wrap(KnownAfter(NEVER), grace=0, claims=False).request()

    now = lookup_counts()
    more = {kind: now[kind] - before.get(kind, 0) for kind in now}
    assert {kind: count for kind, count in more.items() if count} == {
        (P0fStatus.OK, ClaimVerdict.AGREE): 1,
        (P0fStatus.NO_MATCH, None): 1,
    }
