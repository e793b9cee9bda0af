"""A newcomer's first program: as README and the quickstart have it, started as they say."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from tests.docs.pages import SNIPPETS
from tests.servers import fetch, free_port, serve

from ..needs import unavailable

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


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_shows_the_system_of_its_visitor(program: str, tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        unavailable("Linux keeps SYNs")
    framework, code = PROGRAMS[program]
    pytest.importorskip(framework)
    (tmp_path / "app.py").write_text(code)
    port = free_port()
    command = [sys.executable, *COMMANDS[framework], str(port)]
    with serve(command, port, cwd=tmp_path, env={"P0F_SOCKET": ""}):
        deadline = time.monotonic() + 10  # the very first connection may come too early
        while json.loads(fetch(port)[1]).get("system") != "Linux":
            assert time.monotonic() < deadline, fetch(port)
        answer = json.loads(fetch(port)[1])
    assert answer == SHOWN[program.partition(",")[0]]


def test_both_pages_have_both_programs() -> None:
    assert len(PROGRAMS) == 4
