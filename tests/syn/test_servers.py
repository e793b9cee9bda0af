"""Each server's way to the socket of a request, and the words where there is none."""

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def uwsgi(sock: socket.socket, monkeypatch: pytest.MonkeyPatch, **options: bytes) -> dict[str, Any]:
    module = SimpleNamespace(opt=options, connection_fd=sock.fileno)
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    return {"uwsgi.version": b"2.0"}


class Channel:
    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def check_client_disconnected(self) -> bool:
        return False


ENVIRONS: dict[str, Callable[[socket.socket, Any], dict[str, Any]]] = {
    "gunicorn": lambda sock, file: {"gunicorn.socket": sock},
    "Werkzeug": lambda sock, file: {"werkzeug.socket": sock},
    "waitress": lambda sock, file: {
        "waitress.client_disconnected": Channel(sock).check_client_disconnected
    },
    "cheroot": lambda sock, file: {"wsgi.input": like("cheroot", rfile=file)},
    "gevent": lambda sock, file: {"wsgi.input": like("gevent", rfile=file)},
    "wsgiref": lambda sock, file: {"wsgi.input": file},
    "Django": lambda sock, file: {"wsgi.input": like("django", _read=file.read)},
}
"""By server, environ for a connection and a file that reads it."""


@pytest.mark.parametrize("server", ENVIRONS)
def test_a_wsgi_servers_socket_is_found_and_is_the_connections_object(
    server: str, sock: socket.socket
) -> None:
    with sock.makefile("rb") as file:
        environ = ENVIRONS[server](sock, file)
        assert wsgi_socket(environ) is wsgi_object(environ) is sock


def test_uwsgi_gives_a_descriptor(sock: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = uwsgi(sock, monkeypatch, **{"http-socket": b":80"})
    assert wsgi_socket(environ).fileno() == sock.fileno()
    assert peer_of(wsgi_socket(environ)) == sock.getpeername()
    assert wsgi_object(environ) is None


@pytest.mark.parametrize("option", ["http", "https", "http-to"])
def test_uwsgis_router_keeps_the_connection(
    option: str, sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoConnection, match="router keeps the connection to itself; use http-soc"):
        wsgi_socket(uwsgi(sock, monkeypatch, **{option: b":80"}))


WSGI_REMEDY = (
    "does not expose the request's socket; gunicorn, uWSGI (http-socket), waitress, CherryPy,"
    " gevent, Werkzeug and wsgiref do, if P0fWSGIMiddleware is the outermost middleware"
)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"wsgi.input": io.BytesIO()},
        {"wsgi.input": io.BufferedReader(io.BytesIO())},
        {"wsgi.input": None},
        {"wsgi.input": like("cheroot")},
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
    with pytest.raises(NoConnection) as caught:
        wsgi_socket({"SERVER_SOFTWARE": "Unheard/1.0", **environ})
    assert str(caught.value) == f"Unheard/1.0 {WSGI_REMEDY}"


def test_a_stream_that_is_no_socket_is_no_connections_object() -> None:
    """A server may hand the same empty stream to all requests without a body."""
    for stream in (io.BytesIO(), io.BufferedReader(io.BytesIO()), None):
        assert wsgi_object({"wsgi.input": stream}) is None


def test_a_closed_socket_is_said_to_be_closed(sock: socket.socket) -> None:
    sock.close()
    with pytest.raises(NoConnection, match="the connection is closed"):
        wsgi_socket({"gunicorn.socket": sock})


# ASGI


class Transport:
    """asyncio's, as far as it is used."""

    def __init__(self, sock: socket.socket, closing: bool = False) -> None:
        self.sock = sock
        self.closing = closing

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str) -> object:
        return {"socket": self.sock}[name]


async def nothing(*_: object) -> None:
    """A `receive` or `send` that belongs to no server."""


async def call(self: object, *_: object) -> None:
    """A method of a server's object."""


Pair = tuple[Callable[..., Any], Callable[..., Any]]


def uvicorn(sock: socket.socket) -> Pair:
    cycle = like("uvicorn", transport=Transport(sock), receive=call, send=call)
    return cycle.receive, cycle.send


def gunicorn(sock: socket.socket) -> Pair:
    protocol = like("gunicorn", transport=Transport(sock))
    return like("gunicorn", protocol=protocol, receive=call).receive, nothing


def gunicorn_http_2(sock: socket.socket) -> Pair:
    """Its `receive` and `send` are functions inside of the protocol's method."""
    protocol = like("gunicorn", transport=Transport(sock))
    stream = like("gunicorn")

    async def receive() -> object:
        return stream, protocol

    return receive, nothing


def gunicorn_websocket(sock: socket.socket) -> Pair:
    websocket = like("gunicorn", transport=Transport(sock), _receive=call, _send=call)
    return websocket._receive, websocket._send


def hypercorn(sock: socket.socket) -> Pair:
    server = like("hypercorn", writer=Transport(sock), protocol_send=call)
    protocol = like("hypercorn", send=server.protocol_send, stream_send=call)
    stream = like("hypercorn", send=protocol.stream_send, app_send=call)
    return nothing, stream.app_send


def hypercorn_trio(sock: socket.socket) -> Pair:
    tls = like("trio", transport_stream=like("trio", socket=sock))
    server = like("hypercorn", stream=tls, protocol_send=call)
    protocol = like("hypercorn", send=server.protocol_send, stream_send=call)
    stream = like("hypercorn", send=protocol.stream_send, app_send=call)
    return nothing, stream.app_send


def daphne(sock: socket.socket) -> Pair:
    protocol = like("daphne", transport=SimpleNamespace(socket=sock))
    return nothing, partial(nothing, protocol)


ASGI_SERVERS = {
    "uvicorn": uvicorn,
    "gunicorn": gunicorn,
    "gunicorn, HTTP/2": gunicorn_http_2,
    "gunicorn, websocket": gunicorn_websocket,
    "Hypercorn": hypercorn,
    "Hypercorn on trio": hypercorn_trio,
    "Daphne": daphne,
}


def test_requests_of_one_connection_have_its_object_in_common(sock: socket.socket) -> None:
    transport = Transport(sock)
    first, second = (like("uvicorn", transport=transport, receive=call) for _ in range(2))
    assert asgi_object(first.receive, nothing) is asgi_object(second.receive, None) is transport


def test_over_http_3_hypercorn_has_no_object_of_the_connection(sock: socket.socket) -> None:
    server = like("hypercorn", protocol_send=call)
    protocol = like("hypercorn", send=server.protocol_send, stream_send=call)
    stream = like("hypercorn", send=protocol.stream_send, app_send=call)
    assert asgi_object(nothing, stream.app_send) is None
    with pytest.raises(NoConnection):
        asgi_socket({}, nothing, stream.app_send)


def in_functions(receive: Any, send: Any) -> Pair:
    async def inner_receive() -> Any:
        return await receive()

    async def inner_send(message: Any) -> None:
        await send(message)

    return inner_receive, inner_send


def in_partials(receive: Any, send: Any) -> Pair:
    async def observed(inner: Any, *arguments: Any) -> Any:
        return await inner(*arguments)

    return partial(observed, receive), partial(observed, inner=send)


def in_objects(receive: Any, send: Any) -> Pair:
    """As Starlette's requests and GZipResponder keep them."""
    request = like("starlette", wrapped_receive=call)
    request._receive = receive
    responder = like("starlette", send_with_compression=call)
    responder.send = send
    return request.wrapped_receive, responder.send_with_compression


def in_wrapped(receive: Any, send: Any) -> Pair:
    def traced(function: Any) -> Any:
        @wraps(function)
        async def wrapper(*arguments: Any) -> Any:
            return await wrapper.__wrapped__(*arguments)

        return wrapper

    return traced(receive), traced(send)


WRAPPERS = [in_functions, in_partials, in_objects, in_wrapped]


@pytest.mark.parametrize("server", ASGI_SERVERS)
def test_an_asgi_servers_socket_is_found(server: str, sock: socket.socket) -> None:
    receive, send = ASGI_SERVERS[server](sock)
    assert asgi_socket({}, receive, send) is sock


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("server", ASGI_SERVERS)
def test_it_is_found_inside_of_middleware_too(
    server: str, wrap: Callable[..., Pair], sock: socket.socket
) -> None:
    receive, send = wrap(*ASGI_SERVERS[server](sock))
    assert asgi_socket({}, receive, send) is sock


def test_it_is_found_inside_of_several_middlewares(sock: socket.socket) -> None:
    receive, send = uvicorn(sock)
    for wrap in WRAPPERS * 2:
        receive, send = wrap(receive, send)
    assert asgi_socket({}, receive, send) is sock


@pytest.mark.parametrize("wrap", [lambda *pair: pair, *WRAPPERS])
def test_a_closing_transport_is_not_looked_at(
    wrap: Callable[..., Pair], sock: socket.socket
) -> None:
    cycle = like("uvicorn", transport=Transport(sock, closing=True), receive=call, send=call)
    receive, send = wrap(cycle.receive, cycle.send)
    with pytest.raises(NoConnection, match="the connection is closed"):
        asgi_socket({}, receive, send)


ASGI_REMEDY = (
    "this server, or middleware between it and this one, does not expose the request's socket;"
    " uvicorn, Hypercorn, Daphne, Granian and gunicorn do, if P0fASGIMiddleware is the outermost"
    " middleware"
)


class Proxy:
    """Like werkzeug's LocalProxy: asking it anything outside of a request raises."""

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
        lambda: nothing,
        lambda: None,
        lambda: like("uvicorn", receive=call).receive,
        Proxy,
        lambda: partial(nothing, Proxy()),
        endless,
        wide,
        unset,
    ],
    ids=["function", "none", "other version", "proxy", "held proxy", "endless", "wide", "unset"],
)
def test_where_no_socket_is_in_reach_the_reason_has_the_remedy(receive: Any) -> None:
    with pytest.raises(NoConnection) as caught:
        asgi_socket({"client": ("127.0.0.1", 1)}, receive(), nothing)
    assert str(caught.value) == ASGI_REMEDY


@pytest.mark.parametrize("wrap", [lambda *pair: pair, *WRAPPERS])
def test_a_connection_is_never_looked_for_by_what_the_scope_claims(
    wrap: Callable[..., Pair], sock: socket.socket
) -> None:
    address, port = sock.getpeername()
    for client in ((address, port), (address, str(port)), [address, port]):
        with pytest.raises(NoConnection, match="does not expose"):
            asgi_socket({"client": client}, *wrap(nothing, nothing))


# Granian, which shows its own client's address and port


GRANIAN: Pair = (like("granian", receive=call).receive, like("granian", send=call).send)


@pytest.fixture(autouse=True)
def _nothing_found_yet() -> None:
    servers._peers.clear()


def granian_scope(sock: socket.socket) -> dict[str, Any]:
    address, port = sock.getpeername()
    return {"client": (address, str(port))}


def test_granians_connection_is_found_by_its_peer(sock: socket.socket) -> None:
    for _ in range(2):
        assert asgi_socket(granian_scope(sock), *GRANIAN).fileno() == sock.fileno()
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


def test_a_duplicate_is_the_same_connection(sock: socket.socket) -> None:
    with sock.dup() as other:
        found = asgi_socket(granian_scope(sock), *GRANIAN)
        assert found.fileno() in (sock.fileno(), other.fileno())


def test_two_connections_of_one_peer_are_not_chosen_from(sock: socket.socket) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other_listener,
        socket.socket() as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        client.bind(("127.0.0.1", 0))
        with socket.socket() as second:
            second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            second.bind(client.getsockname())
            with socket.create_server(("127.0.0.1", 0)) as listener:
                client.connect(listener.getsockname())
                second.connect(other_listener.getsockname())
                first, other = listener.accept()[0], other_listener.accept()[0]
                with first, other, pytest.raises(NoConnection, match="2 of the first 256"):
                    asgi_socket(granian_scope(first), *GRANIAN)


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_granian_inside_of_middleware_is_not_searched(
    wrap: Callable[..., Pair], sock: socket.socket
) -> None:
    with pytest.raises(NoConnection, match="outermost middleware"):
        asgi_socket(granian_scope(sock), *wrap(*GRANIAN))


def test_a_client_that_middleware_has_put_there_is_not_looked_for(sock: socket.socket) -> None:
    address, port = sock.getpeername()
    for client in ((address, port), [address, str(port)], (address, str(port), 0, 0)):
        with pytest.raises(NoConnection, match="has replaced the client in the scope"):
            asgi_socket({"client": client}, *GRANIAN)


@pytest.mark.parametrize("client", [("", "0"), ("127.0.0.1", "0"), ("127.0.0.1", "9" * 5000)])
def test_without_an_address_and_port_there_is_nothing_to_look_for(client: Any) -> None:
    with pytest.raises(NoConnection, match="nor the client's port"):
        asgi_socket({"client": client}, *GRANIAN)


def test_a_search_blocks_no_event_loop(sock: socket.socket) -> None:
    blockbuster = pytest.importorskip("blockbuster")

    async def search() -> Any:
        with blockbuster.blockbuster_ctx():
            return asgi_socket(granian_scope(sock), *GRANIAN).fileno()

    assert asyncio.run(search()) == sock.fileno()


# Whatever a server hands over


ANYTHING = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=8), st.binary(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(st.text(), inner)
    ),
    max_leaves=6,
)


KEYS = [
    *("wsgi.input", "SERVER_SOFTWARE", "gunicorn.socket", "werkzeug.socket"),
    *("waitress.client_disconnected", "uwsgi.version"),
]


def socket_or_reason(find: Callable[..., Any], *request: Any) -> bool:
    try:
        return hasattr(find(*request), "getsockopt")
    except NoConnection as error:
        return bool(str(error))


# The first text that Hypothesis makes takes it a second, which it blames on the test.
anything = settings(suppress_health_check=[HealthCheck.too_slow])


@anything
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_any_environ_gives_a_socket_or_a_reason(environ: dict[str, Any]) -> None:
    wsgi_object(environ)
    assert socket_or_reason(wsgi_socket, environ)


@anything
@given(ANYTHING, ANYTHING, ANYTHING)
def test_any_scope_gives_a_socket_or_a_reason(client: Any, receive: Any, send: Any) -> None:
    asgi_object(receive, send)
    for first in (receive, GRANIAN[0]):
        assert socket_or_reason(asgi_socket, {"client": client}, first, send)
