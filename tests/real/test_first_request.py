"""The first request of a new client has its fingerprint, and p0f's absence harms no request."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import BIN, fetch, free_port, serve

from .daemon import RealP0f

CLIENTS = 50
ROOT = Path(__file__).parents[2]
SERVERS = {
    "gunicorn sync": "gunicorn -w 2 tests.real.app:wsgi -b {host}:{port}",
    "gunicorn gthread": "gunicorn -w 2 -k gthread --threads 4 tests.real.app:wsgi -b {host}:{port}",
    "uvicorn": "uvicorn tests.real.app:asgi --host {host} --port {port}",
}
every_server = pytest.mark.parametrize("server", SERVERS)


@contextlib.contextmanager
def running(server: str, p0f: RealP0f, folder: Path, host: str = "127.0.0.1") -> Iterator[int]:
    port = free_port(host)
    shown = f"[{host}]" if ":" in host and "gunicorn" in server else host
    program, *words = SERVERS[server].format(host=shown, port=port).split()
    env = {"P0F_TEST_SOURCE": p0f.socket_path, "PYTHONPATH": str(ROOT)}
    with serve([str(BIN / program), *words], port, cwd=folder, env=env):
        yield port


def answer(port: int, **options: Any) -> dict[str, Any]:
    status, body = fetch(port, **options)
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def system(port: int, **options: Any) -> Any:
    """What the application is told at once."""
    found = answer(port, **options)
    return found["info"] and found["info"]["os_name"]


@every_server
def test_every_first_request_has_a_fingerprint(
    server: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    with running(server, real_p0f, tmp_path) as port:
        seen = [system(port, source=f"127.{10 + number}.3.7") for number in range(CLIENTS)]
    print(f"\n{server}: {seen.count('Linux')} of {CLIENTS}")
    assert seen == ["Linux"] * CLIENTS


@every_server
def test_a_stopped_p0f_delays_a_request_by_the_timeout_and_comes_back(
    server: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    with running(server, real_p0f, tmp_path) as port:
        assert system(port) == "Linux"
        real_p0f.pause()
        began = time.monotonic()
        assert answer(port)["status"] == "unavailable"
        stopped = time.monotonic() - began
        real_p0f.resume()
        resumed = until_linux(port)
        real_p0f.restart()
        restarted = until_linux(port)
    print(f"\n{server}: {stopped:.3f} s when stopped; back after {resumed:.2f}, {restarted:.2f} s")
    assert stopped < 0.5


def until_linux(port: int, seconds: float = 5.0) -> float:
    began = time.monotonic()
    while system(port) != "Linux":
        assert time.monotonic() - began < seconds, answer(port)
        time.sleep(0.02)
    return time.monotonic() - began


@every_server
def test_ipv6_clients_are_looked_up(server: str, real_p0f: RealP0f, tmp_path: Path) -> None:
    """p0f's signatures fit no IPv6 SYN with a flow label: it knows the host, not its system."""
    with running(server, real_p0f, tmp_path, "::1") as port:
        assert answer(port, host="::1")["status"] == "ok"
