"""The whole way: HAProxy and nginx at the edge, the agent beside them, a store, applications."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers import free_port, serve_all
from tests.shared.stores import SERVER, RealStore

from .edges import ROOT, Agent, caddy, environment, haproxy, nginx, servers

pytestmark = pytest.mark.needs("root", SERVER, "haproxy", "nginx")

EDGES = ["haproxy", "nginx", pytest.param("caddy", marks=pytest.mark.needs("caddy"))]
NETWORKS = {"haproxy": 20, "nginx": 21, "caddy": 22}
"""The second byte of their clients' addresses."""
FIRST_REQUESTS = 300
AT_MOST_WRONG = 1
ATTEMPTS = 3
"""How often to try: on a machine that is too busy the agent comes later than `grace` waits."""


class Site(NamedTuple):
    """What runs: the ports of the edges, the agent, and the store."""

    haproxy: int
    nginx: int
    caddy: int
    agent: Agent
    store: RealStore


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("edge")
    ports = free_port(), free_port(), free_port()
    apps = free_port(), free_port()
    gunicorn, uvicorn = servers(folder, f"127.0.0.1:{apps[0]}", apps[1])
    commands: Any = {
        apps[0]: gunicorn,
        apps[1]: uvicorn,
        ports[0]: haproxy(folder, f"127.0.0.1:{ports[0]}", f"127.0.0.1:{apps[0]}"),
        ports[1]: nginx(folder, f"127.0.0.1:{ports[1]}", f"127.0.0.1:{apps[1]}"),
    }
    if shutil.which("caddy"):
        commands[ports[2]] = caddy(folder, f":{ports[2]}", f"127.0.0.1:{apps[0]}")
    with RealStore(folder) as store:
        options = {"trusted_proxies": ["127.0.0.1"], "client_port_header": "X-Client-Port"}
        env = environment(store.url, hold=0, **options)
        with (
            serve_all(commands, cwd=folder, env=env),
            Agent(folder, *_options(store, *ports)) as agent,
        ):
            yield Site(*ports, agent, store)


class Client:
    """A connection of a client whose TCP stack is told from others by its MSS."""

    def __init__(self, port: int, address: str, mss: int) -> None:
        self.mss = mss
        self.sock = socket.socket()
        self.sock.settimeout(10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        self.sock.bind((address, 0))
        self.sock.connect(("127.0.0.1", port))

    def get(self, *headers: str) -> dict[str, Any]:
        """Send a request on this connection; what the application says of it."""
        lines = ["GET / HTTP/1.1", "Host: edge", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        response = http.client.HTTPResponse(self.sock)
        response.begin()
        answer: dict[str, Any] = json.loads(response.read())
        return answer

    def is_told_right(self, *headers: str) -> bool:
        """Whether the application knows this connection's own SYN."""
        info = self.get(*headers)["info"]
        told = info and (info["raw_sig"].split(":")[3], info["source"])
        return bool(told == (str(self.mss), "syn"))

    def close(self) -> None:
        self.sock.close()


@pytest.mark.parametrize("edge", EDGES)
def test_the_first_request_of_new_clients_is_told_their_own_syn(site: Site, edge: str) -> None:
    wrong = FIRST_REQUESTS
    for attempt in range(ATTEMPTS):
        network = f"127.{NETWORKS[edge]}.{2 * attempt}"
        told = _first_requests(getattr(site, edge), network)
        wrong = min(wrong, sum(not right for right in told))
        if wrong <= AT_MOST_WRONG:
            break

    assert wrong <= AT_MOST_WRONG


def _first_requests(port: int, network: str) -> Iterator[bool]:
    """Whether each of many new clients, of new addresses, is told its own SYN at once."""
    head, _, third = network.rpartition(".")
    for number in range(FIRST_REQUESTS):
        address = f"{head}.{int(third) + number // 250}.{number % 250 + 1}"
        with contextlib.closing(Client(port, address, 600 + number)) as client:
            yield client.is_told_right()


@pytest.mark.parametrize("edge", EDGES)
def test_ten_stacks_behind_one_address_are_told_apart(site: Site, edge: str) -> None:
    clients = [Client(getattr(site, edge), "127.9.9.9", 700 + number) for number in range(10)]
    right = sum(client.is_told_right() for _ in range(20) for client in clients)
    for client in clients:
        client.close()

    assert right == 200


@pytest.mark.parametrize("edge", EDGES)
def test_a_client_cannot_choose_its_address_or_port(site: Site, edge: str) -> None:
    with (
        contextlib.closing(Client(getattr(site, edge), "127.9.9.1", 900)) as client,
        contextlib.closing(Client(getattr(site, edge), "127.9.9.2", 901)) as liar,
    ):
        client.get()
        lie = f"X-Client-Port: {client.sock.getsockname()[1]}", "X-Forwarded-For: 127.9.9.1"

        assert liar.is_told_right(*lie)


def test_an_application_without_the_clients_port_is_told_whose_syn_it_is(
    site: Site, tmp_path: Path
) -> None:
    app = free_port()
    gunicorn, _ = servers(tmp_path, f"127.0.0.1:{app}", 1)
    env = environment(site.store.url, trusted_proxies=["127.0.0.1"])
    with (
        contextlib.closing(Client(site.haproxy, "127.9.9.3", 950)) as seen,
        serve_all({app: gunicorn}, cwd=tmp_path, env=env),
        contextlib.closing(Client(app, "127.0.0.1", 951)) as proxy,
    ):
        seen.get()
        answer = proxy.get("X-Forwarded-For: 127.9.9.3")

    assert (answer["status"], answer["reason"]) == ("ok", None)
    assert answer["info"]["source"] == "address"
    assert answer["info"]["raw_sig"].split(":")[3] == "950"


@pytest.mark.parametrize("edge", EDGES)
def test_while_the_store_is_stopped_requests_go_on(site: Site, edge: str) -> None:
    with contextlib.closing(Client(getattr(site, edge), "127.9.9.4", 960)) as client:
        client.get()
        site.store.stop()
        try:
            began = time.monotonic()
            answers = [client.get() for _ in range(5)]
            took = time.monotonic() - began
        finally:
            site.store.resume()
        deadline = time.monotonic() + 40
        while not client.is_told_right():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    site.agent.wait_for("is back after", site.agent.log.count("store is down"))  # for the next test

    assert {answer["status"] for answer in answers} == {"unavailable"}
    assert took < 1.0


# The agent


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RealStore]:
    with RealStore(tmp_path) as store:
        yield store


def connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10):
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A TCP port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_signals_have_it_print_its_counts_and_end(
    store: RealStore, port: int, tmp_path: Path
) -> None:
    with Agent(tmp_path, *_options(store, port)) as agent:
        for _ in range(3):
            connect(port)
        counts = agent.counts_once("3 SYNs seen")
        status = agent.end()

    assert counts.startswith("3 SYNs seen, 3 written, 0 over the rate, 0 dropped")
    assert status == 0
    assert agent.log.splitlines()[-1] == counts


def test_it_starts_without_its_store_and_finds_it(
    store: RealStore, port: int, tmp_path: Path
) -> None:
    store.kill()
    with Agent(tmp_path, *_options(store, port)) as agent:
        agent.wait_for("store is down")
        connect(port)
        dropped = agent.counts_once("1 SYNs seen")
        store.start()
        agent.wait_for("is back after")
        connect(port)
        written = agent.counts_once("2 SYNs seen")

    assert dropped.startswith("1 SYNs seen, 0 written, 0 over the rate, 1 dropped")
    assert written.startswith("2 SYNs seen, 1 written, 0 over the rate, 1 dropped")
    assert (agent.log.count("store is down"), agent.log.count("is back")) == (1, 1)


def test_a_store_that_stops_and_goes_on_is_two_lines(
    store: RealStore, port: int, tmp_path: Path
) -> None:
    with Agent(tmp_path, *_options(store, port)) as agent:
        store.stop()
        connect(port)
        agent.wait_for("store is down")
        connect(port)
        store.resume()
        agent.wait_for("is back after")

    assert (agent.log.count("store is down"), agent.log.count("is back")) == (1, 1)


def test_a_full_store_that_evicts_nothing_is_away(port: int, tmp_path: Path) -> None:
    limits = "--maxmemory", "1kb", "--maxmemory-policy", "noeviction"
    with RealStore(tmp_path, limits) as full, Agent(tmp_path, *_options(full, port)) as agent:
        agent.wait_for("refuses: command not allowed")


NO_CAPABILITIES = ["setpriv", "--no-new-privs", "--inh-caps=-all"]
needs_setpriv = pytest.mark.needs("setpriv")


@needs_setpriv
def test_it_needs_no_capability_but_to_capture(store: RealStore, port: int, tmp_path: Path) -> None:
    runner = [*NO_CAPABILITIES, "--bounding-set=-all,+net_raw"]
    with Agent(tmp_path, *_options(store, port), runner=runner) as agent:
        status = Path(f"/proc/{agent.pid}/status").read_text()
        connect(port)
        counts = agent.counts_once("1 SYNs seen")

    assert "CapEff:\t0000000000002000\n" in status
    assert counts.startswith("1 SYNs seen, 1 written")


@needs_setpriv
@pytest.mark.parametrize("command", ["edge", "watch"])
def test_without_it_it_says_what_it_needs(store: RealStore, port: int, command: str) -> None:
    options = _options(store, port) if command == "edge" else ["--interface", "lo"]
    runner = [*NO_CAPABILITIES, "--bounding-set=-all"]
    words = [*runner, sys.executable, "-m", "p0f_middleware", command, *options]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith("p0f-middleware: reading packets needs CAP_NET_RAW")


def test_the_password_is_in_no_line(store: RealStore, port: int, tmp_path: Path) -> None:
    url = store.url.replace("://", "://edge:hunter2@")
    file = tmp_path / "url"
    file.write_text(f"{url}\n")
    options = ["--interface", "lo", "--port", str(port), "--store-file", str(file)]
    with Agent(tmp_path, *options) as agent:
        agent.wait_for("store is down")

    assert "hunter2" not in agent.log
    assert "invalid username-password pair" in agent.log


def _options(store: RealStore, *ports: int) -> list[str]:
    wanted = [word for port in ports for word in ("--port", str(port))]
    return ["--interface", "lo", "--store", store.url, *wanted]
