"""The examples, started as a newcomer would: without a daemon, and with the real p0f.

Each client has a loopback address of its own: what p0f knows of 127.0.0.1 is everybody's.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import fetch, free_port, serve

from .daemon import RealP0f

EXAMPLES = Path(__file__).parents[2] / "examples"
every_example = pytest.mark.parametrize(
    "example", sorted(path.name for path in EXAMPLES.glob("*_app.py"))
)
_hosts = itertools.count(1)


@pytest.fixture
def client() -> str:
    """A loopback address that nobody else uses."""
    return f"127.{os.getpid() % 200 + 20}.{next(_hosts)}.7"


@contextlib.contextmanager
def running(example: str, cwd: Path, p0f: RealP0f | None = None) -> Iterator[int]:
    """The example's port, while it runs; its output is in `cwd`/server.log."""
    port = free_port()
    environ = {"P0F_SOCKET": p0f.socket_path if p0f else "", "PORT": str(port)}
    with serve([sys.executable, str(EXAMPLES / example)], port, cwd=cwd, env=environ):
        yield port


def get_json(port: int, client: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(fetch(port, "/json", source=client)[1])
    return answer


def wait_until_syns_are_kept(port: int, client: str) -> None:
    """A server that was just started may get connections before it keeps their SYNs."""
    deadline = time.monotonic() + 10
    while get_json(port, client)["status"] != "ok":
        assert time.monotonic() < deadline, "its listener is not found"


@every_example
def test_without_p0f_it_reads_the_connections_syn(
    example: str, client: str, tmp_path: Path
) -> None:
    with running(example, tmp_path) as port:
        wait_until_syns_are_kept(port, client)
        status, page = fetch(port, source=client)
        answer = get_json(port, client)
    assert (status, answer["status"]) == (200, "ok")
    assert answer["info"]["source"] == "syn"
    assert "From the SYN of each connection" in page
    assert "Fingerprints come from the SYN" in (tmp_path / "server.log").read_text()


@every_example
def test_with_p0f_it_shows_the_visitors_system(
    example: str, client: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    real_p0f.introduce(client)  # on a busy machine p0f may see a new client later than grace allows
    with running(example, tmp_path, real_p0f) as port:
        status, page = fetch(port, source=client)
        answer = get_json(port, client)
    assert status == 200
    assert "<h1>Linux</h1>" in page
    assert f"From p0f at {real_p0f.socket_path}" in page
    assert (answer["status"], answer["info"]["os_name"]) == ("ok", "Linux")


@every_example
def test_it_says_that_p0f_has_ended(
    example: str, client: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    with running(example, tmp_path, real_p0f) as port:
        real_p0f.kill()
        status, page = fetch(port, source=client)
        answer = get_json(port, client)
    assert status == 200
    assert "could not be asked" in page
    assert answer == {"status": "unavailable", "info": None}
