"""P0fASGIMiddleware: a scope with two more keys, and nothing else changed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from p0f_middleware import AsyncP0f, P0fASGIMiddleware, P0fInfo, P0fStatus, P0fUnavailable
from p0f_middleware._daemon import connection
from p0f_middleware._request import async_lookup, failure
from p0f_middleware.claim import check_claim
from p0f_middleware.testing import SAMPLE, FakeP0f

HOST = "192.0.2.1"


class KnownAfter:
    """A source that comes to know every host when it is asked often enough."""

    def __init__(self, questions: float) -> None:
        self.questions = questions
        self.asked: list[str] = []

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        self.asked.append(ip_address)
        return SAMPLE if len(self.asked) >= self.questions else None


class Failing:
    """A source that raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        raise self.error


class App:
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append((scope, receive, send))


async def receive() -> dict[str, Any]:
    raise AssertionError("the middleware received a message")


async def send(message: Any) -> None:
    raise AssertionError("the middleware sent a message")


def make_scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "headers": [(b"host", b"example.org")],
        "client": (HOST, 50000),
    } | more


async def call(middleware: P0fASGIMiddleware, scope: dict[str, Any]) -> Any:
    """One request; returns the scope that the application gets."""
    app = App()
    middleware.app = app
    await middleware(scope, receive, send)
    [(handed_on, its_receive, its_send)] = app.calls
    assert its_receive is receive
    assert its_send is send
    return handed_on


def added(source: Any, scope: dict[str, Any] | None = None, **options: Any) -> tuple[Any, Any]:
    """What the middleware puts into the scope."""
    middleware = P0fASGIMiddleware(App(), source, **options)
    handed_on = asyncio.run(call(middleware, make_scope() if scope is None else scope))
    return handed_on["p0f.info"], handed_on["p0f.status"]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses the middleware makes, instead of making them."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(async_lookup, "sleep", sleep)
    return pauses


# What is added


@pytest.mark.parametrize("scope_type", ["http", "websocket"])
@pytest.mark.parametrize(("known", "seen"), [(SAMPLE, (SAMPLE, "ok")), (None, (None, "no_match"))])
def test_the_status_tells_a_known_client_from_an_unknown_one(
    fake_p0f: FakeP0f, scope_type: str, known: P0fInfo | None, seen: tuple[Any, str]
) -> None:
    fake_p0f.default = known

    async def main() -> Any:
        async with AsyncP0f(fake_p0f.socket_path) as source:
            return await call(P0fASGIMiddleware(App(), source), make_scope(type=scope_type))

    scope = asyncio.run(main())
    assert (scope["p0f.info"], scope["p0f.status"]) == seen


def test_without_p0f_it_is_unavailable() -> None:
    assert added("/nonexistent/p0f.sock") == (None, "unavailable")


@pytest.mark.parametrize(
    "client",
    [None, ("testclient", 50000), ["testclient", 50000], ("", "0"), ("", 0), (None, None), (), []],
)
def test_without_an_address_nothing_is_asked(client: Any) -> None:
    source = KnownAfter(1)

    assert added(source, make_scope(client=client)) == (None, "no_address")
    assert source.asked == []


def test_without_client_in_the_scope_nothing_is_asked() -> None:
    scope = make_scope()
    del scope["client"]

    assert added(KnownAfter(1), scope) == (None, "no_address")


@pytest.mark.parametrize(
    "client", [(HOST, 1), [HOST, 1], (HOST, "1"), ("::ffff:192.0.2.1", 1), (HOST, None)]
)
def test_the_client_is_asked_for_however_the_server_puts_it(client: Any) -> None:
    source = KnownAfter(1)
    added(source, make_scope(client=client))

    assert source.asked == [HOST]


def test_the_status_is_an_enum_member() -> None:
    assert added(KnownAfter(1))[1] is P0fStatus.OK


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"grace": -1},
        {"grace": float("nan")},
        {"trusted_proxies": "proxy"},
        {"trusted_proxies": ["10.0.0.1/8"]},
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        P0fASGIMiddleware(App(), "/run/p0f.sock", **options)


# Proxies


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-forwarded-for", b"6.6.6.6, 192.0.2.1")],
        [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"192.0.2.1")],
        [(b"x-forwarded-for", b"192.0.2.1:51008, 10.0.0.2")],
        [[b"x-forwarded-for", b"192.0.2.1"], [b"forwarded", b"for=6.6.6.6"]],
        [(b"x_forwarded_for", b"6.6.6.6"), (b"x-forwarded-for", b"192.0.2.1")],
        ((b"x-forwarded-for", bytearray(b"\xff\xfe, 192.0.2.1")),),
    ],
)
@pytest.mark.parametrize(
    ("client", "server"),
    [
        (("10.0.0.1", 1), ("192.0.2.9", 80)),
        (None, ("/run/app.sock", None)),
        (("", "0"), ("/run/app.sock", "0")),
        (("", "0"), None),
    ],
)
def test_behind_a_trusted_proxy_its_client_is_asked_for(
    headers: Any, client: Any, server: Any
) -> None:
    source = KnownAfter(1)
    scope = make_scope(client=client, server=server, headers=headers)
    added(source, scope, trusted_proxies=["10.0.0.0/8", "unix:"])

    assert source.asked == [HOST]


@pytest.mark.parametrize("trusted_proxies", [(), ["10.0.0.0/8"]])
def test_from_anybody_else_a_header_is_not_believed(trusted_proxies: Any) -> None:
    source = KnownAfter(1)
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"forwarded", b"for=6.6.6.6")]
    added(source, make_scope(headers=headers), trusted_proxies=trusted_proxies)

    assert source.asked == [HOST]


@pytest.mark.parametrize("server", [None, ("192.0.2.9", 80), (), ("", None)])
def test_a_missing_address_is_not_taken_for_a_unix_socket(server: Any) -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6")]
    scope = make_scope(client=None, server=server, headers=headers)

    assert added(KnownAfter(1), scope, trusted_proxies="unix:") == (None, "no_address")


def test_the_client_is_named_by_the_one_header_the_proxy_writes() -> None:
    source = KnownAfter(1)
    headers = [(b"forwarded", b'for="6.6.6.6"'), (b"forwarded", b"for=192.0.2.1")]
    scope = make_scope(client=("10.0.0.1", 1), headers=headers)
    added(source, scope, trusted_proxies="10.0.0.1", client_header="Forwarded")

    assert source.asked == [HOST]


# Grace


@pytest.mark.parametrize("questions", [2, 3, 6])
def test_a_client_that_becomes_known_within_the_grace_is_found(
    questions: int, pauses: list[float]
) -> None:
    assert added(KnownAfter(questions)) == (SAMPLE, "ok")
    assert len(pauses) == questions - 1


def test_a_client_that_stays_unknown_costs_the_grace(pauses: list[float]) -> None:
    added(KnownAfter(float("inf")), grace=0.05)

    assert sum(pauses) == pytest.approx(0.05)


def test_a_client_that_stayed_unknown_is_not_waited_for_again(pauses: list[float]) -> None:
    source = KnownAfter(float("inf"))
    middleware = P0fASGIMiddleware(App(), source)
    asyncio.run(call(middleware, make_scope()))
    pauses.clear()
    source.asked.clear()
    asyncio.run(call(middleware, make_scope()))

    assert (pauses, source.asked) == ([], [HOST])


def test_without_grace_it_is_asked_once(pauses: list[float]) -> None:
    source = KnownAfter(2)

    assert added(source, grace=0) == (None, "no_match")
    assert (pauses, source.asked) == ([], [HOST])


# Failures


@pytest.fixture
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure, "_said", set())


@pytest.mark.usefixtures("nothing_said_yet")
@pytest.mark.parametrize(
    "error",
    [RuntimeError("bug"), OSError("bug"), KeyError("bug"), ValueError("bug"), TypeError("bug")],
    ids=repr,
)
def test_whatever_a_source_raises_does_not_get_out(error: Exception) -> None:
    assert added(Failing(error)) == (None, "unavailable")


@pytest.mark.usefixtures("nothing_said_yet")
def test_what_a_source_raises_is_logged_once_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Failing(RuntimeError("bug"))
    for _ in range(3):
        added(source)

    errors = [record for record in caplog.records if record.name == "p0f_middleware"]
    assert [(r.levelno, r.exc_info and r.exc_info[1]) for r in errors] == [
        (logging.ERROR, source.error)
    ]


def test_a_cancelled_request_is_cancelled() -> None:
    with pytest.raises(asyncio.CancelledError):
        added(Failing(asyncio.CancelledError()))


# The application's own


def test_the_servers_scope_is_not_changed() -> None:
    scope = make_scope()
    before = dict(scope)
    added(KnownAfter(1), scope)

    assert scope == before


def test_only_four_keys_are_added() -> None:
    scope = make_scope(state={"key": "value"})
    handed_on = asyncio.run(call(P0fASGIMiddleware(App(), KnownAfter(1)), scope))

    assert handed_on == scope | {
        "p0f.info": SAMPLE,
        "p0f.status": "ok",
        "p0f.reason": None,
        "p0f.claim": check_claim(SAMPLE, None),
    }


def test_what_is_in_the_scope_is_handed_on_as_it_is() -> None:
    scope = make_scope(state={"key": "value"})
    handed_on = asyncio.run(call(P0fASGIMiddleware(App(), KnownAfter(1)), scope))

    assert handed_on["state"] is scope["state"]


@pytest.mark.parametrize("scope_type", ["lifespan", "http2", "p0f"])
def test_a_scope_of_another_type_passes_through_itself(scope_type: str) -> None:
    scope = {"type": scope_type}

    assert asyncio.run(call(P0fASGIMiddleware(App(), KnownAfter(1)), scope)) is scope


@pytest.mark.parametrize("scope_type", ["http", "websocket", "lifespan", "http2"])
def test_an_exception_of_the_application_is_the_servers_business(scope_type: str) -> None:
    error = P0fUnavailable("raised by the application itself")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    middleware = P0fASGIMiddleware(app, KnownAfter(1))
    with pytest.raises(P0fUnavailable) as raised:
        asyncio.run(middleware(make_scope(type=scope_type), receive, send))
    assert raised.value is error


def test_an_application_of_asgi_2_is_called_as_it_expects() -> None:
    seen: list[object] = []

    class App2:
        def __init__(self, scope: Any) -> None:
            seen.append(scope["p0f.info"])

        async def __call__(self, receive: Any, send: Any) -> None:
            seen.extend((receive, send))

    asyncio.run(P0fASGIMiddleware(App2, KnownAfter(1))(make_scope(), receive, send))
    assert seen == [SAMPLE, receive, send]


# The lifespan


async def lifespan_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def test_the_lifespan_passes_through_and_ends_with_the_connection_closed(
    fake_p0f: FakeP0f,
) -> None:
    sent: list[str] = []
    open_before = set(connection._open)

    async def main() -> None:
        middleware = P0fASGIMiddleware(lifespan_app, fake_p0f.socket_path)
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def note(message: Any) -> None:
            sent.append(message["type"])

        lifespan = asyncio.create_task(middleware({"type": "lifespan"}, messages.get, note))
        await messages.put({"type": "lifespan.startup"})
        await middleware(make_scope(), receive, send)
        assert connection._open > open_before
        await messages.put({"type": "lifespan.shutdown"})
        await lifespan

    asyncio.run(main())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert connection._open <= open_before


def test_an_application_without_lifespan_gets_its_connection_closed_all_the_same(
    fake_p0f: FakeP0f,
) -> None:
    open_before = set(connection._open)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError

    async def main() -> None:
        middleware = P0fASGIMiddleware(app, fake_p0f.socket_path)
        await middleware(make_scope(), receive, send)
        with pytest.raises(NotImplementedError):
            await middleware({"type": "lifespan"}, receive, send)

    asyncio.run(main())
    assert connection._open <= open_before


def test_a_client_of_the_users_own_is_left_open(fake_p0f: FakeP0f) -> None:
    async def main() -> None:
        async with AsyncP0f(fake_p0f.socket_path) as source:
            middleware = P0fASGIMiddleware(App(), source)
            await middleware(make_scope(), receive, send)
            await middleware({"type": "lifespan"}, receive, send)
            await middleware(make_scope(), receive, send)

    asyncio.run(main())
    assert fake_p0f.connections == 1
