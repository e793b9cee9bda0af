"""The manual's page on shared SYNs, typed as it stands, on a machine of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import SNIPPETS
from tests.servers import BIN

from .edges import namespaces

pytestmark = pytest.mark.needs("root", "ip", "redis-server", "haproxy", "curl")
MACHINE = f"p0f-{os.getpid()}-recipe"
RECIPE = [s for s in SNIPPETS if (s.page, s.heading) == ("shared.md", "Try it on one machine")]


def test_it_shows_the_visitors_system_behind_the_proxy(tmp_path: Path) -> None:
    _, application, configuration, commands, question = (snippet.code for snippet in RECIPE)
    (tmp_path / "app.py").write_text(application)
    (tmp_path / "haproxy.cfg").write_text(configuration)
    with namespaces(MACHINE), contextlib.ExitStack() as stack:
        for command in commands.splitlines():
            stack.enter_context(typed(command, tmp_path))
        answer = ask(question, tmp_path)

    assert answer == "Linux, by its syn\n"


@contextlib.contextmanager
def typed(command: str, folder: Path) -> Iterator[None]:
    """A command that runs in a terminal of its own."""
    with (folder / f"{command.split()[0]}.log").open("wb") as log:
        process = subprocess.Popen(_there(command), cwd=folder, stdout=log, stderr=log, env=_env())
    try:
        yield
    finally:
        process.terminate()
        process.wait(15)


def ask(command: str, folder: Path) -> str:
    """What a command prints, once all that it needs runs and a SYN was shared."""
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(
            _there(command), cwd=folder, capture_output=True, text=True, check=False, env=_env()
        )
        if done.returncode == 0 and "by its syn" in done.stdout:
            return done.stdout
        logs = {path.name: path.read_text() for path in folder.glob("*.log")}
        assert time.monotonic() < deadline, (done.stdout, done.stderr, logs)
        time.sleep(0.2)


def _there(command: str) -> list[str]:
    return ["ip", "netns", "exec", MACHINE, *shlex.split(command)]


def _env() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin"}
