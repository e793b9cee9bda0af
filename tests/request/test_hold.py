"""Hold: what one connection gets, for a while, and nobody else."""

from __future__ import annotations

import gc
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from p0f_middleware import P0fInfo, P0fStatus, P0fUnavailable, P0fWSGIMiddleware
from p0f_middleware._outcome import Outcome
from p0f_middleware._request import hold
from p0f_middleware._request.hold import ASK_ONCE_MORE_AFTER
from p0f_middleware._visitor import Visitor
from p0f_middleware.testing import SAMPLE

from .conftest import Clock
from .middlewares import (
    HOST,
    OTHER,
    PORT,
    PROXY,
    Failing,
    KnownAfter,
    ServerObject,
    Wrap,
    status,
)

WITHOUT_HTTP = P0fInfo(os_name="Linux")
HTTP_SEEN = P0fInfo(os_name="Linux", http_name="Firefox")
ANOTHER_MACHINE = P0fInfo(os_name="Windows", http_name="Chrome")
BY_SYN = P0fInfo(os_name="Linux", source="syn")


class AtOnce:
    """A source as Syn is one: it serves ASGI as it is."""

    answers_at_once = True

    def __init__(self) -> None:
        self.asked = 0

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        self.asked += 1
        return Outcome(BY_SYN, P0fStatus.OK, None)


def test_requests_of_one_connection_get_what_the_first_was_told(wrap: Wrap, clock: Clock) -> None:
    source = KnownAfter(info=HTTP_SEEN)
    middleware = wrap(source)
    first = middleware.request()
    source.info = SAMPLE
    clock.now += 9.9

    assert middleware.request()["p0f.info"] is first["p0f.info"]
    assert source.asked == [HOST]


@pytest.mark.parametrize(
    ("seconds", "info", "questions"),
    [(3, SAMPLE, 2), (0, SAMPLE, 5), (0.5, WITHOUT_HTTP, 4)],
)
def test_it_is_asked_again_when_the_time_is_over(
    wrap: Wrap, clock: Clock, seconds: float, info: P0fInfo, questions: int
) -> None:
    source = KnownAfter(info=info)
    middleware = wrap(source, hold=seconds)
    for later in (0.0, 0.6, 2.3, 0.2, 2.9):
        clock.now += later
        middleware.request()

    assert len(source.asked) == questions


def asked(wrap: Wrap, requests: list[tuple[Any, dict[str, str]]]) -> list[str]:
    """Whom the source is asked for by requests of peers with headers."""
    source = KnownAfter()
    middleware = wrap(source, trusted_proxies=PROXY, client_port_header="X-Client-Port")
    for peer, headers in requests:
        assert status(middleware, peer, headers.items()) == "ok"
    return source.asked


def test_another_connection_is_asked_about(wrap: Wrap) -> None:
    peers = [(HOST, PORT), (HOST, PORT + 1), (OTHER, PORT)]

    assert asked(wrap, [(peer, {}) for peer in peers]) == [HOST, HOST, OTHER]


@pytest.mark.parametrize(
    ("peer", "times"),
    [
        *(((HOST, *port), 2) for port in [(), (0,), ("0",), (None,), ("x",), (70000,), ([],)]),
        *((peer, 1) for peer in [(HOST, str(PORT)), [HOST, PORT], (f"{HOST}:{PORT}",)]),
        *((peer, 1) for peer in [(f"{HOST}:{PORT}", "x"), (f"[2001:db8::1]:{PORT}",)]),
    ],
    ids=str,
)
def test_it_is_held_where_there_is_a_port_however_the_server_puts_it(
    wrap: Wrap, peer: Any, times: int
) -> None:
    assert len(asked(wrap, [(peer, {})] * 2)) == times


@pytest.mark.parametrize(
    ("first", "last", "times"),
    [("close", "keep-alive", 2), (" Close", "close", 2), ("keep-alive", "close", 1)],
)
def test_what_the_last_request_of_a_connection_is_told_is_not_held(
    wrap: Wrap, first: str, last: str, times: int
) -> None:
    requests = [((HOST, PORT), {"Connection": value}) for value in (first, last)]

    assert len(asked(wrap, requests)) == times


@pytest.mark.parametrize(
    ("client", "more", "times"),
    [
        ("192.0.2.1:51008", {}, 1),
        ("192.0.2.1:51008", {"Connection": "close"}, 1),  # that is the proxy's
        ("[2001:db8::1]:51008", {}, 1),
        ("192.0.2.1", {"X-Client-Port": "51008"}, 1),
        ("192.0.2.1", {}, 2),
        ("192.0.2.1", {"X-Client-Port": "x"}, 2),
    ],
)
def test_behind_a_proxy_it_is_held_where_the_clients_port_is_named(
    wrap: Wrap, client: str, more: dict[str, str], times: int
) -> None:
    # the proxy's own connection is another each time, and says nothing of the client's
    requests = [((PROXY, port), {"X-Forwarded-For": client, **more}) for port in (1, 2)]

    assert len(asked(wrap, requests)) == times


def test_visitors_on_one_connection_of_a_proxy_are_told_apart(wrap: Wrap) -> None:
    clients = f"{HOST}:1", f"{OTHER}:1", f"{HOST}:2", f"{HOST}:1"
    requests: list[Any] = [((PROXY, 1), {"X-Forwarded-For": client}) for client in clients]
    direct = (HOST, 1), {"X-Forwarded-For": "6.6.6.6"}

    assert asked(wrap, [*requests, direct]) == [HOST, OTHER, HOST, HOST]


@pytest.mark.parametrize("source", [KnownAfter(3), Failing(P0fUnavailable("no socket"))])
def test_a_request_without_a_fingerprint_has_nothing_held(wrap: Wrap, source: Any) -> None:
    middleware = wrap(source, grace=0)
    source.asked.clear()

    assert "ok" not in (status(middleware), status(middleware))
    assert source.asked == [HOST, HOST]


@pytest.mark.parametrize("info", [{"os_name": "Linux"}, object(), 7], ids=repr)
def test_whatever_a_users_own_source_gives_is_held(wrap: Wrap, info: Any) -> None:
    source = KnownAfter(info=info)
    middleware = wrap(source)

    assert [middleware.request()["p0f.info"] for _ in range(2)] == [info, info]
    assert source.asked == [HOST]


# The server's object of a connection


def test_what_reads_the_connection_is_held_while_the_server_shows_the_same_one(wrap: Wrap) -> None:
    """And with the same peer: uvicorn puts a header's peer into requests of one connection."""
    source = AtOnce()
    middleware = wrap(source)
    one, other, takes_no_weak_reference = ServerObject(), ServerObject(), object()
    for shown, port, times in (
        *((None, 1, 1), (None, 1, 2)),
        *((one, 1, 3), (one, 1, 3), (one, 2, 4), (other, 2, 5)),
        *((takes_no_weak_reference, 1, 6), (takes_no_weak_reference, 1, 7)),
    ):
        middleware.request((HOST, port), **(middleware.showing(shown) if shown else {}))
        assert source.asked == times


def test_what_a_connection_got_is_forgotten_when_it_ends(wrap: Wrap) -> None:
    source = KnownAfter(info=ServerObject())
    told = weakref.ref(source.info)
    middleware = wrap(source)
    connection = ServerObject()
    middleware.request(**middleware.showing(connection))
    source.info = SAMPLE
    middleware.request((OTHER, PORT))
    gc.collect()
    assert told() is not None

    del connection
    gc.collect()
    assert told() is None


def test_of_too_many_pairs_the_oldest_are_forgotten(
    wrap: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "MOST_PAIRS", 3)

    assert asked(wrap, [((HOST, port), {}) for port in (1, 2, 3, 1, 4, 3, 2, 1)]) == [HOST] * 5


def test_threads_may_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "MOST_PAIRS", 4)
    found: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        found.append(environ["p0f.info"] == P0fInfo(os_name=environ["REMOTE_ADDR"]))
        return []

    middleware = P0fWSGIMiddleware(app, SimpleNamespace(lookup=lambda ip: P0fInfo(os_name=ip)))

    def requests(seed: int) -> None:
        for number in range(1, 2000):
            peer = number * seed % 9 + 1
            environ = {"REMOTE_ADDR": f"192.0.2.{peer}", "REMOTE_PORT": peer}
            middleware(environ, lambda *_: lambda _: None)

    threads = [threading.Thread(target=requests, args=(seed,)) for seed in (1, 2, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4 * 1999


# What p0f learns from HTTP comes later than the SYN


@pytest.mark.parametrize(
    ("info", "told"), [(HTTP_SEEN, HTTP_SEEN), (ANOTHER_MACHINE, WITHOUT_HTTP)]
)
@pytest.mark.parametrize("headers", [[], [("Connection", "close")]], ids=str)
def test_what_p0f_learns_from_http_is_asked_for_once_more_and_told_of_the_same_machine(
    wrap: Wrap, clock: Clock, info: P0fInfo, told: P0fInfo, headers: Any
) -> None:
    source = KnownAfter(info=WITHOUT_HTTP)
    middleware = wrap(source)
    middleware.request()
    clock.now += ASK_ONCE_MORE_AFTER + 0.1
    source.info = info

    assert [middleware.request(headers=headers)["p0f.info"] for _ in range(2)] == [told] * 2
    assert source.asked == [HOST, HOST]


@pytest.mark.parametrize(("info", "times"), [(WITHOUT_HTTP, 2), (BY_SYN, 1)])
def test_what_p0f_never_learns_is_asked_for_once(
    wrap: Wrap, clock: Clock, info: P0fInfo, times: int
) -> None:
    source = KnownAfter(info=info)
    middleware = wrap(source)
    connection = middleware.showing(ServerObject())
    for _ in range(8):
        middleware.request(**connection)
        clock.now += ASK_ONCE_MORE_AFTER + 0.1

    assert len(source.asked) == times
