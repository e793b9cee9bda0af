"""The Django examples: the application as it is started, the model as it is copied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

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


@pytest.mark.parametrize("server", SERVERS)
def test_the_application_shows_the_fingerprint_or_why_there_is_none(
    server: str, fake_p0f: FakeP0f, tmp_path: Path
) -> None:
    shutil.copy(EXAMPLES / "django_app.py", tmp_path)
    fake_p0f.hosts["127.0.0.1"] = SAMPLE
    port = free_port()
    command = SERVERS[server]
    if server == "uvicorn":
        pytest.importorskip("uvicorn")
        command = [*command, "--port", str(port)]
    env = {"P0F_SOCKET": fake_p0f.socket_path, "PORT": str(port), "PYTHONPATH": str(tmp_path)}
    with serve(command, port, cwd=tmp_path, env=env):
        status, page = fetch(port)
        assert status == 200
        assert all(text in page for text in SAMPLE.describe().values())
        assert json.loads(fetch(port, "/json")[1]) == {"status": "ok", "info": SAMPLE.as_dict()}

        for _ in range(5):
            status, page = fetch(port, source="127.0.0.9")
            if "in time" not in page:  # on a busy machine the answer may come too late
                break
        assert status == 200
        assert "No fingerprint" in page
        assert escape(P0fStatus.NO_MATCH.describe()) in page


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
