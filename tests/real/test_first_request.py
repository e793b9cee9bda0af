"""The first request of a new client has its fingerprint, and p0f's absence harms no request."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from tests.servers import BIN, fetch, free_port, serve

from .daemon import RealP0f

CLIENTS = 50

APP = """
import os
from p0f_middleware import P0fASGIMiddleware, P0fWSGIMiddleware

def say(carrier):
    info = carrier["p0f.info"]
    return (info.os_name if info else str(carrier["p0f.status"])).encode()

def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [say(environ)]

async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": say(scope)})

wsgi = P0fWSGIMiddleware(wsgi, os.environ["P0F_SOCKET"])
asgi = P0fASGIMiddleware(asgi, os.environ["P0F_SOCKET"])
"""

SERVERS = {
    "gunicorn-sync": ["gunicorn", "-w", "2", "app:wsgi", "-b"],
    "gunicorn-gthread": [
        "gunicorn",
        "-w",
        "2",
        "-k",
        "gthread",
        "--threads",
        "4",
        "app:wsgi",
        "-b",
    ],
    "uvicorn": ["uvicorn", "--log-level", "warning", "app:asgi"],
}


def command(server: str, host: str, port: int) -> list[str]:
    program, *rest = SERVERS[server]
    shown = f"[{host}]" if ":" in host else host
    where = ["--host", host, "--port", str(port)] if program == "uvicorn" else [f"{shown}:{port}"]
    return [str(BIN / program), *rest, *where]


@pytest.mark.parametrize("server", SERVERS)
def test_every_first_request_has_a_fingerprint(
    server: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP)
    port = free_port()
    sources = (f"127.{b}.{c}.7" for b, c in itertools.product(range(10, 60), (3,)))
    env = {"P0F_SOCKET": real_p0f.socket_path}
    took = []
    with serve(command(server, "127.0.0.1", port), port, cwd=tmp_path, env=env):
        seen = []
        for source in itertools.islice(sources, CLIENTS):
            began = time.monotonic()
            seen.append(fetch(port, source=source)[1])
            took.append(time.monotonic() - began)
    median = sorted(took)[len(took) // 2]
    print(f"\n{server}: {seen.count('Linux')} of {CLIENTS}, median {median * 1000:.1f} ms")
    assert seen == ["Linux"] * CLIENTS


@pytest.mark.parametrize("server", SERVERS)
def test_a_stopped_p0f_delays_a_request_by_the_timeout_and_comes_back(
    server: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP)
    port = free_port()
    env = {"P0F_SOCKET": real_p0f.socket_path}
    with serve(command(server, "127.0.0.1", port), port, cwd=tmp_path, env=env):
        assert fetch(port)[1] == "Linux"
        real_p0f.pause()
        began = time.monotonic()
        assert fetch(port) == (200, "unavailable")
        stopped = time.monotonic() - began
        real_p0f.resume()
        resumed = until_linux(port)
        real_p0f.restart()
        restarted = until_linux(port)
    print(
        f"\n{server}: {stopped * 1000:.0f} ms when stopped; back {resumed:.2f} s after SIGCONT,"
        f" {restarted:.2f} s after a restart"
    )
    assert stopped < 0.3


def until_linux(port: int, seconds: float = 5.0) -> float:
    began = time.monotonic()
    while (answer := fetch(port)[1]) != "Linux":
        assert time.monotonic() - began < seconds, answer
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.parametrize("server", SERVERS)
def test_ipv6_clients_are_looked_up(server: str, real_p0f: RealP0f, tmp_path: Path) -> None:
    """p0f's signatures fit no IPv6 SYN with a flow label: it knows the host, not its system."""
    (tmp_path / "app.py").write_text(APP.replace("info.os_name if", "'known' if"))
    port = free_port("::1")
    env = {"P0F_SOCKET": real_p0f.socket_path}
    with serve(command(server, "::1", port), port, cwd=tmp_path, env=env):
        assert fetch(port, host="::1") == (200, "known")
