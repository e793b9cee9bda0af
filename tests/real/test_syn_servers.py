"""Every server as a user starts it, without p0f: each connection is told its own SYN.

All servers start at once and serve the whole module. Nothing but these tests connects to them, so
once a server has loaded the application and listens, its first connection has to be right too.
"""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import itertools
import json
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from p0f_middleware.syn.listeners import POLL
from tests.servers import BIN, free_port, serve_all

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

ROOT = Path(__file__).parents[2]
TCP_MAXSEG = 2
_mss = itertools.count(600)
"""Each client of these tests has another MSS, which makes its SYN unlike all others."""


class Server(NamedTuple):
    """How to start a server, and where it listens.

    `command` has {v4}, {dual}, {tls} for ports and {cert} for a certificate with its key. `doors`
    are those of DOORS that it has. `keeps` is whether it takes a second request on a connection.
    """

    name: str
    package: str
    command: str
    doors: str
    keeps: bool = True
    websocket: bool = False
    arm: bool = True


DOORS = {
    "ipv4": ("v4", "127.0.0.1"),
    "mapped": ("dual", "127.0.0.1"),
    "ipv6": ("dual", "::1"),
    "tls": ("tls", "127.0.0.1"),
}
"""Which port and host to connect to. `mapped` is an IPv4 client of a listener for IPv6."""

WSGI, ASGI = "tests.real.syn_app:wsgi", "tests.real.syn_app:asgi"
_GUNICORN = "gunicorn -b 127.0.0.1:{v4} -b [::]:{dual}"
_GUNICORN_TLS = "gunicorn -b 127.0.0.1:{tls} --certfile {cert} --keyfile {cert}"
_HYPERCORN = (
    "hypercorn -b 127.0.0.1:{tls} --certfile {cert} --keyfile {cert}"
    " --insecure-bind 127.0.0.1:{v4} --insecure-bind [::]:{dual}"
)
_DAPHNE = (
    r"daphne -e tcp:{v4}:interface=127.0.0.1 -e tcp6:{dual}:interface=\:\:"
    " -e ssl:{tls}:interface=127.0.0.1:privateKey={cert}:certKey={cert}"
)
_SCRIPT = "python -m tests.real.syn_scripts"
_HAND_OVER = f"{_SCRIPT} hand_over {{dual}}"

BY_ITSELF = [
    Server("gunicorn sync", "gunicorn", f"{_GUNICORN} -w 2 {WSGI}", "ipv4 mapped ipv6", False),
    Server("gunicorn preload", "gunicorn", f"{_GUNICORN} --preload {WSGI}", "ipv4 ipv6", False),
    Server("gunicorn sync, TLS", "gunicorn", f"{_GUNICORN_TLS} {WSGI}", "tls", False),
    Server(
        "gunicorn gthread",
        "gunicorn",
        f"{_GUNICORN} -k gthread --threads 4 {WSGI}",
        "ipv4 mapped ipv6",
    ),
    Server(
        "gunicorn gthread, TLS", "gunicorn", f"{_GUNICORN_TLS} -k gthread --threads 4 {WSGI}", "tls"
    ),
    Server("gunicorn gevent", "gevent", f"{_GUNICORN} -k gevent {WSGI}", "ipv4 mapped ipv6"),
    Server("gunicorn gevent, TLS", "gevent", f"{_GUNICORN_TLS} -k gevent {WSGI}", "tls"),
    Server(
        "gunicorn asgi",
        "gunicorn",
        f"{_GUNICORN} -k asgi {ASGI}",
        "ipv4 mapped ipv6",
        websocket=True,
    ),
    Server("gunicorn asgi, TLS", "gunicorn", f"{_GUNICORN_TLS} -k asgi {ASGI}", "tls"),
    Server(
        "uWSGI",
        "pyuwsgi",
        f"uwsgi -H {sys.prefix} --http-socket 127.0.0.1:{{v4}} --http-socket [::]:{{dual}}"
        f" --need-app --module {WSGI}",
        "ipv4 mapped ipv6",
        False,
    ),
    Server(
        "waitress",
        "waitress",
        f"waitress-serve --listen=127.0.0.1:{{v4}} --listen=[::]:{{dual}} {WSGI}",
        "ipv4 ipv6",
    ),
    Server(
        "uvicorn h11",
        "uvicorn",
        f"uvicorn --http h11 --loop asyncio --port {{v4}} {ASGI}",
        "ipv4",
        websocket=True,
    ),
    Server(
        "uvicorn httptools, uvloop",
        "uvloop",
        f"uvicorn --http httptools --loop uvloop --ws websockets-sansio --port {{v4}} {ASGI}",
        "ipv4",
        websocket=True,
    ),
    Server(
        "uvicorn uvloop, TLS",
        "uvloop",
        f"uvicorn --loop uvloop --port {{tls}} --ssl-certfile {{cert}} --ssl-keyfile {{cert}}"
        f" {ASGI}",
        "tls",
        websocket=True,
    ),
    Server(
        "uvicorn asyncio, TLS",
        "uvicorn",
        f"uvicorn --loop asyncio --port {{tls}} --ssl-certfile {{cert}} --ssl-keyfile {{cert}}"
        f" {ASGI}",
        "tls",
    ),
    Server(
        "hypercorn asyncio",
        "hypercorn",
        f"{_HYPERCORN} {ASGI}",
        "ipv4 mapped ipv6 tls",
        websocket=True,
    ),
    Server(
        "hypercorn trio",
        "trio",
        f"{_HYPERCORN} -k trio {ASGI}",
        "ipv4 mapped ipv6 tls",
        websocket=True,
    ),
    Server("daphne", "daphne", f"{_DAPHNE} {ASGI}", "ipv4 mapped ipv6 tls", websocket=True),
    Server(
        "granian asgi",
        "granian",
        f"granian --interface asgi --host :: --port {{dual}} {ASGI}",
        "mapped ipv6",
        websocket=True,
    ),
    Server(
        "granian asgi, TLS",
        "granian",
        "granian --interface asgi --port {tls} --ssl-certificate {cert} --ssl-keyfile {cert}"
        f" {ASGI}",
        "tls",
    ),
    Server(
        "hypercorn, inside of other middleware",
        "hypercorn",
        "hypercorn -b 127.0.0.1:{v4} tests.real.syn_app:asgi_inside",
        "ipv4",
        websocket=True,
    ),
    Server(
        "daphne, inside of other middleware",
        "daphne",
        "daphne -p {v4} tests.real.syn_app:asgi_inside",
        "ipv4",
    ),
    Server(
        "uvicorn, inside of other middleware",
        "uvicorn",
        "uvicorn --port {v4} tests.real.syn_app:asgi_inside",
        "ipv4",
        websocket=True,
    ),
    Server(
        "gunicorn asgi, inside of other middleware",
        "gunicorn",
        "gunicorn -b 127.0.0.1:{v4} -k asgi tests.real.syn_app:asgi_inside",
        "ipv4",
        websocket=True,
    ),
]
"""Servers that nobody has prepared: Syn arms their listeners."""

PREPARED = [
    Server("gunicorn, when_ready", "gunicorn", f"{_GUNICORN} -c {{conf}} {WSGI}", "ipv4", False),
    Server("gunicorn, fd", "gunicorn", f"{_HAND_OVER} gunicorn -b fd://FD {WSGI}", "ipv6", False),
    Server("uvicorn, --fd", "uvicorn", f"{_HAND_OVER} uvicorn --fd FD {ASGI}", "mapped ipv6"),
    Server(
        "hypercorn, fd", "hypercorn", f"{_HAND_OVER} hypercorn -b fd://FD {ASGI}", "mapped ipv6"
    ),
    Server("uvicorn, sockets", "uvicorn", f"{_SCRIPT} own_uvicorn {{dual}}", "mapped ipv6"),
    Server("waitress, sockets", "waitress", f"{_SCRIPT} own_waitress {{dual}}", "mapped ipv6"),
    Server("cheroot", "cheroot", f"{_SCRIPT} own_cheroot {{dual}}", "mapped ipv6"),
    Server("Werkzeug", "werkzeug", f"{_SCRIPT} own_werkzeug {{v4}}", "ipv4", False),
    Server("wsgiref", "wsgiref", f"{_SCRIPT} own_wsgiref {{v4}}", "ipv4", False),
    Server("gevent.pywsgi", "gevent", f"{_SCRIPT} own_gevent {{v4}}", "ipv4"),
]
"""Servers whose listeners are armed as README says; their Syn does not."""

TRUSTING = [
    Server(
        "uvicorn, any proxy",
        "uvicorn",
        f"uvicorn --forwarded-allow-ips * --port {{v4}} {ASGI}",
        "ipv4",
    ),
    Server("daphne, proxy headers", "daphne", f"daphne --proxy-headers -p {{v4}} {ASGI}", "ipv4"),
]
"""Servers that take the client's address from whatever header it sends."""

WITHOUT_A_WAY = [
    Server(
        "granian, inside of other middleware",
        "granian",
        "granian --interface asgi --port {v4} tests.real.syn_app:asgi_inside",
        "ipv4",
    ),
    Server("granian wsgi", "granian", f"granian --interface wsgi --port {{v4}} {WSGI}", "ipv4"),
    Server(
        "uWSGI router",
        "pyuwsgi",
        f"uwsgi -H {sys.prefix} --http 127.0.0.1:{{v4}} --need-app --module {WSGI}",
        "ipv4",
    ),
]
SERVERS = {
    server.name: server
    for server in (
        *BY_ITSELF,
        *(server._replace(arm=False) for server in PREPARED),
        *TRUSTING,
        *WITHOUT_A_WAY,
    )
}


class Place(NamedTuple):
    """Where to connect to, and with what kind of URL."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    def connect(self, *, plain: bool = False) -> tuple[socket.socket, int]:
        """A new connection, from a client with an MSS of its own; it and the MSS.

        Args:
            plain: leave TLS to the caller.
        """
        sock = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        mss = next(_mss)
        try:
            sock.settimeout(20)
            sock.setsockopt(socket.IPPROTO_TCP, TCP_MAXSEG, mss)
            sock.connect((self.host, self.port))
            if self.tls is not None and not plain:
                sock = self.tls.wrap_socket(sock, server_hostname="localhost")
        except BaseException:
            sock.close()
            raise
        return sock, mss


class Farm(NamedTuple):
    """All servers, running."""

    ports: dict[str, dict[str, int]]
    certificate: Path

    def place(self, name: str, door: str) -> Place:
        if name not in self.ports:
            pytest.skip(f"{SERVERS[name].package} is not installed")
        listener, host = DOORS[door]
        context = None
        if listener == "tls":
            context = ssl.create_default_context(cafile=str(self.certificate))
        return Place(host, self.ports[name][listener], context)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    certificate = make_certificate(folder)
    conf = folder / "gunicorn.conf.py"
    conf.write_text("from p0f_middleware.syn import when_ready\npreload_app = True\n")
    free = iter({free_port("::") for _ in range(5 * len(SERVERS))})
    ports: dict[str, dict[str, int]] = {}
    loaded: list[Path] = []
    commands: dict[int | str, list[str]] = {}
    for server in SERVERS.values():
        if importlib.util.find_spec(server.package) is None:
            continue
        own = ports[server.name] = {listener: next(free) for listener in ("v4", "dual", "tls")}
        command = server.command.format(cert=certificate, conf=conf, **own).split()
        programs = [str(BIN / part) if (BIN / part).is_file() else part for part in command]
        options = json.dumps({"arm": server.arm})
        awaited = own[DOORS[server.doors.split()[0]][0]]
        loaded.append(folder / f"{len(loaded)}.loaded")
        settings = [f"P0F_TEST_SYN={options}", f"P0F_TEST_LOADED={loaded[-1]}"]
        commands[awaited] = [*settings, *programs]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with serve_all(commands, cwd=folder, env=environment):
        deadline = time.monotonic() + 30
        while not all(file.exists() for file in loaded):
            assert time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.05)
        time.sleep(10 * POLL)  # until the last listener is armed
        yield Farm(ports, certificate)


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost that signs itself, and its key, in one file."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    path = folder / "localhost.pem"
    chain = [issued.private_key_pem, *issued.cert_chain_pems, authority.cert_pem]
    path.write_bytes(b"".join(pem.bytes() for pem in chain))
    return path


def request(sock: socket.socket, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """One request over a connection, which stays open if the server agrees."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = sock
    connection.request("GET", "/", headers=headers or {})
    response = connection.getresponse()
    assert response.status == 200
    answer: dict[str, Any] = json.loads(response.read())
    return answer


def cases(servers: list[Server]) -> list[Any]:
    return [
        pytest.param(server.name, door, id=f"{server.name}-{door}")
        for server in servers
        for door in server.doors.split()
    ]


@pytest.mark.parametrize(("name", "door"), cases(BY_ITSELF + PREPARED))
def test_a_connection_is_told_its_own_syn(farm: Farm, name: str, door: str) -> None:
    place = farm.place(name, door)
    sock, mss = place.connect()
    with sock:
        answer = request(sock)
    assert (answer["status"], answer["info"] and answer["info"]["source"]) == ("ok", "syn"), answer
    ip_version, _, _, sent_mss = answer["info"]["raw_sig"].split(":")[:4]
    assert (ip_version, int(sent_mss)) == ("6" if ":" in place.host else "4", mss)


@pytest.mark.parametrize(
    ("name", "door"), cases([server for server in BY_ITSELF + PREPARED if server.keeps])
)
def test_later_requests_of_a_connection_are_told_the_same(farm: Farm, name: str, door: str) -> None:
    place = farm.place(name, door)
    sock, _ = place.connect()
    other, _ = place.connect()
    with sock, other:
        first = request(sock)
        request(other)
        assert request(sock) == first


@pytest.mark.parametrize("name", ["hypercorn asyncio", "hypercorn trio"])
def test_http_2_requests_of_a_connection_are_told_its_syn(farm: Farm, name: str) -> None:
    httpx = pytest.importorskip("httpx")
    pytest.importorskip("h2")
    place = farm.place(name, "tls")
    with httpx.Client(http2=True, verify=place.tls) as client:
        first, second = (client.get(f"https://localhost:{place.port}/") for _ in range(2))
    assert first.http_version == "HTTP/2"
    assert first.json()["info"]["raw_sig"].startswith("4:")
    assert second.json() == first.json()


@pytest.mark.parametrize(
    ("name", "door"), cases([server for server in BY_ITSELF if server.websocket])
)
def test_a_websocket_is_told_its_connections_syn(farm: Farm, name: str, door: str) -> None:
    client = pytest.importorskip("websockets.asyncio.client")
    place = farm.place(name, door)
    sock, mss = place.connect(plain=True)
    sock.setblocking(False)

    async def receive() -> Any:
        scheme = "ws" if place.tls is None else "wss"
        async with client.connect(f"{scheme}://localhost/", sock=sock, ssl=place.tls) as websocket:
            return json.loads(await websocket.recv())

    answer = asyncio.run(receive())
    assert answer["info"], answer
    assert f":{mss}:" in answer["info"]["raw_sig"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("granian, inside of other middleware", "P0fASGIMiddleware is the outermost middleware"),
        ("granian wsgi", "Granian does not expose the request's socket; gunicorn"),
        ("uWSGI router", "uWSGI's HTTP router keeps the connection to itself"),
    ],
)
def test_a_server_without_a_way_to_the_connection_is_named(
    farm: Farm, name: str, reason: str
) -> None:
    sock, _ = farm.place(name, "ipv4").connect()
    with sock:
        answer = request(sock)
    assert (answer["status"], answer["info"]) == ("unavailable", None)
    assert reason in answer["reason"]


def test_a_client_that_the_server_took_from_a_header_is_not_told_the_proxys_syn(farm: Farm) -> None:
    sock, _ = farm.place("uvicorn h11", "ipv4").connect()  # trusts 127.0.0.1 if not told otherwise
    with sock:
        answer = request(sock, {"X-Forwarded-For": "203.0.113.7"})
    assert (answer["status"], answer["info"]) == ("unavailable", None)
    assert answer["reason"].startswith("the server reports 203.0.113.7 port unknown as the client")


@pytest.mark.parametrize("server", [server.name for server in TRUSTING])
@pytest.mark.parametrize("form", ["{host}", "{host}:{port}"])
def test_a_client_cannot_borrow_the_syn_of_another_connection(
    farm: Farm, server: str, form: str
) -> None:
    place = farm.place(server, "ipv4")
    victim, _ = place.connect()
    sock, mss = place.connect()
    with victim, sock:
        assert request(victim)["status"] == "ok"
        host, port = victim.getsockname()
        answer = request(sock, {"X-Forwarded-For": form.format(host=host, port=port)})
    told = answer["info"] and answer["info"]["raw_sig"].split(":")[3]
    assert told in (None, str(mss)), answer
