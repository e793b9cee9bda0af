"""Visitors: what a source may know of a request, out of environ or scope."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from p0f_middleware._request.proxies import ProxyRules
from p0f_middleware._request.visitor import ASGIVisitor, BaseVisitor, WSGIVisitor

from .middlewares import HOST, PROXY, ServerObject

NO_PROXIES = ProxyRules()
BEHIND = ProxyRules([PROXY, "unix:"])


def wsgi(rules: ProxyRules = NO_PROXIES, **environ: Any) -> WSGIVisitor:
    return WSGIVisitor(environ, rules)


def asgi(
    rules: ProxyRules = NO_PROXIES, receive: Any = None, send: Any = None, **scope: Any
) -> ASGIVisitor:
    return ASGIVisitor(scope, receive, send, rules)


# The peer, as each server gives it


@pytest.mark.parametrize(
    ("environ", "peer"),
    [
        ({"REMOTE_ADDR": HOST, "REMOTE_PORT": 50000}, (HOST, 50000)),  # Werkzeug
        ({"REMOTE_ADDR": f"::ffff:{HOST}", "REMOTE_PORT": "50000"}, (HOST, 50000)),
        ({"REMOTE_ADDR": HOST}, (HOST, None)),  # wsgiref, uWSGI, bjoern, granian
        ({"REMOTE_ADDR": ""}, (None, None)),  # gunicorn, granian: a Unix socket
        ({"REMOTE_ADDR": "", "REMOTE_PORT": ""}, (None, 0)),  # cheroot: a Unix socket
        ({"REMOTE_ADDR": "localhost", "REMOTE_PORT": "None"}, (None, 0)),  # waitress: the same
        ({"REMOTE_ADDR": "0.0.0.0"}, (None, None)),  # uWSGI: a Unix socket, or a kept connection
        ({"REMOTE_ADDR": None, "REMOTE_PORT": None}, (None, 0)),  # gunicorn: PROXY LOCAL
        ({"REMOTE_ADDR": f"{HOST}:51008"}, (HOST, 51008)),  # ProxyFix, behind a load balancer
        ({"REMOTE_ADDR": f"{HOST}:51008", "REMOTE_PORT": "7"}, (HOST, 51008)),
        ({"REMOTE_ADDR": "[2001:db8::1]:51008"}, ("2001:db8::1", 51008)),
        ({}, (None, None)),
    ],
    ids=str,
)
def test_the_peer_of_a_wsgi_request(environ: dict[str, Any], peer: Any) -> None:
    visitor = wsgi(**environ)

    assert (visitor.peer_address, visitor.peer_port) == peer


@pytest.mark.parametrize(
    ("scope", "peer"),
    [
        ({"client": [HOST, 50000]}, (HOST, 50000)),  # daphne
        ({"client": (HOST, "50000")}, (HOST, 50000)),  # granian
        ({"client": ("2001:db8::1", 50000, 0, 0)}, ("2001:db8::1", 50000)),
        ({"client": (HOST,)}, (HOST, None)),
        ({"client": ("203.0.113.7", 0)}, ("203.0.113.7", 0)),  # uvicorn: a proxy's header
        ({"client": (f"{HOST}:51008", 0)}, (HOST, 51008)),
        ({"client": [None, 0]}, (None, 0)),
        ({"client": ("", "0")}, (None, 0)),  # granian: a Unix socket
        ({"client": ("testclient", 50000)}, (None, 50000)),
        *(({"client": client}, (None, None)) for client in ((), "192.0.2.1", 7)),
        ({}, (None, None)),
    ],
    ids=str,
)
def test_the_peer_of_an_asgi_request(scope: dict[str, Any], peer: Any) -> None:
    visitor = asgi(**scope)

    assert (visitor.peer_address, visitor.peer_port) == peer


# The client


def test_behind_a_proxy_the_client_is_whom_it_names_and_the_peer_is_the_proxy() -> None:
    header = "192.0.2.1:51008"
    for visitor in (
        wsgi(BEHIND, REMOTE_ADDR=PROXY, REMOTE_PORT="7", HTTP_X_FORWARDED_FOR=header),
        asgi(BEHIND, client=(PROXY, 7), headers=[(b"x-forwarded-for", header.encode())]),
    ):
        assert (visitor.address, visitor.port, visitor.behind_proxy) == (HOST, 51008, True)
        assert (visitor.peer_address, visitor.peer_port) == (PROXY, 7)
        trusted = [visitor.is_trusted(address) for address in (PROXY, HOST, None)]
        assert trusted == [True, False, False]


# HTTP/3 has no TCP connection


@pytest.mark.parametrize("version", ["1.1", "2", "3", None])
def test_the_version_of_http_is_the_servers(version: str | None) -> None:
    assert asgi(http_version=version).http_version == version
    protocol = None if version is None else f"HTTP/{version}"
    assert wsgi(SERVER_PROTOCOL=protocol).http_version == version


@pytest.mark.parametrize(
    ("word", "version"),
    [("h3", "3"), ("H3", "3"), ("HTTP/3", "3"), ("HTTP/3.0", "3"), ("50000, h3", "3"), ("", None)],
)
def test_behind_a_proxy_it_is_the_proxys_word_in_place_of_a_port(
    word: str, version: str | None
) -> None:
    rules = ProxyRules(PROXY, client_port_header="X-Client-Port")
    headers = [(b"x-forwarded-for", HOST.encode()), (b"x-client-port", word.encode())]
    visitor = asgi(rules, client=(PROXY, 7), http_version="1.1", headers=headers)

    assert (visitor.address, visitor.port, visitor.http_version) == (HOST, None, version)


# Headers


HEADERS = [
    (b"host", b"example.org"),
    (b"x-one", b"1"),
    [b"x-one", b"2"],
    (b"x_one", b"3"),
    (b"x-raw", bytearray(b"\xff")),
]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("Host", "example.org"), ("X-One", "1,2"), ("x-ONE", "1,2"), ("X-Raw", "\xff")),
        *((name, None) for name in ("X-No", "X-Gr\xfc\xdfe", "X-\u20ac", "", "\0", "X-One\n")),
    ],
)
def test_a_header_of_a_scope_is_text(name: str, value: str | None) -> None:
    assert asgi(headers=HEADERS).header(name) == value


@pytest.mark.parametrize(
    "visitor",
    [
        *(asgi(), asgi(headers=None), asgi(headers=())),
        *(wsgi(), wsgi(HTTP_X_ONE=7), wsgi(HTTP_X_TWO="2")),
    ],
)
def test_a_header_that_was_not_sent_is_none(visitor: BaseVisitor) -> None:
    assert visitor.header("X-One") is None


def test_raw_headers_are_read_where_the_server_leaves_them() -> None:
    """In environ itself an underscore is as good as a dash."""
    raw = (("X-One", "1"), ("x_one", "3"), ("x-one", "2"))
    assert wsgi(HTTP_X_ONE="1,3,2").header("x-One") == "1,3,2"
    visitor = wsgi(HTTP_X_ONE="1,3,2", headers_raw=raw)
    assert visitor.header("X-One") == "1,2"
    assert visitor.header("X-Two") is None


# The connection, and whether it is a Unix socket


def receive_of(sock: socket.socket, closing: bool = False) -> Any:
    """What uvicorn gives as `receive`."""
    cycle: Any = ServerObject()
    cycle.transport = SimpleNamespace(is_closing=lambda: closing, get_extra_info=lambda _: sock)
    return cycle.receive


@pytest.fixture(params=[socket.AF_UNIX, socket.AF_INET])
def sock(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with socket.socket(request.param) as sock:
        yield sock


FORWARDED = [(b"x-forwarded-for", HOST.encode())]


@pytest.mark.parametrize("server", [("192.0.2.9", 80), ("/run/app.sock", None), None], ids=str)
@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "localhost"])
def test_the_sockets_own_family_decides_whether_a_request_came_by_unix(
    sock: socket.socket, server: Any, address: Any
) -> None:
    is_unix = sock.family is socket.AF_UNIX
    scope: Any = {"client": address and (address, 0), "server": server, "headers": FORWARDED}
    environ = {"gunicorn.socket": sock, "REMOTE_ADDR": address, "HTTP_X_FORWARDED_FOR": HOST}

    for visitor in (asgi(BEHIND, receive_of(sock), **scope), wsgi(BEHIND, **environ)):
        assert visitor.behind_proxy is is_unix
        assert visitor.address == (HOST if is_unix else None)


@pytest.mark.parametrize(
    ("request_of_it", "is_unix"),
    [
        *(({"server": (path, None)}, True) for path in ("/run/app.sock", "\0abstract")),
        *(({"server": server}, True) for server in (["/run/app.sock", 0], ("/", "t"))),  # gunicorn
        *(({"server": server}, False) for server in (("192.0.2.9", 80), ("", None), (None, None))),
        *(({"server": server}, False) for server in (None, ())),
        *(({"client": client}, True) for client in (("",), ("", "0"), ["", 0])),  # granian
        ({"REMOTE_ADDR": ""}, True),
        *(({"REMOTE_ADDR": address}, False) for address in (None, "0.0.0.0", "localhost")),
        ({}, False),
    ],
    ids=str,
)
def test_the_servers_word_counts_where_it_shows_no_socket(
    request_of_it: dict[str, Any], is_unix: bool, sock: socket.socket
) -> None:
    if "REMOTE_ADDR" in request_of_it:
        assert wsgi(BEHIND, HTTP_X_FORWARDED_FOR=HOST, **request_of_it).behind_proxy is is_unix
        return
    for receive in (None, receive_of(sock, closing=True)):
        visitor = asgi(BEHIND, receive, headers=FORWARDED, **request_of_it)
        assert visitor.behind_proxy is is_unix
