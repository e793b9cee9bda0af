"""The first request of a new client has its fingerprint, and p0f's absence harms no request."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.servers import fetch, free_port, serve_all

from .daemon import RealP0f

CLIENTS = 50
SERVERS = {
    "gunicorn sync": "gunicorn tests.real.app:wsgi -b 127.0.0.1:{port}",
    "gunicorn gthread": "gunicorn -k gthread --threads 4 tests.real.app:wsgi -b 127.0.0.1:{port}",
    "uvicorn": "uvicorn tests.real.app:asgi --port {port}",
}
every_server = pytest.mark.parametrize("server", SERVERS)


class Site(NamedTuple):
    p0f: RealP0f
    ports: dict[str, int]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    ports = {name: free_port() for name in SERVERS}
    commands = {port: SERVERS[name].format(port=port) for name, port in ports.items()}
    with (
        RealP0f(folder) as p0f,
        serve_all(commands, cwd=folder, env={"P0F_TEST_SOURCE": p0f.socket_path}),
    ):
        yield Site(p0f, ports)


def answer(port: int, source: str | None = None) -> dict[str, Any]:
    status, body = fetch(port, source=source)
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def system(port: int, source: str | None = None) -> Any:
    """What the application is told at once."""
    found = answer(port, source)
    return found["info"] and found["info"]["os_name"]


def until_linux(port: int, seconds: float = 5.0) -> float:
    began = time.monotonic()
    while system(port) != "Linux":
        assert time.monotonic() - began < seconds, answer(port)
        time.sleep(0.02)
    return time.monotonic() - began


@every_server
def test_every_first_request_has_a_fingerprint(server: str, site: Site) -> None:
    until_linux(site.ports[server])
    network = 10 + list(SERVERS).index(server)
    clients = [f"127.{network}.{number}.7" for number in range(CLIENTS)]
    seen = [system(site.ports[server], client) for client in clients]
    print(f"\n{server}: {seen.count('Linux')} of {CLIENTS}")
    assert seen == ["Linux"] * CLIENTS


@every_server
def test_a_stopped_p0f_delays_a_request_by_the_timeout_and_comes_back(
    server: str, site: Site
) -> None:
    port = site.ports[server]
    until_linux(port)
    site.p0f.pause()
    began = time.monotonic()
    assert answer(port)["status"] == "unavailable"
    stopped = time.monotonic() - began
    site.p0f.resume()
    resumed = until_linux(port)
    site.p0f.restart()
    restarted = until_linux(port)
    print(f"\n{server}: {stopped:.3f} s when stopped; back after {resumed:.2f}, {restarted:.2f} s")
    assert stopped < 0.5
