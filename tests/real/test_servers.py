"""Every server as a user starts it, with the SYN of each connection and with the real p0f.

All servers start at once and serve the whole module. Nothing but these tests connects to them, so
once a server has loaded the application and listens, its first connection has to be right too.
What is recorded here becomes the table in docs/maintaining.md.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import itertools
import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import httpx
import pytest
import trustme
from websockets.asyncio.client import connect

from p0f_middleware.syn.listeners import POLL
from tests.matrix import DOORS, OTHERS, SERVERS, Server
from tests.servers import Command, Place, exchange, free_port, serve_all

from ..needs import unavailable
from .daemon import RealP0f

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

Record: TypeAlias = Callable[[str, str], None]
_mss = itertools.count(600)
"""Each client of these tests has another MSS, which makes its SYN unlike all others."""
_hosts = itertools.count(2)


class Farm(NamedTuple):
    """All servers, running: their TCP ports and their sockets' paths."""

    folder: Path
    places: dict[str, dict[str, Any]]

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def connect(
        self, name: str, door: str, *, plain: bool = False, mss: int = 0
    ) -> tuple[socket.socket, int]:
        """A new connection, from a client with an MSS of its own; it and the MSS.

        Args:
            plain: leave TLS to the caller.
        """
        listener, host = DOORS[door]
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        mss = mss or next(_mss)
        try:
            sock.settimeout(20)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
            sock.connect((host, self.places[name][listener]))
            if door == "tls" and not plain:
                sock = self.tls().wrap_socket(sock, server_hostname="localhost")
        except BaseException:
            sock.close()
            raise
        return sock, mss


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        folder / "localhost.pem"
    )
    conf = folder / "prepared.conf.py"
    conf.write_text("from p0f_middleware.syn import when_ready\n")
    installed = [server for server in SERVERS + OTHERS if is_installed(server)]
    free = iter({free_port("::") for _ in range(5 * len(installed))})
    places: dict[str, dict[str, Any]] = {}
    loaded: list[Path] = []
    commands: dict[Place, Command] = {}
    for number, server in enumerate(installed):
        own: dict[str, Any] = {listener: next(free) for listener in ("v4", "dual", "tls")}
        own["unix"] = str(folder / f"{number}.sock")
        places[server.name] = own
        for command in server.commands:
            loaded.append(folder / f"{len(loaded)}.loaded")
            awaited = own[re.findall(r"{(v4|dual|tls|unix)}", command)[-1]]
            commands[awaited] = [
                f"P0F_TEST_SYN={json.dumps({'arm': 'prepared' not in server.traits})}",
                f"P0F_TEST_LOADED={loaded[-1]}",
                *command.format(cert=folder / "localhost.pem", conf=conf, **own).split(),
            ]
    environment = {
        "P0F_TEST_MIDDLEWARE": json.dumps({"trusted_proxies": ["unix:"]}),
        "P0F_TEST_SOCKET": str(folder / "p0f.sock"),
        "PYTHONUNBUFFERED": "1",
    }
    with serve_all(commands, cwd=folder, env=environment):
        deadline = time.monotonic() + 90
        while not all(file.exists() for file in loaded):
            assert time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.05)
        time.sleep(50 * POLL)  # until the last listener is enabled, on a busy machine
        yield Farm(folder, places)


def is_installed(server: Server) -> bool:
    try:
        return bool(server.version)
    except importlib.metadata.PackageNotFoundError:
        return False


# The SYN of each connection


def cases(*traits: str, without: str = "") -> pytest.MarkDecorator:
    """The doors of the servers that have these traits, and not that one, as parameters."""
    return pytest.mark.parametrize(
        ("name", "door"),
        [
            pytest.param(server.name, door, id=f"{server.name}-{door}")
            for server in SERVERS + OTHERS
            if "blind" not in server.traits and without not in server.traits
            for door in server.doors
            if all(trait in server.traits for trait in traits)
        ],
    )


def ask(sock: socket.socket, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """One request over a connection, which stays open if the server agrees."""
    answer: dict[str, Any] = json.loads(exchange(sock, headers=headers).body)
    return answer


def mss_in(answer: dict[str, Any]) -> int:
    assert (answer["status"], answer["info"] and answer["info"]["source"]) == ("ok", "syn"), answer
    return int(answer["info"]["raw_sig"].split(":")[3])


@cases()
def test_a_connection_is_told_its_own_syn(farm: Farm, name: str, door: str) -> None:
    sock, mss = farm.connect(name, door)
    with sock:
        answer = ask(sock)
    assert mss_in(answer) == mss
    assert answer["info"]["raw_sig"][0] == ("6" if door == "ipv6" else "4")


@cases(without="once")
def test_later_requests_of_a_connection_are_told_the_same(farm: Farm, name: str, door: str) -> None:
    sock, _ = farm.connect(name, door)
    other, _ = farm.connect(name, door)
    with sock, other:
        first = ask(sock)
        ask(other)
        assert ask(sock) == first


@cases("websocket")
def test_a_websocket_is_told_its_connections_syn(
    farm: Farm, name: str, door: str, record_property: Record
) -> None:
    sock, mss = farm.connect(name, door, plain=True)
    sock.setblocking(False)
    tls = farm.tls() if door == "tls" else None

    async def receive() -> Any:
        async with connect(f"{'wss' if tls else 'ws'}://localhost/", sock=sock, ssl=tls) as opened:
            return json.loads(await opened.recv())

    assert mss_in(asyncio.run(receive())) == mss
    record_property("websocket", "yes")


@pytest.mark.parametrize("name", ["Hypercorn, asyncio", "Hypercorn, trio"])
def test_http_2_requests_of_a_connection_are_told_its_syn(farm: Farm, name: str) -> None:
    with httpx.Client(http2=True, verify=farm.tls()) as client:
        url = f"https://localhost:{farm.places[name]['tls']}/"
        first, second = (client.get(url) for _ in range(2))
    assert first.http_version == "HTTP/2"
    assert first.json()["info"]["raw_sig"].startswith("4:")
    assert second.json() == first.json()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Granian, inside of other middleware", "P0fASGIMiddleware is the outermost middleware"),
        ("Granian, WSGI", "Granian does not expose the request's socket; gunicorn"),
        ("uWSGI, router", "uWSGI's HTTP router keeps the connection to itself"),
    ],
)
def test_a_server_without_a_way_to_the_connection_is_named(
    farm: Farm, name: str, reason: str
) -> None:
    sock, _ = farm.connect(name, "ipv4")
    with sock:
        answer = ask(sock)
    assert (answer["status"], answer["info"]) == ("unavailable", None)
    assert reason in answer["reason"]


def test_a_client_that_the_server_took_from_a_header_is_not_told_the_proxys_syn(farm: Farm) -> None:
    sock, _ = farm.connect("uvicorn, h11", "ipv4")  # trusts 127.0.0.1 if not told otherwise
    with sock:
        answer = ask(sock, {"X-Forwarded-For": "203.0.113.7"})
    assert (answer["status"], answer["info"]) == ("unavailable", None)
    assert answer["reason"].startswith("the server reports 203.0.113.7 port unknown as the client")


@pytest.mark.parametrize("name", [server.name for server in OTHERS[-2:]])
@pytest.mark.parametrize("form", ["{host}", "{host}:{port}"])
def test_a_client_cannot_borrow_the_syn_of_another_connection(
    farm: Farm, name: str, form: str
) -> None:
    victim, _ = farm.connect(name, "ipv4")
    sock, mss = farm.connect(name, "ipv4")
    with victim, sock:
        assert ask(victim)["status"] == "ok"
        host, port = victim.getsockname()
        answer = ask(sock, {"X-Forwarded-For": form.format(host=host, port=port)})
    assert answer["info"] is None or mss_in(answer) == mss


# The real p0f

every_server = pytest.mark.parametrize("server", SERVERS, ids=[server.name for server in SERVERS])


@pytest.fixture(scope="module")
def p0f(farm: Farm) -> Iterator[RealP0f]:
    with RealP0f(farm.folder, "-S", "100") as p0f:  # each of the servers' processes asks
        yield p0f


@pytest.fixture
def listeners(farm: Farm, p0f: RealP0f, server: Server) -> dict[str, Any]:
    """Where the server listens."""
    if not is_installed(server):
        unavailable(f"{server.name} is not installed")
    return farm.places[server.name]


@pytest.fixture
def stranger() -> str:
    """A loopback address that p0f has not seen."""
    return f"127.9.{next(_hosts) // 250}.{next(_hosts) % 250 + 1}"


def told(place: Place, **options: Any) -> tuple[Any, ...]:
    """What the application knows of its client: the server's word, the status, the system."""
    response = exchange(place, "/p0f/", **options)
    assert response.status == 200, response.body
    found = json.loads(response.body)
    return found["peer"], found["status"], found["info"] and found["info"]["os_name"]


@every_server
def test_first_request_over_tcp(
    server: Server, listeners: dict[str, Any], stranger: str, record_property: Record
) -> None:
    assert told(listeners["v4"], source=stranger) == (stranger, "ok", "Linux")
    record_property("IPv4", "yes")
    assert told(listeners["dual"], host="::1")[:2] == ("::1", "ok")  # other clients are there too
    record_property("IPv6", "yes")
    other = f"127.10.{stranger[6:]}"
    if "mapped" in server.traits:
        peer, *found = told(listeners["dual"], source=other)
        assert found == ["ok", "Linux"]
        mapped = f"yes, as `{peer.replace(other, '127.0.0.1')}`"
    else:
        with pytest.raises(ConnectionRefusedError):
            told(listeners["dual"], source=other)
        mapped = "listens for IPv6 only"
    record_property("IPv4 over `[::]`", mapped)
    if "websocket" not in server.traits:
        record_property("websocket", "none")


@every_server
def test_unix_socket_has_no_address_but_the_one_that_a_trusted_proxy_names(
    server: Server,
    p0f: RealP0f,
    listeners: dict[str, Any],
    stranger: str,
    record_property: Record,
) -> None:
    if "unix" not in server.traits:
        record_property("Unix socket", "none")
        record_property("proxy on it", "none")
        return
    assert told(listeners["unix"])[1:] == ("no_address", None)
    record_property("Unix socket", "`no_address`")
    p0f.introduce(stranger)
    headers = {"X-Forwarded-For": f"192.0.2.1, {stranger}"}
    assert told(listeners["unix"], headers=headers)[1:] == ("ok", "Linux")
    option = re.search(r"--\S*proxy\S*", server.commands[0])
    record_property("proxy on it", f"yes, with `{option[0]}`" if option else "yes")


@every_server
def test_response_is_the_applications_own(
    listeners: dict[str, Any], record_property: Record
) -> None:
    def pages(path: str) -> list[tuple[int, list[tuple[str, str]], bytes]]:
        get = exchange(listeners["v4"], path)
        post = exchange(listeners["v4"], path, method="POST", body=b"field=value")
        return [
            (status, [(name, value) for name, value in headers if name.lower() != "date"], body)
            for status, headers, body in (get, post)
        ]

    bare = pages("/bare/page")
    assert [status for status, _, _ in bare] == [409, 409]
    assert pages("/p0f/page") == bare
    record_property("response untouched", "yes")
