"""The examples, started as a newcomer would, with the real p0f."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import fetch, free_port, serve

from .daemon import RealP0f

EXAMPLES = Path(__file__).parents[2] / "examples"
every_example = pytest.mark.parametrize(
    "example", sorted(path.name for path in EXAMPLES.glob("*_app.py"))
)


@contextlib.contextmanager
def running(example: str, p0f: RealP0f, cwd: Path) -> Iterator[int]:
    port = free_port()
    environ = {"P0F_SOCKET": p0f.socket_path, "PORT": str(port)}
    with serve([sys.executable, str(EXAMPLES / example)], port, cwd=cwd, env=environ):
        yield port


@every_example
def test_the_first_request_shows_the_visitors_system(
    example: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    with running(example, real_p0f, tmp_path) as port:
        status, page = fetch(port)
    assert status == 200
    assert "<h1>Linux</h1>" in page


@every_example
def test_json_has_status_and_fingerprint(example: str, real_p0f: RealP0f, tmp_path: Path) -> None:
    with running(example, real_p0f, tmp_path) as port:
        answer = json.loads(fetch(port, "/json")[1])
    assert answer["status"] == "ok"
    assert answer["info"]["os_name"] == "Linux"


@every_example
def test_it_says_that_p0f_has_ended(example: str, real_p0f: RealP0f, tmp_path: Path) -> None:
    with running(example, real_p0f, tmp_path) as port:
        real_p0f.kill()
        status, page = fetch(port)
        answer = json.loads(fetch(port, "/json")[1])
    assert status == 200
    assert "p0f could not be asked" in page
    assert answer == {"status": "unavailable", "info": None}


@every_example
def test_without_a_socket_it_says_what_to_set(example: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "P0F_SOCKET"}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore:pkg_resources:UserWarning", str(EXAMPLES / example)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Set P0F_SOCKET")
    assert len(ended.stderr.splitlines()) == 1
