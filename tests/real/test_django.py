"""Django's system check with the real p0f: it says how p0f is, and does it no harm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .daemon import RealP0f

EXAMPLE = Path(__file__).parents[2] / "examples" / "django_app.py"


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
    assert "start it again" in said.stderr
