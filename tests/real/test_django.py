"""Django with the real p0f: a real connection's fingerprint, and a check that does p0f no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.servers import fetch, free_port, serve

from .daemon import RealP0f

EXAMPLE = Path(__file__).parents[2] / "examples" / "django_app.py"


def test_a_visitor_of_the_example_sees_what_p0f_saw(real_p0f: RealP0f, tmp_path: Path) -> None:
    port = free_port()
    env = {"P0F_SOCKET": real_p0f.socket_path, "PORT": str(port)}
    with serve([sys.executable, str(EXAMPLE)], port, cwd=tmp_path, env=env):
        real_p0f.introduce("127.0.0.1")
        visit = json.loads(fetch(port, "/json")[1])
    assert visit["status"] == "ok"
    assert visit["info"]["distance"] == 0


def test_manage_py_check_connects_and_leaves_p0f_well(real_p0f: RealP0f, tmp_path: Path) -> None:
    env = {**os.environ, "P0F_SOCKET": real_p0f.socket_path}
    check = [sys.executable, str(EXAMPLE), "check", "--fail-level=WARNING"]
    before = real_p0f.cpu_seconds()
    subprocess.run(check, env=env, cwd=tmp_path, check=True)
    real_p0f.introduce("127.0.0.2")
    assert real_p0f.cpu_seconds() - before < 0.5


def test_manage_py_check_warns_of_a_dead_p0f(real_p0f: RealP0f, tmp_path: Path) -> None:
    real_p0f.kill()
    env = {**os.environ, "P0F_SOCKET": real_p0f.socket_path}
    check = [sys.executable, str(EXAMPLE), "check"]
    said = subprocess.run(check, env=env, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "p0f has ended: start it again" in said.stderr
