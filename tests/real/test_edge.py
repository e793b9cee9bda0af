"""The whole way: proxies at the edge, the agent beside them, a store, applications."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from p0f_middleware.edge.agent import read_sign
from tests.servers import exchange, free_port, serve_all
from tests.shared.stores import SERVER, RealStore

from .edges import PROXIES, ROOT, Agent, environment, proxy, servers

pytestmark = pytest.mark.needs("root", SERVER, "haproxy", "nginx", "caddy")

BATCHES, STACKS = 30, 10
AT_MOST_WRONG = 1
ATTEMPTS = 3
"""How often to try: on a machine that is too busy the agent comes later than `grace` waits."""
every_edge = pytest.mark.parametrize("edge", PROXIES)


class Site(NamedTuple):
    """What runs: the edges' ports by name, the agent, and the store."""

    ports: dict[str, int]
    agent: Agent
    store: RealStore


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("edge")
    ports = {name: free_port() for name in PROXIES}
    apps = free_port(), free_port()
    gunicorn, uvicorn = servers(f"127.0.0.1:{apps[0]}", apps[1])
    commands: Any = {apps[0]: gunicorn, apps[1]: uvicorn}
    for name, port in ports.items():
        app = apps[1] if name == "nginx" else apps[0]
        commands[port] = proxy(name, folder, f"127.0.0.1:{port}", f"127.0.0.1:{app}")
    middleware = {"trusted_proxies": ["127.0.0.1"], "client_port_header": "X-Client-Port"}
    options = ["--interface", "lo", *(f"--port={port}" for port in ports.values())]
    with (
        RealStore(folder) as store,
        serve_all(commands, cwd=folder, env=environment(store.url, **middleware, hold=0)),
        Agent(folder, *options, "--store", store.url) as agent,
    ):
        yield Site(ports, agent, store)


class Client(socket.socket):
    """A connection of a client whose TCP stack is told from others by its MSS."""

    def __init__(self, port: int, address: str, mss: int) -> None:
        super().__init__()
        self.mss = mss
        self.settimeout(10)
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        self.bind((address, 0))
        self.connect(("127.0.0.1", port))

    def get(self, **headers: str) -> Any:
        """Send a request on this connection; what the application says of it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return json.loads(exchange(self, headers=named).body)

    def is_told_right(self, **headers: str) -> bool:
        """Whether the application knows this connection's own SYN."""
        info = self.get(**headers)["info"] or {"source": None}
        return info["source"] == "syn" and int(info["raw_sig"].split(":")[3]) == self.mss


@every_edge
def test_stacks_behind_one_address_are_told_apart_from_their_first_request_on(
    site: Site, edge: str
) -> None:
    assert any(wrong_answers(site.ports[edge]) <= AT_MOST_WRONG for _ in range(ATTEMPTS))


def wrong_answers(port: int) -> int:
    """How often clients are not told their own SYN: each at once, and when others have come."""
    right = []
    for _ in range(BATCHES):
        with contextlib.ExitStack() as stack:
            clients = []
            for mss in range(700, 700 + STACKS):
                clients.append(stack.enter_context(Client(port, "127.9.9.9", mss)))
                right.append(clients[-1].is_told_right())
            right += [client.is_told_right() for client in clients]
    return right.count(False)


@every_edge
def test_a_client_cannot_choose_its_address_or_port(site: Site, edge: str) -> None:
    with (
        Client(site.ports[edge], "127.9.9.1", 900) as client,
        Client(site.ports[edge], "127.9.9.2", 901) as liar,
    ):
        client.get()
        port = str(client.getsockname()[1])
        assert liar.is_told_right(X_Client_Port=port, X_Forwarded_For="127.9.9.1")


@pytest.mark.parametrize("edge", ["haproxy", "nginx"])  # in front of gunicorn and uvicorn
def test_while_the_store_is_stopped_requests_go_on(site: Site, edge: str) -> None:
    with Client(site.ports[edge], "127.9.9.4", 960) as client:
        client.get()
        site.store.stop()
        try:
            began = time.monotonic()
            statuses = {client.get()["status"] for _ in range(5)}
            took = time.monotonic() - began
        finally:
            site.store.resume()
        deadline = time.monotonic() + 40
        while not client.is_told_right():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    site.agent.wait_for("is back after", site.agent.log.count("store is down"))  # for the next test

    assert statuses == {"unavailable"}
    assert took < 2.0


# The agent

NO_CAPABILITIES = ["setpriv", "--no-new-privs", "--inh-caps=-all"]
NO_MORE = "--bounding-set=-all"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RealStore]:
    store = RealStore(tmp_path)
    yield store
    store.kill()


@pytest.fixture
def port() -> Iterator[int]:
    """A TCP port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def options(store: RealStore, port: int) -> list[str]:
    return ["--interface", "lo", "--port", str(port), "--store", store.url]


def connect(port: int, times: int = 1) -> None:
    for _ in range(times):
        socket.create_connection(("127.0.0.1", port), 10).close()


@pytest.mark.needs("setpriv")
def test_with_one_capability_it_writes_prints_its_counts_and_ends(
    store: RealStore, port: int, options: list[str], tmp_path: Path
) -> None:
    store.start()
    with Agent(tmp_path, *options, runner=[*NO_CAPABILITIES, f"{NO_MORE},+net_raw"]) as agent:
        capabilities = Path(f"/proc/{agent.pid}/status").read_text()
        connect(port, 3)
        counts = agent.counts_once("3 SYNs seen")
        status = agent.end()
    with redis.Redis(port=store.port) as client:
        sign = read_sign(client.get("p0f:edge"))

    assert "CapEff:\t0000000000002000\n" in capabilities
    assert counts.startswith("3 SYNs seen, 3 written, 0 over the rate, 0 dropped")
    assert sign is not None
    assert sign.interface == "lo"
    assert status == 0
    assert agent.log.splitlines()[-1] == counts


def test_it_starts_without_its_store_finds_it_and_says_each_outage_once(
    store: RealStore, port: int, options: list[str], tmp_path: Path
) -> None:
    with Agent(tmp_path, *options) as agent:
        agent.wait_for("store is down")
        connect(port)
        dropped = agent.counts_once("1 SYNs seen")
        store.start()
        agent.wait_for("is back after")
        connect(port)
        written = agent.counts_once("2 SYNs seen")
        store.stop()
        connect(port)
        agent.wait_for("store is down", 2)
        connect(port)
        store.resume()
        agent.wait_for("is back after", 2)

    assert dropped.startswith("1 SYNs seen, 0 written, 0 over the rate, 1 dropped")
    assert written.startswith("2 SYNs seen, 1 written, 0 over the rate, 1 dropped")
    assert (agent.log.count("store is down"), agent.log.count("is back")) == (2, 2)


@pytest.mark.needs("setpriv")
@pytest.mark.parametrize("command", ["edge", "watch"])
def test_without_it_it_says_what_it_needs(options: list[str], command: str) -> None:
    words = options if command == "edge" else ["--interface", "lo"]
    program = [*NO_CAPABILITIES, NO_MORE, sys.executable, "-m", "p0f_middleware", command, *words]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith("p0f-middleware: reading packets needs CAP_NET_RAW")
