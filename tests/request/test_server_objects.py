"""The object that a server keeps for each connection."""

from __future__ import annotations

import io
import socket
from typing import Any

import pytest

from p0f_middleware import P0fWSGIMiddleware, Syn, save_syn
from p0f_middleware._request.server_objects import asgi_object, wsgi_object


@pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])
def test_the_socket_in_environ_is_the_connections_object(key: str) -> None:
    sock = object()

    assert wsgi_object({key: sock}) is sock


def test_waitress_has_a_channel_for_each_connection() -> None:
    class Channel:
        def check_client_disconnected(self) -> None: ...

    channel = Channel()
    environ = {"waitress.client_disconnected": channel.check_client_disconnected}

    assert wsgi_object(environ) is channel


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"wsgi.input": None},
        {"wsgi.input": io.BytesIO()},
        {"waitress.client_disconnected": lambda: None},
        {"gunicorn.socket": None},
    ],
    ids=repr,
)
def test_a_server_that_shows_no_object_has_none(environ: dict[str, Any]) -> None:
    assert wsgi_object(environ) is None


class Cycle:
    """What uvicorn makes for each request of a connection."""

    def __init__(self, transport: object) -> None:
        self.transport = transport

    async def receive(self) -> None: ...

    async def send(self, _: object) -> None: ...


Cycle.__module__ = "uvicorn.protocols.http.h11_impl"


def test_requests_of_one_uvicorn_connection_have_its_transport_in_common() -> None:
    transport = object()
    first, second = Cycle(transport), Cycle(transport)

    assert asgi_object(first.receive, first.send) is asgi_object(second.receive, None) is transport


def test_a_wrapped_receive_and_send_show_nothing() -> None:
    assert asgi_object(lambda: None, lambda _: None) is None


def test_another_version_of_the_server_shows_nothing() -> None:
    cycle = Cycle(None)
    del cycle.transport

    assert asgi_object(cycle.receive, cycle.send) is None


def get(app: Any, sock: socket.socket, peer: tuple[str, int]) -> Any:
    environ = {
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "gunicorn.socket": sock,
    }
    app(environ, None)
    return environ["p0f.info"]


@pytest.mark.skipif(not hasattr(socket, "SO_BINDTODEVICE"), reason="only Linux keeps SYNs")
def test_a_pair_that_is_reported_for_another_connection_gets_nothing_of_the_first() -> None:
    app = P0fWSGIMiddleware(lambda environ, start_response: [], Syn(arm=False), hold=60)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        save_syn(listener)
        with (
            socket.create_connection(listener.getsockname()) as victim,
            socket.create_connection(listener.getsockname()) as attacker,
        ):
            (first, peer), (second, _) = listener.accept(), listener.accept()
            with first, second:
                told = get(app, first, peer)
                again = get(app, first, peer)
                borrowed = get(app, second, peer)
    assert victim.fileno() == attacker.fileno() == -1
    assert told is again is not None
    assert borrowed is None
