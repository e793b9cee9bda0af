"""Each server's way to the socket of a request, and the words where there is none.

tests/real/test_servers.py asks the servers themselves.
"""

from __future__ import annotations

import asyncio
import io
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial, wraps
from types import SimpleNamespace
from typing import Any

import pytest

from p0f_middleware._visitor import NoConnection
from p0f_middleware.syn import servers
from p0f_middleware.syn.kernel import peer_of
from p0f_middleware.syn.servers import asgi_object, asgi_socket, wsgi_object, wsgi_socket

from .connections import connection

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs getpeername")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def sock(listener: socket.socket) -> Iterator[socket.socket]:
    """The server's end of a connection."""
    with connection(listener) as accepted:
        yield accepted


def like(package: str, **attributes: object) -> Any:
    """An object of a class of that package."""
    kind = type("Thing", (), {"__module__": f"{package}.inside", **attributes})
    return kind()


# WSGI


@pytest.mark.parametrize(
    "environ_of",
    [
        lambda sock, file: {"gunicorn.socket": sock},
        lambda sock, file: {"werkzeug.socket": sock},
        lambda sock, file: {
            "waitress.client_disconnected": like("waitress", socket=sock, ask=call).ask
        },
        lambda sock, file: {"wsgi.input": like("cheroot", rfile=file)},
        lambda sock, file: {"wsgi.input": like("gevent", rfile=file)},
        lambda sock, file: {"wsgi.input": file},
        lambda sock, file: {"wsgi.input": like("django", _read=file.read)},
    ],
    ids=["gunicorn", "Werkzeug", "waitress", "cheroot", "gevent", "wsgiref", "Django"],
)
def test_a_wsgi_servers_socket_is_found_and_is_the_connections_object(
    environ_of: Callable[..., dict[str, Any]], sock: socket.socket
) -> None:
    with sock.makefile("rb") as file:
        environ = environ_of(sock, file)
        assert wsgi_socket(environ) is wsgi_object(environ) is sock
    sock.close()
    with pytest.raises(NoConnection, match="the connection is closed"):
        wsgi_socket({"gunicorn.socket": sock})


@pytest.mark.parametrize("option", ["http-socket", "http", "https", "http-to"])
def test_uwsgi_gives_a_descriptor_but_not_behind_its_router(
    option: str, sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = SimpleNamespace(opt={option: b":80"}, connection_fd=sock.fileno)
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    environ = {"uwsgi.version": b"2.0"}
    assert wsgi_object(environ) is None
    if option == "http-socket":
        assert wsgi_socket(environ).fileno() == sock.fileno()
        assert peer_of(wsgi_socket(environ)) == sock.getpeername()
    else:
        with pytest.raises(NoConnection, match="router keeps the connection to itself; use http-"):
            wsgi_socket(environ)


WSGI_REMEDY = (
    "does not expose the request's socket; gunicorn, uWSGI (http-socket), waitress, CherryPy,"
    " gevent, Werkzeug and wsgiref do, if P0fWSGIMiddleware is the outermost middleware"
)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        *({"wsgi.input": stream} for stream in (None, io.BytesIO(), like("cheroot"))),
        {"wsgi.input": io.BufferedReader(io.BytesIO())},
        {"wsgi.input": like("django", _read=7)},
        {"gunicorn.socket": None},
        {"gunicorn.socket": like("gunicorn", fileno=lambda self: "seven")},
        {"gunicorn.socket": like("gunicorn", fileno=lambda self: 7)},
        {"waitress.client_disconnected": print},
        {"uwsgi.version": b"2.0"},
    ],
    ids=range(11),
)
def test_a_wsgi_server_that_hides_its_socket_is_named_with_the_remedy(
    environ: dict[str, Any],
) -> None:
    if "gunicorn.socket" not in environ:  # a stream may be the same for all requests without a body
        assert wsgi_object(environ) is None
    with pytest.raises(NoConnection) as caught:
        wsgi_socket({"SERVER_SOFTWARE": "Unheard/1.0", **environ})
    assert str(caught.value) == f"Unheard/1.0 {WSGI_REMEDY}"


# ASGI

Pair = tuple[Callable[..., Any], Callable[..., Any]]


def transport_of(sock: socket.socket, *, closing: bool = False) -> Any:
    """asyncio's transport, as far as it is used."""
    return SimpleNamespace(is_closing=lambda: closing, get_extra_info={"socket": sock}.get)


async def nothing(*_: object, **_named: object) -> None:
    """A `receive` or `send` that belongs to no server."""


async def call(self: object, *_: object) -> None:
    """A method of a server's object."""


def uvicorn(transport: Any) -> Pair:
    cycle = like("uvicorn", transport=transport, receive=call, send=call)
    return cycle.receive, cycle.send


def gunicorn_http_2(transport: Any) -> Pair:
    """Its `receive` and `send` are functions inside of the protocol's method."""
    protocol = like("gunicorn", transport=transport)
    stream = like("gunicorn")

    async def receive() -> object:
        return stream, protocol

    return receive, nothing


def hypercorn(transport: Any) -> Pair:
    """Over HTTP/3 its server has no transport, because all connections have the same server."""
    own = {} if transport is None else {"writer": transport}
    server = like("hypercorn", protocol_send=call, **own)
    protocol = like("hypercorn", send=server.protocol_send, stream_send=call)
    stream = like("hypercorn", send=protocol.stream_send, app_send=call)
    return nothing, stream.app_send


def daphne(transport: Any) -> Pair:
    sock = transport.get_extra_info("socket")
    return nothing, partial(nothing, like("daphne", transport=SimpleNamespace(socket=sock)))


def wrapped(receive: Any, send: Any) -> Pair:
    """As middleware wraps them: in functions, partials, objects of its own, functools.wraps."""

    async def inner_receive() -> Any:
        return await receive()

    async def inner_send(message: Any) -> None:
        await send(message)

    @wraps(partial(nothing, inner_receive))
    async def traced(*_: Any) -> Any:
        """`wraps` has put the original into __wrapped__."""

    request = like("starlette", wrapped_receive=call)  # as Starlette's requests and GZipResponder
    request._receive = traced
    responder = like("starlette", send_with_compression=call)
    responder.send = partial(nothing, inner=inner_send)
    return request.wrapped_receive, responder.send_with_compression


def wrapped_twice(receive: Any, send: Any) -> Pair:
    return wrapped(*wrapped(receive, send))


outside_and_inside = pytest.mark.parametrize("wrap", [lambda *pair: pair, wrapped, wrapped_twice])


@outside_and_inside
@pytest.mark.parametrize("server", [uvicorn, gunicorn_http_2, hypercorn, daphne])
def test_an_asgi_servers_socket_is_found_inside_of_middleware_too(
    server: Callable[..., Pair], wrap: Callable[..., Pair], sock: socket.socket
) -> None:
    assert asgi_socket({}, *wrap(*server(transport_of(sock)))) is sock


@outside_and_inside
def test_a_closing_transport_is_not_looked_at_nor_what_the_scope_claims(
    wrap: Callable[..., Pair], sock: socket.socket
) -> None:
    with pytest.raises(NoConnection, match="the connection is closed"):
        asgi_socket({}, *wrap(*uvicorn(transport_of(sock, closing=True))))
    address, port = sock.getpeername()
    for client in ((address, port), (address, str(port)), [address, port]):
        with pytest.raises(NoConnection, match="does not expose"):
            asgi_socket({"client": client}, *wrap(nothing, nothing))


def test_requests_of_one_connection_have_its_object_in_common(sock: socket.socket) -> None:
    transport = transport_of(sock)
    assert [asgi_object(*uvicorn(transport)) for _ in range(2)] == [transport] * 2
    # Over HTTP/3 Hypercorn has none.
    assert asgi_object(*hypercorn(None)) is None
    with pytest.raises(NoConnection):
        asgi_socket({}, *hypercorn(None))


ASGI_REMEDY = (
    "this server, or middleware between it and this one, does not expose the request's socket;"
    " uvicorn, Hypercorn, Daphne, Granian and gunicorn do, if P0fASGIMiddleware is the outermost"
    " middleware"
)


class Proxy:  # like werkzeug's LocalProxy outside of a request
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("working outside of a request")


def endless() -> Any:
    thing = like("starlette", receive=call)
    thing._receive = thing.receive
    thing.send = thing
    return thing.receive


def wide() -> Any:
    return partial(nothing, *(like("elsewhere") for _ in range(10000)))


def unset() -> Any:
    value: object

    async def receive() -> Any:
        return value

    if nothing is None:
        value = 0
    return receive


@pytest.mark.parametrize(
    "receive",
    [
        *(lambda: nothing, lambda: None, lambda: like("uvicorn", receive=call).receive),
        *(Proxy, lambda: partial(nothing, Proxy()), endless, wide, unset),
    ],
    ids=["function", "none", "other version", "proxy", "held proxy", "endless", "wide", "unset"],
)
def test_where_no_socket_is_in_reach_the_reason_has_the_remedy(receive: Any) -> None:
    with pytest.raises(NoConnection) as caught:
        asgi_socket({"client": ("127.0.0.1", 1)}, receive(), nothing)
    assert str(caught.value) == ASGI_REMEDY


# Granian, which shows its own client's address and port


GRANIAN: Pair = (like("granian", receive=call).receive, like("granian", send=call).send)


@pytest.fixture(autouse=True)
def _nothing_found_yet() -> None:
    servers._peers.clear()


def granian_scope(sock: socket.socket) -> dict[str, Any]:
    address, port = sock.getpeername()
    return {"client": (address, str(port))}


def test_granians_connection_is_found_by_its_peer_and_blocks_no_event_loop(
    sock: socket.socket,
) -> None:
    blockbuster = pytest.importorskip("blockbuster")

    async def search() -> Any:
        with blockbuster.blockbuster_ctx():
            return asgi_socket(granian_scope(sock), *GRANIAN).fileno()

    for _ in range(2):
        assert asyncio.run(search()) == sock.fileno()
    assert asgi_object(*GRANIAN) is None


def test_a_descriptor_that_became_anothers_is_searched_for_again(listener: socket.socket) -> None:
    for _ in range(2):  # the second connection gets the first one's descriptor
        with connection(listener) as sock:
            found = asgi_socket(granian_scope(sock), *GRANIAN)
            assert peer_of(found) == sock.getpeername()


def test_a_connection_that_is_not_found_hides_no_other(sock: socket.socket) -> None:
    for _ in range(2):
        with pytest.raises(NoConnection, match="none of the first 256 file descriptors"):
            asgi_socket({"client": ("127.0.0.1", "1")}, *GRANIAN)
        assert asgi_socket(granian_scope(sock), *GRANIAN).fileno() == sock.fileno()


def test_of_two_connections_of_one_peer_none_is_chosen(listener: socket.socket) -> None:
    first, second = socket.socket(), socket.socket()
    with socket.create_server(("127.0.0.1", 0)) as other, first, second:
        for client in (first, second):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            client.bind(first.getsockname() if client is second else ("127.0.0.1", 0))
        first.connect(listener.getsockname())
        second.connect(other.getsockname())
        accepted = listener.accept()[0], other.accept()[0]
        with accepted[0], accepted[1], pytest.raises(NoConnection, match="2 of the first 256"):
            asgi_socket(granian_scope(accepted[0]), *GRANIAN)


def test_granian_inside_of_middleware_is_not_searched(sock: socket.socket) -> None:
    with pytest.raises(NoConnection, match="outermost middleware"):
        asgi_socket(granian_scope(sock), *wrapped(*GRANIAN))


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        *((client, "nor the client's port") for client in [("", "0"), ("127.0.0.1", "9" * 5000)]),
        (("127.0.0.1", 80), "has replaced the client in the scope"),
        (["127.0.0.1", "80"], "has replaced the client in the scope"),
        (("127.0.0.1", "80", 0, 0), "has replaced the client in the scope"),
    ],
    ids=str,
)
def test_a_client_that_granian_has_not_put_there_is_not_looked_for(
    client: Any, reason: str
) -> None:
    with pytest.raises(NoConnection, match=reason):
        asgi_socket({"client": client}, *GRANIAN)
