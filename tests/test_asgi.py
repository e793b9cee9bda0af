"""P0fASGIMiddleware: a scope with five more keys, and nothing else changed.

What it promises as P0fWSGIMiddleware does is tested over both, in `request`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from p0f_middleware import AsyncP0f, P0fASGIMiddleware, P0fInfo, P0fUnavailable
from p0f_middleware.claim import check_claim
from p0f_middleware.testing import SAMPLE, FakeP0f

from .daemon.clients import opened
from .request.middlewares import HOST, KnownAfter, awaited, receive, send


class App:
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append((scope, receive, send))


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
    [(got, its_receive, its_send)] = app.calls
    assert its_receive is receive
    assert its_send is send
    return got


def handed_on(scope: dict[str, Any], **options: Any) -> Any:
    """The scope that the application gets where every client is known."""
    return asyncio.run(call(P0fASGIMiddleware(App(), awaited(KnownAfter()), **options), scope))


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


# The application's own


def test_five_keys_are_added_to_a_copy_of_the_servers_scope() -> None:
    scope = make_scope(state={"key": "value"})
    before = dict(scope)
    got = handed_on(scope)

    assert got == before | {
        "p0f.info": SAMPLE,
        "p0f.status": "ok",
        "p0f.reason": None,
        "p0f.claim": check_claim(SAMPLE, None),
        "p0f.address": HOST,
    }
    assert got["state"] is scope["state"]
    assert scope == before


@pytest.mark.parametrize("scope_type", ["lifespan", "http2", "p0f"])
def test_a_scope_of_another_type_passes_through_itself(scope_type: str) -> None:
    scope = {"type": scope_type}

    assert handed_on(scope) is scope


@pytest.mark.parametrize("scope_type", ["http", "websocket", "lifespan", "http2"])
def test_an_exception_of_the_application_is_the_servers_business(scope_type: str) -> None:
    error = P0fUnavailable("raised by the application itself")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    middleware = P0fASGIMiddleware(app, awaited(KnownAfter()))
    with pytest.raises(P0fUnavailable) as raised:
        asyncio.run(middleware(make_scope(type=scope_type), receive, send))
    assert raised.value is error


class AwaitableApp:
    """An application as Starlette's endpoint classes are: awaiting an object serves the request."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __await__(self) -> Any:
        return serve(*self.args).__await__()


class PlainCall:
    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return serve(scope, receive, send)


class Asgi2:
    def __init__(self, *args: Any, **options: Any) -> None:
        [self.scope] = args

    async def __call__(self, receive: Any, send: Any) -> None:
        await serve(self.scope, receive, send)


def asgi_2(scope: Any) -> Any:
    async def instance(receive: Any, send: Any) -> None:
        await serve(scope, receive, send)

    return instance


async def serve(scope: Any, receive: Any, send: Any) -> None:
    scope["seen"].extend((scope["p0f.info"], receive, send))


@pytest.mark.parametrize(
    "app",
    [
        *(serve, AwaitableApp, PlainCall(), lambda *args: serve(*args), partial(serve)),
        *(lambda scope, receive, send: serve(scope, receive, send), Asgi2, asgi_2),
    ],
)
def test_every_form_of_application_is_called_as_it_expects(app: Any) -> None:
    seen: list[object] = []
    middleware = P0fASGIMiddleware(app, awaited(KnownAfter()))

    asyncio.run(middleware(make_scope(seen=seen), receive, send))
    assert seen == [SAMPLE, receive, send]


# What can be read only once, or was written by strangers


def once(values: list[Any]) -> Any:
    yield from values


HEADERS = [(b"host", b"example.org"), (b"user-agent", b"Mozilla/5.0 (Windows NT 10.0)")]


@pytest.mark.parametrize(
    "one_shot",
    [
        *(list, tuple, iter, once),
        lambda values: map(tuple, values),
        lambda values: [iter(pair) for pair in values],
        lambda values: tuple(map(once, values)),
        lambda values: once([map(bytes, pair) for pair in values]),
    ],
)
@pytest.mark.parametrize(
    "options", [{}, {"claims": False}, {"trusted_proxies": "10.0.0.1"}], ids=str
)
def test_headers_that_can_be_read_once_are_read_here_and_reach_the_application(
    one_shot: Any, options: Any
) -> None:
    got = handed_on(make_scope(headers=one_shot(HEADERS)), **options)

    assert [tuple(pair) for pair in got["headers"]] == HEADERS
    assert got["p0f.status"] == "ok"
    if "claims" not in options:
        assert got["p0f.claim"].claimed == "Windows"


@pytest.mark.parametrize("one_shot", [iter, once])
def test_a_client_that_can_be_read_once_is_read_here_and_reaches_the_application(
    one_shot: Any,
) -> None:
    got = handed_on(make_scope(client=one_shot([HOST, 50000])))

    assert list(got["client"]) == [HOST, 50000]
    assert got["p0f.status"] == "ok"


def test_where_there_is_no_client_the_headers_stay_whole() -> None:
    got = handed_on(make_scope(headers=iter(HEADERS), client=iter([])))

    assert list(got["headers"]) == HEADERS
    assert got["p0f.status"] == "no_address"


class Trouble(Exception):
    """Raised by the server's own object."""


def raising(values: list[Any]) -> Any:
    yield from values
    raise Trouble


@pytest.mark.parametrize("name", ["headers", "client"])
def test_an_iterator_that_raises_breaks_nothing(name: str) -> None:
    values: list[Any] = {"headers": HEADERS, "client": [HOST]}[name]  # type: ignore[assignment]
    got = handed_on(make_scope(**{name: raising(values)}))

    assert got["p0f.status"] in ("ok", "no_address")


class Lazy:
    """Headers that a server makes when they are read, and cannot."""

    def __iter__(self) -> Any:
        raise Trouble


@pytest.mark.parametrize(
    "headers",
    [None, (), 7, "x", b"x", [7], [()], [(b"host",)], [(b"user-agent", None)], Lazy(), object()],
    ids=ascii,
)
@pytest.mark.parametrize("options", [{}, {"trusted_proxies": HOST}], ids=str)
def test_headers_that_make_no_sense_break_nothing(headers: Any, options: Any) -> None:
    got = handed_on(make_scope(headers=headers), **options)

    assert got["headers"] is headers
    assert {"p0f.info", "p0f.status", "p0f.reason", "p0f.claim"} <= got.keys()


@pytest.mark.parametrize("scope_type", ["http", "websocket", "lifespan", "http2"])
def test_what_the_application_returns_is_returned(scope_type: str) -> None:
    returned = object()

    async def app(scope: Any, receive: Any, send: Any) -> object:
        return returned

    middleware = P0fASGIMiddleware(app, awaited(KnownAfter()))
    assert asyncio.run(middleware(make_scope(type=scope_type), receive, send)) is returned


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
    open_before = opened()

    async def main() -> None:
        middleware = P0fASGIMiddleware(lifespan_app, fake_p0f.socket_path)
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def note(message: Any) -> None:
            sent.append(message["type"])

        lifespan = asyncio.create_task(middleware({"type": "lifespan"}, messages.get, note))
        await messages.put({"type": "lifespan.startup"})
        await middleware(make_scope(), receive, send)
        assert opened() > open_before
        await messages.put({"type": "lifespan.shutdown"})
        await lifespan

    asyncio.run(main())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert opened() <= open_before


def test_an_application_without_lifespan_gets_its_connection_closed_all_the_same(
    fake_p0f: FakeP0f,
) -> None:
    open_before = opened()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError

    async def main() -> None:
        middleware = P0fASGIMiddleware(app, fake_p0f.socket_path)
        await middleware(make_scope(), receive, send)
        with pytest.raises(NotImplementedError):
            await middleware({"type": "lifespan"}, receive, send)

    asyncio.run(main())
    assert opened() <= open_before


def test_a_client_of_the_users_own_is_left_open(fake_p0f: FakeP0f) -> None:
    async def main() -> None:
        async with AsyncP0f(fake_p0f.socket_path) as source:
            middleware = P0fASGIMiddleware(App(), source)
            await middleware(make_scope(), receive, send)
            await middleware({"type": "lifespan"}, receive, send)
            await middleware(make_scope(), receive, send)

    asyncio.run(main())
    assert fake_p0f.connections == 1
