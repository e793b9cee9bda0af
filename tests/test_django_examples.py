"""The Django examples: the application as it is started, the model as it is copied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware import P0fStatus
from p0f_middleware.testing import SAMPLE, FakeP0f

from .servers import BIN, fetch, free_port, serve

pytest.importorskip("django")

EXAMPLES = Path(__file__).parent.parent / "examples"
SERVERS = {
    "runserver": [sys.executable, "django_app.py"],
    "uvicorn": [str(BIN / "uvicorn"), "--no-proxy-headers", "django_app:asgi_app"],
}


@pytest.fixture(params=SERVERS)
def site(request: pytest.FixtureRequest, fake_p0f: FakeP0f, tmp_path: Path) -> Any:
    """The port of the example, served by each of the ways its docstring names."""
    shutil.copy(EXAMPLES / "django_app.py", tmp_path)
    fake_p0f.hosts["127.0.0.1"] = SAMPLE
    port = free_port()
    command = SERVERS[request.param]
    if request.param == "uvicorn":
        pytest.importorskip("uvicorn")
        command = [*command, "--port", str(port)]
    env = {"P0F_SOCKET": fake_p0f.socket_path, "PORT": str(port), "PYTHONPATH": str(tmp_path)}
    with serve(command, port, cwd=tmp_path, env=env):
        yield port


def test_the_page_shows_the_fingerprint(site: int) -> None:
    status, body = fetch(site)
    assert status == 200
    assert all(text in body for text in SAMPLE.describe().values())


def test_the_page_says_why_there_is_none(site: int) -> None:
    for _ in range(5):
        status, body = fetch(site, source="127.0.0.9")
        if "in time" not in body:  # on a busy machine the answer may come too late for the example
            break
    assert status == 200
    assert "No fingerprint" in body
    assert escape(P0fStatus.NO_MATCH.describe()) in body


def test_json_has_the_same(site: int) -> None:
    assert json.loads(fetch(site, "/json")[1]) == {"status": "ok", "info": SAMPLE.as_dict()}


@pytest.mark.parametrize("use_tz", [True, False])
def test_the_model_keeps_every_field(tmp_path: Path, use_tz: bool) -> None:
    app = tmp_path / "visitors"
    app.mkdir()
    (app / "__init__.py").touch()
    shutil.copy(EXAMPLES / "django_models.py", app / "models.py")
    subprocess.run(
        [sys.executable, "-W", "error", Path(__file__).parent / "django_model_project.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "USE_TZ": str(use_tz)},
        check=True,
    )
