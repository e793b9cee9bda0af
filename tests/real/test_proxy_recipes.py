"""The manual's recipes for proxies, on the real programs: a client cannot choose its address.

The application runs on wsgiref, which makes one value of X-Forwarded-For and X_Forwarded_For: what
a proxy lets through, the application would hear.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from p0f_middleware import P0fInfo, P0fWSGIMiddleware
from tests.docs.pages import SNIPPETS
from tests.servers import free_port, serve

from ..needs import find

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CLIENT = "127.77.0.1"
MADE_UP = "203.0.113.66"
RECIPES = {
    snippet.language: snippet.code
    for snippet in SNIPPETS
    if snippet.page == "behind-a-proxy.md" and snippet.language in ("nginx", "haproxy", "caddyfile")
}
HOSTILE = [
    {},
    {"X-Forwarded-For": MADE_UP},
    {"X_Forwarded_For": MADE_UP},
    {"x_forwarded_for": MADE_UP},
    {"X_Forwarded-For": MADE_UP},
    {"X-Forwarded_For": MADE_UP},
    {"Forwarded": f"for={MADE_UP}"},
    {"X-Forwarded-For": f"{MADE_UP}, 127.0.0.1", "X_Forwarded_For": MADE_UP},
]


class Echo:
    """A source that names the address it is asked for."""

    def lookup(self, ip_address: str) -> P0fInfo:
        return P0fInfo(os_name=ip_address)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    heard = {
        "address": environ["p0f.info"].os_name,
        "port": environ.get("HTTP_X_CLIENT_PORT"),
        "Forwarded": environ.get("HTTP_FORWARDED"),
    }
    return [json.dumps(heard).encode()]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    """The application's port."""
    wrapped = P0fWSGIMiddleware(app, Echo(), trusted_proxies=["127.0.0.1"])
    with make_server("127.0.0.1", 0, wrapped, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", params=RECIPES)
def proxy(
    request: pytest.FixtureRequest, backend: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of a proxy that is set up as the manual says."""
    folder = tmp_path_factory.mktemp("proxy")
    port = free_port()
    recipe = RECIPES[request.param].replace("127.0.0.1:8000", f"127.0.0.1:{backend}")
    configuration, *command = _set_up(request.param, recipe, port, folder)
    program = find(command[0])
    (folder / "proxy.conf").write_text(configuration)
    environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with serve([program, *command[1:]], port, cwd=folder, env=environ):
        yield port


def _set_up(kind: str, recipe: str, port: int, folder: Path) -> list[str]:
    """A whole configuration around the recipe, and the command line that runs the proxy."""
    configuration = f"{folder}/proxy.conf"
    if kind == "nginx":
        temporary = "".join(
            f"{name}_temp_path {folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        recipe = recipe.replace("listen 80;", f"listen 127.0.0.1:{port};")
        return [
            f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
            f"http {{\naccess_log off;\n{temporary}{recipe}}}\n",
            *("nginx", "-c", configuration, "-e", "stderr"),
        ]
    if kind == "haproxy":
        timeouts = "".join(f"    timeout {what} 20s\n" for what in ("client", "connect", "server"))
        recipe = recipe.replace("bind :80", f"bind 127.0.0.1:{port}")
        return [f"defaults\n{timeouts}{recipe}", "haproxy", "-db", "-f", configuration]
    recipe = recipe.replace(":80 {", f"http://127.0.0.1:{port} {{")
    options = "{\n    admin off\n}\n"
    return [
        f"{options}{recipe}",
        *("caddy", "run", "--adapter", "caddyfile", "--config", configuration),
    ]


def ask(port: int, headers: dict[str, str]) -> tuple[dict[str, Any], int]:
    """What the application hears of a client that sends these headers, and the client's port."""
    with contextlib.closing(socket.socket()) as sock:
        sock.settimeout(20)
        sock.bind((CLIENT, 0))
        sock.connect(("127.0.0.1", port))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        host = f"Host: 127.0.0.1:{port}\r\n"
        sock.sendall(f"GET / HTTP/1.1\r\n{host}Connection: close\r\n{lines}\r\n".encode())
        response = b"".join(iter(lambda: sock.recv(65536), b""))
        heard: dict[str, Any] = json.loads(
            response[response.index(b"{") : response.rindex(b"}") + 1]
        )
        return heard, sock.getsockname()[1]


@pytest.mark.parametrize("headers", HOSTILE, ids=lambda headers: ", ".join(headers) or "none")
def test_the_application_hears_the_clients_own_address(proxy: int, headers: dict[str, str]) -> None:
    heard, port = ask(proxy, headers)
    assert heard == {"address": CLIENT, "port": str(port), "Forwarded": None}


def test_without_the_recipes_a_client_would_choose(backend: int) -> None:
    """The control: what a proxy passes on does reach the application."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", backend))) as sock:
        sock.sendall(f"GET / HTTP/1.0\r\nX_Forwarded_For: {MADE_UP}\r\n\r\n".encode())
        response = b"".join(iter(lambda: sock.recv(65536), b""))
    assert MADE_UP.encode() in response
