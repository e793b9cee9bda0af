"""The manual's pages on shared SYNs, typed as they stand, on a machine of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.edges import namespaces
from tests.servers import BIN

from .pages import code_on, nginx_conf, text_of

ENV = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin"}
MACHINE = f"p0f-{os.getpid()}-typed"
TRY_IT = "Try it on one machine"
MADE_UP = "192.0.2.66"

pytestmark = pytest.mark.needs("root", "ip", "redis-server", "curl")


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    with namespaces(MACHINE):
        yield


@pytest.mark.needs("haproxy")
def test_two_machines_on_one(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(code_on("shared.md", TRY_IT)[0])
    (tmp_path / "haproxy.cfg").write_text(code_on("shared.md", TRY_IT, "haproxy")[0])
    _, _, *commands, question = code_on("shared.md", TRY_IT, "sh")
    with contextlib.ExitStack() as stack:
        for command in commands:
            stack.enter_context(typed(command, tmp_path))
        answer = ask(question, tmp_path)
    assert answer == "Linux, by its syn\n"
    assert "It answers `Linux, by its syn`." in text_of("shared.md")


@pytest.mark.needs("nginx", "openssl")
def test_nginx_in_ten_minutes(tmp_path: Path) -> None:
    certificate, check = code_on("nginx.md", "3. nginx", "sh")
    commands = code_on("nginx.md", "4. The edge and the application", "sh")
    question, hostile, doctor = code_on("nginx.md", "5. Check that it works", "sh")
    (tmp_path / "app.py").write_text(code_on("nginx.md", "2. The application")[0])
    configuration = nginx_conf(tmp_path, f"include {tmp_path}/site.conf;\n")
    (tmp_path / "nginx.conf").write_text(configuration)
    site = code_on("nginx.md", "3. nginx", "nginx")[0].replace("/etc/nginx", str(tmp_path))
    (tmp_path / "site.conf").write_text(site)
    assert done(certificate.replace("/etc/nginx", str(tmp_path)), tmp_path).returncode == 0
    nginx = f"nginx -e stderr -c {tmp_path}/nginx.conf"
    assert check.startswith("nginx -t ")
    assert done(f"{nginx} -t", tmp_path).returncode == 0
    with contextlib.ExitStack() as stack:
        for command in ("redis-server --save ''", nginx, *commands):
            stack.enter_context(typed(command, tmp_path))
        answer = ask(question, tmp_path)
        forged = done(hostile, tmp_path).stdout
        found = done(doctor, tmp_path)
    assert MADE_UP in hostile
    assert answer == forged == "127.0.0.1 runs Linux, by its syn\n"
    assert "It answers `127.0.0.1 runs Linux, by its syn`" in text_of("nginx.md")
    assert "FAULT" not in found.stdout, found.stdout


@contextlib.contextmanager
def typed(command: str, folder: Path) -> Iterator[None]:
    """A command that runs in a terminal of its own."""
    with (folder / f"{command.split()[0]}.log").open("wb") as log:
        process = subprocess.Popen(_there(command), cwd=folder, stdout=log, stderr=log, env=ENV)
    try:
        yield
    finally:
        process.terminate()
        process.wait(15)


def ask(command: str, folder: Path) -> str:
    """What a command prints, once all that it needs runs and a SYN was shared."""
    deadline = time.monotonic() + 60
    while True:
        asked = done(command, folder)
        if asked.returncode == 0 and "by its syn" in asked.stdout:
            return asked.stdout
        logs = {path.name: path.read_text() for path in folder.glob("*.log")}
        assert time.monotonic() < deadline, (asked.stdout, asked.stderr, logs)
        time.sleep(0.2)


def done(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        _there(command), cwd=folder, capture_output=True, text=True, check=False, env=ENV
    )


def _there(command: str) -> list[str]:
    return ["ip", "netns", "exec", MACHINE, "sh", "-c", f"exec {command}"]
