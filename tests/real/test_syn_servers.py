"""Every server as a user starts it, without p0f: each connection is told its own SYN.

All servers start at once and serve the whole module. Nothing but these tests connects to them, so
once a server has loaded the application and listens, its first connection has to be right too.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trustme
from websockets.asyncio.client import connect

from p0f_middleware.syn.listeners import POLL
from tests.servers import BIN, free_port, serve_all

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

ROOT = Path(__file__).parents[2]
TCP_MAXSEG = 2
_mss = itertools.count(600)
"""Each client of these tests has another MSS, which makes its SYN unlike all others."""
DOORS = {
    "ipv4": ("v4", "127.0.0.1"),
    "mapped": ("dual", "127.0.0.1"),
    "ipv6": ("dual", "::1"),
    "tls": ("tls", "127.0.0.1"),
}
"""Which port and host to connect to. `mapped` is an IPv4 client of a listener for IPv6."""


class Server(NamedTuple):
    """How to start a server: `command` has {v4}, {dual}, {tls} for ports, and {cert}.

    `traits` are the DOORS that it has, and "once" where it takes one request a connection,
    "websocket" where it has them.
    """

    name: str
    traits: list[str]
    command: str

    @property
    def doors(self) -> list[str]:
        return [door for door in DOORS if door in self.traits]


MACROS = {
    "WSGI": "tests.real.app:wsgi",
    "ASGI": "tests.real.app:asgi",
    "INSIDE": "tests.real.app:asgi_inside",
    "GUNICORN": "gunicorn -b 127.0.0.1:{v4} -b [::]:{dual}",
    "GUNICORN_TLS": "gunicorn -b 127.0.0.1:{tls} --certfile {cert} --keyfile {cert}",
    "HYPERCORN": "hypercorn -b 127.0.0.1:{tls} --certfile {cert} --keyfile {cert}"
    " --insecure-bind 127.0.0.1:{v4} --insecure-bind [::]:{dual}",
    "DAPHNE": r"daphne -e tcp:{v4}:interface=127.0.0.1 -e tcp6:{dual}:interface=\:\:"
    " -e ssl:{tls}:interface=127.0.0.1:privateKey={cert}:certKey={cert}",
    "UVICORN_TLS": "uvicorn --port {tls} --ssl-certfile {cert} --ssl-keyfile {cert}",
    "GRANIAN_TLS": "granian --port {tls} --ssl-certificate {cert} --ssl-keyfile {cert}",
    "UWSGI": f"uwsgi -H {sys.prefix} --need-app",
    "SCRIPT": "python -m tests.real.syn_scripts",
    "HAND_OVER": "python -m tests.real.syn_scripts hand_over {dual}",
}


def servers(table: str) -> list[Server]:
    """From two lines each: the name and its traits, then the command."""
    lines = [line.strip() for line in table.strip().splitlines()]
    found = []
    for head, command in zip(lines[::2], lines[1::2], strict=True):
        name, _, traits = head.partition(": ")
        words = [MACROS.get(word, word) for word in command.split()]
        found.append(Server(name, traits.split(), " ".join(words)))
    return found


BY_ITSELF = servers("""
gunicorn sync: ipv4 mapped ipv6 once
    GUNICORN -w 2 WSGI
gunicorn preload: ipv4 ipv6 once
    GUNICORN --preload WSGI
gunicorn sync, TLS: tls once
    GUNICORN_TLS WSGI
gunicorn gthread: ipv4 mapped ipv6
    GUNICORN -k gthread --threads 4 WSGI
gunicorn gthread, TLS: tls
    GUNICORN_TLS -k gthread --threads 4 WSGI
gunicorn gevent: ipv4 mapped ipv6
    GUNICORN -k gevent WSGI
gunicorn gevent, TLS: tls
    GUNICORN_TLS -k gevent WSGI
gunicorn asgi: ipv4 mapped ipv6 websocket
    GUNICORN -k asgi ASGI
gunicorn asgi, TLS: tls
    GUNICORN_TLS -k asgi ASGI
uWSGI: ipv4 mapped ipv6 once
    UWSGI --http-socket 127.0.0.1:{v4} --http-socket [::]:{dual} --module WSGI
waitress: ipv4 ipv6
    waitress-serve --listen=127.0.0.1:{v4} --listen=[::]:{dual} WSGI
uvicorn h11: ipv4 websocket
    uvicorn --http h11 --loop asyncio --port {v4} ASGI
uvicorn httptools, uvloop: ipv4 websocket
    uvicorn --http httptools --loop uvloop --ws websockets-sansio --port {v4} ASGI
uvicorn uvloop, TLS: tls websocket
    UVICORN_TLS --loop uvloop ASGI
uvicorn asyncio, TLS: tls
    UVICORN_TLS --loop asyncio ASGI
hypercorn asyncio: ipv4 mapped ipv6 tls websocket
    HYPERCORN ASGI
hypercorn trio: ipv4 mapped ipv6 tls websocket
    HYPERCORN -k trio ASGI
daphne: ipv4 mapped ipv6 tls websocket
    DAPHNE ASGI
granian asgi: mapped ipv6 websocket
    granian --interface asgi --host :: --port {dual} ASGI
granian asgi, TLS: tls
    GRANIAN_TLS --interface asgi ASGI
hypercorn, inside of other middleware: ipv4 websocket
    hypercorn -b 127.0.0.1:{v4} INSIDE
daphne, inside of other middleware: ipv4
    daphne -p {v4} INSIDE
uvicorn, inside of other middleware: ipv4 websocket
    uvicorn --port {v4} INSIDE
gunicorn asgi, inside of other middleware: ipv4 websocket
    gunicorn -b 127.0.0.1:{v4} -k asgi INSIDE
""")
"""Servers that nobody has prepared: Syn arms their listeners."""

PREPARED = servers("""
gunicorn, when_ready: ipv4 once
    GUNICORN -c {conf} WSGI
gunicorn, fd: ipv6 once
    HAND_OVER gunicorn -b fd://FD WSGI
uvicorn, --fd: mapped ipv6
    HAND_OVER uvicorn --fd FD ASGI
hypercorn, fd: mapped ipv6
    HAND_OVER hypercorn -b fd://FD ASGI
uvicorn, sockets: mapped ipv6
    SCRIPT own_uvicorn {dual}
waitress, sockets: mapped ipv6
    SCRIPT own_waitress {dual}
cheroot: mapped ipv6
    SCRIPT own_cheroot {dual}
Werkzeug: ipv4 once
    SCRIPT own_werkzeug {v4}
wsgiref: ipv4 once
    SCRIPT own_wsgiref {v4}
gevent.pywsgi: ipv4
    SCRIPT own_gevent {v4}
""")
"""Servers whose listeners are armed as the manual says; their Syn does not."""

TRUSTING = servers("""
uvicorn, any proxy: ipv4
    uvicorn --forwarded-allow-ips * --port {v4} ASGI
daphne, proxy headers: ipv4
    daphne --proxy-headers -p {v4} ASGI
""")
"""Servers that take the client's address from whatever header it sends."""

WITHOUT_A_WAY = servers("""
granian, inside of other middleware: ipv4
    granian --interface asgi --port {v4} INSIDE
granian wsgi: ipv4
    granian --interface wsgi --port {v4} WSGI
uWSGI router: ipv4
    UWSGI --http 127.0.0.1:{v4} --module WSGI
""")
SERVERS = [*BY_ITSELF, *PREPARED, *TRUSTING, *WITHOUT_A_WAY]


class Place(NamedTuple):
    """Where to connect to, and with what kind of URL."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    def connect(self, *, plain: bool = False, mss: int = 0) -> tuple[socket.socket, int]:
        """A new connection, from a client with an MSS of its own; it and the MSS.

        Args:
            plain: leave TLS to the caller.
        """
        sock = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        mss = mss or next(_mss)
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
    for server in SERVERS:
        own = ports[server.name] = {listener: next(free) for listener in ("v4", "dual", "tls")}
        command = server.command.format(cert=certificate, conf=conf, **own).split()
        programs = [str(BIN / part) if (BIN / part).is_file() else part for part in command]
        options = json.dumps({"arm": server not in PREPARED})
        awaited = own[DOORS[server.doors[0]][0]]
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
        for door in server.doors
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
    ("name", "door"),
    cases([server for server in BY_ITSELF + PREPARED if "once" not in server.traits]),
)
def test_later_requests_of_a_connection_are_told_the_same(farm: Farm, name: str, door: str) -> None:
    place = farm.place(name, door)
    sock, _ = place.connect()
    other, _ = place.connect()
    with sock, other:
        first = request(sock)
        request(other)
        assert request(sock) == first


@pytest.mark.parametrize(
    "name", ["gunicorn gthread, TLS", "hypercorn asyncio", "uvicorn uvloop, TLS"]
)
@pytest.mark.parametrize("system", ["Linux", "Windows"])
def test_a_user_agent_that_lies_is_seen(farm: Farm, name: str, system: str) -> None:
    said = {"Linux": "X11; Linux x86_64", "Windows": "Windows NT 10.0; Win64; x64"}[system]
    browser = f"Mozilla/5.0 ({said}) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36"
    sock, _ = farm.place(name, "tls").connect(mss=1460)  # as over Ethernet
    with sock:
        claim = request(sock, {"User-Agent": browser})["claim"]
    verdict = "agree" if system == "Linux" else "mismatch"
    assert (claim["claimed"], claim["seen"], claim["verdict"]) == (system, "Linux", verdict)


@pytest.mark.parametrize("name", ["hypercorn asyncio", "hypercorn trio"])
def test_http_2_requests_of_a_connection_are_told_its_syn(farm: Farm, name: str) -> None:
    place = farm.place(name, "tls")
    assert place.tls is not None
    with httpx.Client(http2=True, verify=place.tls) as client:
        first, second = (client.get(f"https://localhost:{place.port}/") for _ in range(2))
    assert first.http_version == "HTTP/2"
    assert first.json()["info"]["raw_sig"].startswith("4:")
    assert second.json() == first.json()


@pytest.mark.parametrize(
    ("name", "door"), cases([server for server in BY_ITSELF if "websocket" in server.traits])
)
def test_a_websocket_is_told_its_connections_syn(farm: Farm, name: str, door: str) -> None:
    place = farm.place(name, door)
    sock, mss = place.connect(plain=True)
    sock.setblocking(False)

    async def receive() -> Any:
        scheme = "ws" if place.tls is None else "wss"
        async with connect(f"{scheme}://localhost/", sock=sock, ssl=place.tls) as websocket:
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
