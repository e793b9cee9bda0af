"""The examples, and the programs of README and the quickstart, started as a newcomer would.

Each client has a loopback address of its own: what p0f knows of 127.0.0.1 is everybody's.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import SNIPPETS
from tests.servers import fetch, free_port, serve

from .daemon import RealP0f

EXAMPLES = Path(__file__).parents[2] / "examples"
every_example = pytest.mark.parametrize(
    "example", sorted(path.name for path in EXAMPLES.glob("*_app.py"))
)
PROGRAMS = {
    f"{snippet.page}, {framework}": (framework, snippet.code)
    for snippet in SNIPPETS
    if snippet.page in ("README.md", "quickstart.md") and snippet.language == "python"
    for framework in ("flask", "fastapi")
    if f"from {framework} import" in snippet.code
}
QUICKSTART = [snippet.code for snippet in SNIPPETS if snippet.page == "quickstart.md"]
SHOWN = {
    "README.md": {"system": "Linux", "why not": None},
    "quickstart.md": json.loads(next(code for code in QUICKSTART if code.startswith("{"))),
}
"""The answers that the pages promise to a client on the same Linux machine."""
COMMANDS = {
    "flask": ["-m", "flask", "--app", "app", "run", "--port"],
    "fastapi": ["-m", "uvicorn", "app:app", "--port"],
}
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


def get_json(port: int, path: str = "/json", client: str | None = None) -> Any:
    return json.loads(fetch(port, path, source=client)[1])


def until(wanted: Any, port: int, path: str = "/json", client: str | None = None) -> Any:
    """The answer once it has these items: a server that was just started may get connections before
    it keeps their SYNs."""
    deadline = time.monotonic() + 10
    while not wanted.items() <= (answer := get_json(port, path, client)).items():
        assert time.monotonic() < deadline, answer
    return answer


@every_example
def test_without_p0f_it_reads_the_connections_syn(
    example: str, client: str, tmp_path: Path
) -> None:
    with running(example, tmp_path) as port:
        answer = until({"status": "ok"}, port, client=client)
        status, page = fetch(port, source=client)
    assert (status, answer["info"]["source"]) == (200, "syn")
    assert "From the SYN of each connection" in page
    assert "Fingerprints come from the SYN" in (tmp_path / "server.log").read_text()


@every_example
def test_with_p0f_it_shows_the_visitors_system_until_that_ends(
    example: str, client: str, real_p0f: RealP0f, tmp_path: Path
) -> None:
    real_p0f.introduce(client)  # on a busy machine p0f may see a new client later than grace allows
    with running(example, tmp_path, real_p0f) as port:
        page = fetch(port, source=client)[1]
        answer = get_json(port, client=client)
        real_p0f.kill()
        status, without = fetch(port, source=f"{client[:-1]}8")
        none = get_json(port, client=f"{client[:-1]}8")
    assert "<h1>Linux</h1>" in page
    assert f"From p0f at {real_p0f.socket_path}" in page
    assert (answer["status"], answer["info"]["os_name"]) == ("ok", "Linux")
    assert (status, none) == (200, {"status": "unavailable", "info": None})
    assert "could not be asked" in without


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_newcomers_first_program_shows_the_system_of_its_visitor(
    program: str, tmp_path: Path
) -> None:
    framework, code = PROGRAMS[program]
    (tmp_path / "app.py").write_text(code)
    port = free_port()
    command = [sys.executable, *COMMANDS[framework], str(port)]
    with serve(command, port, cwd=tmp_path, env={"P0F_SOCKET": ""}):
        answer = until({"system": "Linux"}, port, "/")
    assert answer == SHOWN[program.partition(",")[0]]


def test_both_pages_have_both_programs() -> None:
    assert len(PROGRAMS) == 4


@pytest.mark.parametrize("alive", [True, False])
def test_djangos_check_says_how_p0f_is_and_leaves_it_well(
    real_p0f: RealP0f, tmp_path: Path, alive: bool
) -> None:
    if not alive:
        real_p0f.kill()
    before = real_p0f.cpu_seconds() if alive else 0
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "django_app.py"), "check", "--fail-level=WARNING"],
        env={**os.environ, "P0F_SOCKET": real_p0f.socket_path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is alive
    assert ("start it again" in done.stderr) is not alive
    if alive:
        real_p0f.introduce("127.0.0.2")
        assert real_p0f.cpu_seconds() - before < 0.5
