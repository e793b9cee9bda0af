"""One request's lookup, sync and async: grace, what is held, deadlines, and failures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from p0f_middleware import (
    ClaimVerdict,
    P0fASGIMiddleware,
    P0fInfo,
    P0fStatus,
    P0fTimeout,
    P0fUnavailable,
    lookup_counts,
)
from p0f_middleware._daemon.protocol import P0F_3, write_answer
from p0f_middleware._outcome import Outcome
from p0f_middleware._request import visitor
from p0f_middleware._request.hold import ASK_ONCE_MORE_AFTER
from p0f_middleware._visitor import Visitor
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import Clock
from .middlewares import (
    HOST,
    OTHER,
    PORT,
    Failing,
    KnownAfter,
    Middleware,
    ServerObject,
    Telling,
    receive,
    send,
)

Wrap = Callable[..., Middleware]

NEVER = float("inf")
NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "not seen")
WITHOUT_HTTP = P0fInfo(os_name="Linux")
WINDOWS_10 = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0"
LINUX = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0.0.0"
PROXY = "10.0.0.1"


def status(middleware: Middleware, *args: Any, **more: Any) -> P0fStatus:
    found: P0fStatus = middleware.request(*args, **more)["p0f.status"]
    return found


# Grace


@pytest.mark.parametrize("questions", [1, 2, 3, 6])
def test_a_client_is_waited_for_until_it_is_known(wrap: Wrap, clock: Clock, questions: int) -> None:
    assert wrap(KnownAfter(questions)).request()["p0f.info"] is SAMPLE
    assert len(clock.pauses) == questions - 1


def test_a_client_that_stays_unknown_costs_the_grace(wrap: Wrap, clock: Clock) -> None:
    assert status(wrap(KnownAfter(NEVER), grace=0.05)) == "no_match"
    assert sum(clock.pauses) == pytest.approx(0.05)


def test_a_client_that_stayed_unknown_is_not_waited_for_again(wrap: Wrap, clock: Clock) -> None:
    source = KnownAfter(NEVER)
    middleware = wrap(source)
    middleware.request()
    clock.pauses.clear()
    source.asked.clear()
    middleware.request()

    assert (clock.pauses, source.asked) == ([], [HOST])


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


def test_after_the_grace_the_addresss_fingerprint_is_told(wrap: Wrap, clock: Clock) -> None:
    keys = wrap(Telling(lambda *_: BY_ADDRESS), grace=0.05).request()

    assert (keys["p0f.status"], keys["p0f.info"].source) == ("ok", "address")
    assert sum(clock.pauses) == pytest.approx(0.05)


def test_where_the_port_is_not_known_there_is_nothing_to_wait_for(wrap: Wrap, clock: Clock) -> None:
    wrap(Telling(lambda *_: BY_ADDRESS)).request((HOST, None))

    assert clock.pauses == []


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


def test_every_question_of_a_request_has_the_same_deadline(wrap: Wrap, clock: Clock) -> None:
    began = clock.now
    source = Telling(lambda *_: NO_MATCH)
    source.timeout = 0.1  # type: ignore[attr-defined]
    wrap(source, grace=0.01).request()

    assert len(source.deadlines) > 2
    assert set(source.deadlines) == {began + 0.1 + 0.01}


@pytest.mark.parametrize("seconds", [0.001, 0.03, 0.06, 0.099, 0.11, 5])
def test_a_slow_source_is_not_asked_beyond_the_deadline(
    wrap: Wrap, clock: Clock, seconds: float
) -> None:
    asked_at: list[float] = []

    def slow(_visitor: Any, _deadline: float) -> Outcome:
        asked_at.append(clock.now)
        clock.now += seconds
        return NO_MATCH

    source = Telling(slow)
    wrap(source).request()
    assert max(asked_at) <= source.deadlines[0]


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


def test_a_p0f_that_is_slow_and_knows_nobody_holds_a_request_no_longer_than_it_may(
    wrap: Wrap, fake_p0f: FakeP0f
) -> None:
    def late(_: str) -> bytes:
        time.sleep(0.2)
        return write_answer(None, P0F_3)

    fake_p0f.answer_with(late)
    middleware = wrap(fake_p0f.socket_path, timeout=0.8, grace=0.2)
    began = time.monotonic()
    assert status(middleware) == "no_match"
    # 1 s by the options. Were grace the pauses alone, ten questions would take 2 s and more.
    assert time.monotonic() - began < 1.8


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


# Hold


def test_requests_of_one_connection_get_what_the_first_was_told(wrap: Wrap, clock: Clock) -> None:
    source = KnownAfter(info=P0fInfo(os_name="Linux", http_name="Firefox"))
    middleware = wrap(source)
    first = middleware.request()
    source.info = SAMPLE
    clock.now += 9.9

    assert middleware.request()["p0f.info"] is first["p0f.info"]
    assert source.asked == [HOST]


@pytest.mark.parametrize(("seconds", "questions"), [(3, 2), (0, 3)])
def test_it_is_asked_again_when_the_time_is_over(
    wrap: Wrap, clock: Clock, seconds: float, questions: int
) -> None:
    source = KnownAfter()
    middleware = wrap(source, hold=seconds)
    for later in (0.0, 2.9, 0.2):
        clock.now += later
        middleware.request()

    assert len(source.asked) == questions


@pytest.mark.parametrize("other", [(HOST, PORT + 1), (OTHER, PORT)], ids=str)
def test_another_connection_is_asked_about(wrap: Wrap, other: tuple[str, int]) -> None:
    source = KnownAfter()
    middleware = wrap(source)
    middleware.request()
    middleware.request(other)

    assert source.asked == [HOST, other[0]]


@pytest.mark.parametrize(
    ("peer", "questions"),
    [
        *((peer, 2) for peer in [(HOST,), (HOST, 0), (HOST, "0"), (HOST, None), (HOST, "x")]),
        *((peer, 2) for peer in [(HOST, 70000), (HOST, [])]),
        *((peer, 1) for peer in [(HOST, str(PORT)), [HOST, PORT], (f"{HOST}:{PORT}",)]),
        ((f"[2001:db8::1]:{PORT}",), 1),
    ],
    ids=str,
)
def test_it_is_held_where_there_is_a_port_however_the_server_puts_it(
    wrap: Wrap, peer: Any, questions: int
) -> None:
    source = KnownAfter()
    middleware = wrap(source)

    assert [status(middleware, peer), status(middleware, peer)] == ["ok", "ok"]
    assert len(source.asked) == questions


@pytest.mark.usefixtures("clock")
def test_no_match_is_not_held(wrap: Wrap) -> None:
    source = KnownAfter(2)
    middleware = wrap(source, grace=0)

    assert [status(middleware), status(middleware)] == ["no_match", "ok"]


def test_a_failure_is_not_held(wrap: Wrap) -> None:
    source = Failing(P0fUnavailable("no socket"))
    middleware = wrap(source)

    assert [status(middleware), status(middleware)] == ["unavailable", "unavailable"]
    assert source.asked == [HOST, HOST]


@pytest.mark.parametrize(
    ("first", "last", "queries"),
    [("close", "keep-alive", 2), (" Close", "close", 2), ("keep-alive", "close", 1)],
)
def test_what_the_last_request_of_a_connection_is_told_is_not_held(
    wrap: Wrap, first: str, last: str, queries: int
) -> None:
    source = KnownAfter()
    middleware = wrap(source)
    middleware.request(headers=[("Connection", first)])
    middleware.request(headers=[("Connection", last)])

    assert len(source.asked) == queries


def test_the_last_request_of_a_connection_is_told_what_the_others_were(
    wrap: Wrap, clock: Clock
) -> None:
    source = KnownAfter(info=P0fInfo(os_name="Linux"))  # asked once more, for the HTTP client
    middleware = wrap(source)
    middleware.request()
    clock.now += 1.5
    source.info = P0fInfo(os_name="Windows")  # another machine behind the address

    found = middleware.request(headers=[("Connection", "close")])
    assert (found["p0f.info"].os_name, len(source.asked)) == ("Linux", 2)


def test_a_proxys_connection_may_end_after_each_request_of_a_held_client(wrap: Wrap) -> None:
    source = KnownAfter()
    middleware = wrap(source, trusted_proxies=PROXY)
    for port in (1, 2):
        headers = [("X-Forwarded-For", "192.0.2.1:51008"), ("Connection", "close")]
        middleware.request((PROXY, port), headers)

    assert len(source.asked) == 1


@pytest.mark.parametrize(
    ("client", "more", "queries"),
    [
        ("192.0.2.1:51008", {}, 1),
        ("[2001:db8::1]:51008", {}, 1),
        ("192.0.2.1", {"X-Client-Port": "51008"}, 1),
        ("192.0.2.1", {}, 2),
        ("192.0.2.1", {"X-Client-Port": "x"}, 2),
    ],
)
def test_behind_a_proxy_it_is_held_where_the_clients_port_is_named(
    wrap: Wrap, client: str, more: dict[str, str], queries: int
) -> None:
    source = KnownAfter()
    middleware = wrap(source, trusted_proxies=PROXY, client_port_header="X-Client-Port")
    headers = [("X-Forwarded-For", client), *more.items()]
    # the proxy's own connection is another each time, and says nothing of the client's
    middleware.request((PROXY, 1), headers)
    middleware.request((PROXY, 2), headers)

    assert len(source.asked) == queries


def test_visitors_on_one_connection_of_a_proxy_are_told_apart(wrap: Wrap) -> None:
    source = KnownAfter()
    middleware = wrap(source, trusted_proxies=PROXY)
    for client in (f"{HOST}:1", f"{OTHER}:1", f"{HOST}:2", f"{HOST}:1"):
        middleware.request((PROXY, 1), [("X-Forwarded-For", client)])

    assert source.asked == [HOST, OTHER, HOST]


def test_a_proxy_that_names_nobody_is_not_taken_for_the_visitor(wrap: Wrap) -> None:
    source = KnownAfter()
    middleware = wrap(source, trusted_proxies=PROXY)
    silent = middleware.request((PROXY, 1))
    middleware.request((PROXY, 1), [("X-Forwarded-For", HOST)])

    assert (silent["p0f.status"], silent["p0f.address"]) == ("no_address", None)
    assert "sent no X-Forwarded-For" in silent["p0f.reason"]
    assert source.asked == [HOST]


def test_a_held_connection_that_claims_something_else_gets_a_new_claim(wrap: Wrap) -> None:
    middleware = wrap(KnownAfter())
    agents = (LINUX, WINDOWS_10, LINUX)
    verdicts = [
        middleware.request(headers=[("User-Agent", agent)])["p0f.claim"].verdict for agent in agents
    ]

    assert verdicts[0] == verdicts[2] == ClaimVerdict.AGREE
    assert verdicts[1] != ClaimVerdict.AGREE


HTTP_SEEN = P0fInfo(os_name="Linux", http_name="Firefox")
ANOTHER_MACHINE = P0fInfo(os_name="Windows", http_name="Chrome")


@pytest.mark.parametrize(
    ("info", "told"), [(HTTP_SEEN, HTTP_SEEN), (ANOTHER_MACHINE, WITHOUT_HTTP)]
)
def test_what_p0f_learns_from_http_is_asked_for_once_more_and_told_of_the_same_machine(
    wrap: Wrap, clock: Clock, info: P0fInfo, told: P0fInfo
) -> None:
    source = KnownAfter(info=WITHOUT_HTTP)
    middleware = wrap(source)
    middleware.request()
    clock.now += ASK_ONCE_MORE_AFTER + 0.1
    source.info = info

    assert [middleware.request()["p0f.info"] for _ in range(2)] == [told] * 2
    assert source.asked == [HOST, HOST]


def test_what_p0f_never_learns_is_asked_for_once(wrap: Wrap, clock: Clock) -> None:
    source = KnownAfter(info=WITHOUT_HTTP)
    middleware = wrap(source)
    for _ in range(8):
        middleware.request()
        clock.now += ASK_ONCE_MORE_AFTER + 0.1

    assert source.asked == [HOST, HOST]


class AtOnce:
    """A source as Syn is one: it serves ASGI as it is."""

    answers_at_once = True

    def __init__(self) -> None:
        self.asked = 0

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        self.asked += 1
        return OF_THE_CONNECTION


def test_what_answers_at_once_is_asked_each_time(wrap: Wrap) -> None:
    source = AtOnce()
    middleware = wrap(source)

    assert [status(middleware), status(middleware)] == ["ok", "ok"]
    assert source.asked == 2


def test_what_reads_the_connection_is_held_while_it_is_the_servers_same_one(wrap: Wrap) -> None:
    source = AtOnce()
    middleware = wrap(source)
    one, other = ServerObject(), ServerObject()
    for connection, port, asked in ((one, 1, 1), (one, 1, 1), (one, 2, 2), (other, 1, 3)):
        middleware.request((HOST, port), **middleware.showing(connection))
        assert source.asked == asked


def test_what_a_proxy_said_is_not_held_for_a_direct_connection(wrap: Wrap) -> None:
    source = AtOnce()
    middleware = wrap(source, trusted_proxies=PROXY)
    connection = ServerObject()
    middleware.request((PROXY, 1), [("X-Forwarded-For", f"{HOST}:{PORT}")])
    middleware.request((HOST, PORT), **middleware.showing(connection))

    assert source.asked == 2


# Failures


@pytest.mark.usefixtures("nothing_logged_yet")
@pytest.mark.parametrize(
    "error",
    [RuntimeError("bug"), OSError("bug"), KeyError("bug"), ValueError("bug"), StopIteration()],
    ids=repr,
)
def test_whatever_a_source_raises_does_not_get_out(wrap: Wrap, error: Exception) -> None:
    keys = wrap(Failing(error)).request()

    assert (keys["p0f.info"], keys["p0f.status"]) == (None, "unavailable")
    assert "bug" not in keys["p0f.reason"]


@pytest.mark.usefixtures("nothing_logged_yet")
@pytest.mark.parametrize("outcome", [None, 7, (), (1, 2), {}, "ok", object()], ids=repr)
def test_what_is_no_outcome_is_a_failure(wrap: Wrap, outcome: Any) -> None:
    assert status(wrap(Telling(lambda *_: outcome))) == "unavailable"


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


def test_an_outage_is_logged_by_the_client_alone(
    wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = wrap("/nonexistent/p0f.sock")
    for _ in range(3):
        middleware.request()

    records = [record for record in caplog.records if record.name == "p0f_middleware"]
    assert len(records) == 1


@pytest.mark.parametrize("when", ["asked", "claims are read"])
@pytest.mark.parametrize("claims", [False, True])
@pytest.mark.usefixtures("nothing_logged_yet")
def test_a_failure_anywhere_leaves_all_the_keys(
    wrap: Wrap, monkeypatch: pytest.MonkeyPatch, when: str, claims: bool
) -> None:
    name = "claims" if when == "claims are read" else "_peer_key"

    def broken(_: Any) -> Any:
        raise KeyError(name)

    for kind in (visitor.WSGIVisitor, visitor.ASGIVisitor):
        monkeypatch.setattr(kind, name, broken)
    keys = wrap(KnownAfter(), claims=claims).request()
    expected = {"p0f.info", "p0f.status", "p0f.reason", "p0f.address"}
    expected |= {"p0f.claim"} if claims else set()
    assert keys.keys() == expected


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


def test_a_cancelled_request_is_cancelled_while_it_waits_for_p0f(fake_p0f: FakeP0f) -> None:
    async def app(*_: Any) -> None:
        raise AssertionError("the application was called")

    async def main() -> None:
        middleware = P0fASGIMiddleware(app, fake_p0f.socket_path, timeout=30)
        fake_p0f.stall()
        scope = {"type": "http", "client": (HOST, PORT), "headers": []}
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(middleware(scope, receive, send), 0.05)
        fake_p0f.resume()
        await middleware.source.close()

    asyncio.run(main())


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
