"""P0fASGIMiddleware: a scope with five more keys, and nothing else changed.

What it promises as P0fWSGIMiddleware does is tested over both, in `request`.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from p0f_middleware import AsyncP0f, P0fASGIMiddleware, P0fUnavailable
from p0f_middleware.testing import SAMPLE, FakeP0f

from .daemon.clients import opened
from .request.middlewares import HOST, KnownAfter, awaited, keys_of, receive, send

KEYS = {"p0f.info", "p0f.status", "p0f.reason", "p0f.claim", "p0f.address"}


def make_scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "headers": [(b"host", b"example.org")],
        "client": (HOST, 50000),
    } | more


def handed_on(scope: dict[str, Any], **options: Any) -> Any:
    """The scope that the application gets where every client is known."""
    calls: list[Any] = []

    async def app(*args: Any) -> None:
        calls.append(args)

    middleware = P0fASGIMiddleware(app, awaited(KnownAfter()), **options)
    asyncio.run(middleware(scope, receive, send))
    [(got, its_receive, its_send)] = calls
    assert its_receive is receive
    assert its_send is send
    return got


@pytest.mark.parametrize("scope_type", ["http", "websocket"])
def test_five_keys_are_added_to_a_copy_of_the_servers_scope(scope_type: str) -> None:
    scope = make_scope(type=scope_type, state={"key": "value"})
    before = dict(scope)
    got = handed_on(scope)

    assert {key: value for key, value in got.items() if key in before} == before
    assert got.keys() - before.keys() == KEYS
    assert got["state"] is scope["state"]
    assert scope == before


@pytest.mark.parametrize("scope_type", ["lifespan", "http2", "p0f"])
def test_a_scope_of_another_type_passes_through_itself(scope_type: str) -> None:
    scope = {"type": scope_type}

    assert handed_on(scope) is scope


@pytest.mark.parametrize("scope_type", ["http", "websocket", "lifespan", "http2"])
def test_what_the_application_returns_or_raises_is_the_servers_business(scope_type: str) -> None:
    returned, error = object(), P0fUnavailable("raised by the application itself")
    outcomes = iter([returned, error])

    async def app(scope: Any, receive: Any, send: Any) -> object:
        outcome = next(outcomes)
        if outcome is error:
            raise error
        return outcome

    middleware = P0fASGIMiddleware(app, awaited(KnownAfter()))
    assert asyncio.run(middleware(make_scope(type=scope_type), receive, send)) is returned
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
@pytest.mark.parametrize(("client", "status"), [([HOST, 50000], "ok"), ([], "no_address")])
def test_a_client_that_can_be_read_once_is_read_here_and_reaches_the_application(
    one_shot: Any, client: list[Any], status: str
) -> None:
    got = handed_on(make_scope(client=one_shot(client), headers=iter(HEADERS)))

    assert (list(got["client"]), list(got["headers"])) == (client, HEADERS)
    assert got["p0f.status"] == status


class Broken:
    """Values that a server makes when they are read, and cannot."""

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        raise OSError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("headers", value) for value in (None, (), 7, "x", b"x", [7], [()], [(b"host",)])),
        *(("headers", value) for value in ([(b"user-agent", None)], object())),
        *((name, Broken()) for name in ("headers", "client")),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("options", [{}, {"trusted_proxies": HOST}, {"claims": False}], ids=str)
def test_what_makes_no_sense_breaks_nothing(name: str, value: Any, options: Any) -> None:
    got = handed_on(make_scope(**{name: value}), **options)

    assert got[name] is value
    assert keys_of(got).keys() == KEYS - ({"p0f.claim"} if "claims" in options else set())


# The lifespan


@pytest.mark.parametrize("handles_it", [True, False])
def test_the_lifespan_passes_through_and_ends_with_the_connection_closed(
    fake_p0f: FakeP0f, handles_it: bool
) -> None:
    open_before = opened()
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            if not handles_it:
                raise NotImplementedError
            await send(await receive())

    async def its_receive() -> str:
        return "shutdown"

    async def its_send(message: str) -> None:
        sent.append(message)

    async def main() -> None:
        middleware = P0fASGIMiddleware(app, fake_p0f.socket_path)
        await middleware(make_scope(), receive, send)
        assert opened() > open_before
        ends = nullcontext() if handles_it else pytest.raises(NotImplementedError)
        with ends:
            await middleware({"type": "lifespan"}, its_receive, its_send)  # type: ignore[arg-type]

    asyncio.run(main())
    assert sent == ["shutdown"] * handles_it
    assert opened() <= open_before


def test_a_client_of_the_users_own_is_left_open(fake_p0f: FakeP0f) -> None:
    async def app(*_: Any) -> None: ...

    async def main() -> None:
        async with AsyncP0f(fake_p0f.socket_path) as source:
            middleware = P0fASGIMiddleware(app, source)
            for scope in (make_scope(), {"type": "lifespan"}, make_scope()):
                await middleware(scope, receive, send)

    asyncio.run(main())
    assert fake_p0f.connections == 1
