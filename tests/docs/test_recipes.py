"""The manual's recipes for proxies, on the real programs: a client chooses nothing by a header.

The application runs on wsgiref, which makes one value of X-Forwarded-For and X_Forwarded_For: what
a proxy lets through, the application would read.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from p0f_middleware import P0fInfo, P0fWSGIMiddleware, p0f_of
from tests import needs
from tests.servers import free_port, serve

from .pages import SNIPPETS, code_on, nginx_conf, text_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CLIENT = "127.77.0.1"
MADE_UP = "203.0.113.66"
HEADERS = {
    "X-Forwarded-For": MADE_UP,
    "X-Client-Port": "4444",
    "X-Forwarded-Proto": "https",
    "Forwarded": f"for={MADE_UP};proto=https",
}
"""What recipes write or delete, and what a hostile client sends in their place."""


def spellings(name: str) -> list[str]:
    """All names that WSGI makes one key of `environ` with this one, in three cases of letters."""
    first, *words = name.split("-")
    names = [first]
    for word in words:
        names = [f"{start}{separator}{word}" for start in names for separator in "-_"]
    return [case(name) for name in names for case in (str, str.lower, str.upper)]


EVERY = [f"{spelling}: {HEADERS[name]}" for name in HEADERS for spelling in spellings(name)]
HOSTILE: dict[str, list[str]] = {
    "nothing": [],
    **{line.partition(":")[0]: [line] for line in EVERY},
    "all at once": EVERY,
    "two of one": [f"X-Forwarded-For: {MADE_UP}"] * 2 + ["X-Client-Port: 4444"] * 2,
    "an address behind a trusted one": [f"X-Forwarded-For: {MADE_UP}, 127.0.0.1"],
    "the proxy's headers as hop-by-hop": [
        "Connection: close, X-Forwarded-For, X-Client-Port, X-Forwarded-Proto",
        f"X_Forwarded_For: {MADE_UP}",
    ],
    "port 0": ["X-Client-Port: 0"],
    "HTTP/3": ["X-Client-Port: h3", "X_Client_Port: h3"],
}


def _row(name: str) -> str:
    """The lines of a row of the table of proxies on the page about shared SYNs."""
    section = text_of("shared.md").partition("names the visitor's port\n")[2]
    row = next(line for line in section.splitlines() if line.startswith(f"| {name} |"))
    return "\n".join(code for code in re.findall(r"`([^`]*)`", row.split("|")[2]) if " " in code)


def _with_http3() -> str:
    """HAProxy's recipe with the line for HTTP/3, which changes nothing for other requests."""
    (line,) = code_on("behind-a-proxy.md", "HTTP/3", "haproxy")
    (recipe,) = code_on("behind-a-proxy.md", "HAProxy", "haproxy")
    after = "    http-request set-header X-Client-Port %[src_port]\n"
    return recipe.replace(after, after + line)


PROGRAMS = {"nginx": "nginx", "haproxy": "haproxy", "caddyfile": "caddy"}
CADDY = "reverse_proxy 127.0.0.1:8000 {\nheader_up"
RECIPES = {
    **{
        f"{snippet}": (PROGRAMS[snippet.language], snippet.code)
        for snippet in SNIPPETS
        if snippet.language in PROGRAMS and snippet.heading != "HTTP/3"
    },
    "shared.md: HAProxy's row": (
        "haproxy",
        f"frontend www\nmode http\nbind :80\n{_row('HAProxy')}\ndefault_backend app\n"
        "backend app\nmode http\nserver app 127.0.0.1:8000\n",
    ),
    "shared.md: nginx' row": (
        "nginx",
        "server {\nlisten 80;\nlocation / {\nproxy_pass http://127.0.0.1:8000;\n"
        f"{_row('nginx')}\n}}\n}}\n",
    ),
    "shared.md: Caddy's row": (
        "caddy",
        f":80 {{\n{_row('Caddy').replace('header_up', CADDY, 1)}\n}}\n}}\n",
    ),
    "behind-a-proxy.md: HAProxy with HTTP/3": ("haproxy", _with_http3()),
}
"""The configurations in the manual, with the programs that they are for."""


class Echo:
    """A source that names the address it is asked for."""

    def lookup(self, ip_address: str) -> P0fInfo:
        return P0fInfo(os_name=ip_address)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    visit = p0f_of(environ)
    start_response("200 OK", [("Content-Type", "application/json")])
    read = {
        "address": [visit.address, visit.info and visit.info.os_name],
        "port": environ.get("HTTP_X_CLIENT_PORT"),
        "proto": environ.get("HTTP_X_FORWARDED_PROTO"),
        "Forwarded": environ.get("HTTP_FORWARDED"),
    }
    return [json.dumps(read).encode()]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    """The application's port."""
    wrapped = P0fWSGIMiddleware(
        app, Echo(), trusted_proxies=["127.0.0.1"], client_port_header="X-Client-Port"
    )
    with make_server("127.0.0.1", 0, wrapped, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", params=RECIPES)
def proxy(
    request: pytest.FixtureRequest, backend: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, str]]:
    """The port of a proxy that is set up as the manual says, and how."""
    program, recipe = RECIPES[request.param]
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    text = re.sub(r"(127\.0\.0\.1|app):8000", f"127.0.0.1:{backend}", recipe)
    configuration, *options = _set_up(program, text, port, folder)
    (folder / "proxy.conf").write_text(configuration)
    environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with serve([needs.find(program), *options], port, cwd=folder, env=environ):
        yield port, recipe


def _set_up(program: str, recipe: str, port: int, folder: Path) -> list[str]:
    """A whole configuration around the recipe, and the options that run the proxy with it."""
    configuration = f"{folder}/proxy.conf"
    if program == "nginx":
        recipe = re.sub(r"listen \d+( ssl)?;", f"listen 127.0.0.1:{port};", recipe)
        recipe = re.sub(r"ssl_certificate\w* .*;", "", recipe)
        return [nginx_conf(folder, recipe), "-c", configuration, "-e", "stderr"]
    if program == "haproxy":
        timeouts = "".join(f"    timeout {what} 20s\n" for what in ("client", "connect", "server"))
        recipe = re.sub(r"bind :\d+", f"bind 127.0.0.1:{port}", recipe)
        return [f"defaults\n{timeouts}{recipe}", "-db", "-f", configuration]
    recipe = recipe.replace(":80 {", f"http://127.0.0.1:{port} {{")
    options = "{\n    admin off\n}\n"
    return [f"{options}{recipe}", *("run", "--adapter", "caddyfile", "--config", configuration)]


def ask(port: int, headers: list[str]) -> tuple[dict[str, Any], int]:
    """What the application reads of a client that sends these headers, and the client's port."""
    with contextlib.closing(socket.socket()) as sock:
        sock.settimeout(20)
        sock.bind((CLIENT, 0))
        sock.connect(("127.0.0.1", port))
        if not any(line.startswith("Connection") for line in headers):
            headers = ["Connection: close", *headers]
        lines = "\r\n".join(["GET / HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers])
        sock.sendall(f"{lines}\r\n\r\n".encode())
        response = b"".join(iter(lambda: sock.recv(65536), b""))
        assert b"{" in response, response
        body = response[response.index(b"{") : response.rindex(b"}") + 1]
        return json.loads(body), sock.getsockname()[1]


@pytest.mark.parametrize("headers", HOSTILE.values(), ids=HOSTILE)
def test_the_application_reads_what_the_proxy_knows(
    proxy: tuple[int, str], headers: list[str]
) -> None:
    port, recipe = proxy
    read, own_port = ask(port, headers)
    assert read["address"] == [CLIENT, CLIENT]
    assert read["port"] == str(own_port)
    if "Proto" in recipe or "reverse_proxy" in recipe:
        assert read["proto"] in (("http", "https") if "bind :443" in recipe else ("http",))
    if "Forwarded " in recipe or "-Forwarded\n" in recipe:
        assert read["Forwarded"] is None


@pytest.mark.parametrize("header", ["X_Forwarded_For", "X-forwarded_For", "X-Forwarded-For"])
def test_without_the_recipes_a_client_would_choose(backend: int, header: str) -> None:
    """The control: what a proxy passes on does reach the application."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", backend))) as sock:
        sock.sendall(f"GET / HTTP/1.0\r\n{header}: {MADE_UP}\r\n\r\n".encode())
        response = b"".join(iter(lambda: sock.recv(65536), b""))
    assert MADE_UP.encode() in response


def test_every_recipe_deletes_names_with_underscores() -> None:
    """HAProxy 3.4 is in no Debian, so its recipe is only read; nginx drops them by itself."""
    for snippet in SNIPPETS:
        if "X-Forwarded-For" not in snippet.code:
            continue
        if snippet.language.startswith("haproxy"):
            assert "option http-restrict-req-hdr-names delete" in snippet.code, snippet
            assert "del-header Forwarded" in snippet.code, snippet
        if snippet.language == "caddyfile":
            assert "request_header -*_*" in snippet.code, snippet
        assert "underscores_in_headers on" not in snippet.code, snippet


def test_caddy_takes_the_option_against_http3(tmp_path: Path) -> None:
    caddy = needs.find("caddy")
    (configuration,) = code_on("behind-a-proxy.md", "HTTP/3", "caddyfile")
    (tmp_path / "Caddyfile").write_text(configuration + ":80 {\n}\n")
    command = [caddy, "adapt", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    adapted = json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL))
    (server,) = adapted["apps"]["http"]["servers"].values()
    assert server["protocols"] == ["h1", "h2"]
