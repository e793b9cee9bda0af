"""The examples, and the programs of README and the quickstart, started as a newcomer would.

Each client has a loopback address of its own: what p0f knows of 127.0.0.1 is everybody's.
"""

from __future__ import annotations

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
from tests.servers import Command, Place, fetch, free_port, serve_all

from .daemon import RealP0f

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.name for path in EXAMPLES.glob("*_app.py"))
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


def commands(ports: dict[str, int]) -> dict[Place, Command]:
    """The examples' command lines."""
    return {port: f"PORT={port} python {EXAMPLES / name}" for name, port in ports.items()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of the examples and of the programs, without p0f."""
    folder = tmp_path_factory.mktemp("examples")
    ports = {name: free_port() for name in [*NAMES, *PROGRAMS]}
    all_commands = commands({name: ports[name] for name in NAMES})
    for number, (program, (framework, code)) in enumerate(PROGRAMS.items()):
        (folder / f"app{number}.py").write_text(code)
        run = f"flask --app app{number} run" if framework == "flask" else f"uvicorn app{number}:app"
        all_commands[ports[program]] = f"{run} --port {ports[program]}"
    with serve_all(all_commands, cwd=folder, env={"P0F_SOCKET": ""}):
        yield ports
    log = (folder / "server.log").read_text()
    assert log.count("Fingerprints come from the SYN") == len(NAMES)


def get_json(port: int, path: str = "/json", client: str = "127.0.0.1") -> Any:
    return json.loads(fetch(port, path, source=client)[1])


def until(wanted: Any, port: int, path: str = "/json") -> Any:
    """The answer once it has these items: a server that was just started may get connections before
    it keeps their SYNs."""
    deadline = time.monotonic() + 10
    while not wanted.items() <= (answer := get_json(port, path)).items():
        assert time.monotonic() < deadline, answer
    return answer


@pytest.mark.parametrize("name", NAMES)
def test_without_p0f_an_example_reads_the_connections_syn(name: str, alone: dict[str, int]) -> None:
    answer = until({"status": "ok"}, alone[name])
    status, page = fetch(alone[name])
    assert (status, answer["info"]["source"]) == (200, "syn")
    assert "From the SYN of each connection" in page


def test_with_p0f_the_examples_show_the_visitors_system_until_that_ends(
    real_p0f: RealP0f, tmp_path: Path
) -> None:
    ports = {name: free_port() for name in NAMES}
    client, other = "127.20.1.7", "127.20.1.8"
    real_p0f.introduce(client)  # on a busy machine p0f may see a new client later than grace allows
    with serve_all(commands(ports), cwd=tmp_path, env={"P0F_SOCKET": real_p0f.socket_path}):
        pages = {name: fetch(port, source=client)[1] for name, port in ports.items()}
        answers = {name: get_json(port, client=client) for name, port in ports.items()}
        real_p0f.kill()
        without = {name: fetch(port, source=other) for name, port in ports.items()}
        nothing = {name: get_json(port, client=other) for name, port in ports.items()}
    for name in NAMES:
        assert "<h1>Linux</h1>" in pages[name]
        assert f"From p0f at {real_p0f.socket_path}" in pages[name]
        assert (answers[name]["status"], answers[name]["info"]["os_name"]) == ("ok", "Linux")
        assert without[name][0] == 200
        assert "could not be asked" in without[name][1]
        assert nothing[name] == {"status": "unavailable", "info": None}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_newcomers_first_program_shows_the_system_of_its_visitor(
    program: str, alone: dict[str, int]
) -> None:
    answer = until({"system": "Linux"}, alone[program], "/")
    assert answer == SHOWN[program.partition(",")[0]]


def test_both_pages_have_both_programs() -> None:
    assert len(PROGRAMS) == 4


@pytest.mark.parametrize("alive", [True, False])
def test_djangos_check_says_how_p0f_is_and_leaves_it_well(
    real_p0f: RealP0f, tmp_path: Path, alive: bool
) -> None:
    if not alive:
        real_p0f.kill()
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
    assert real_p0f.alive is alive
