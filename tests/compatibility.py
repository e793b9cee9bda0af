"""Makes README's table of servers from what the tests of servers have run.

    python -m tests.compatibility     # prints it; what failed on the way goes to stderr

The columns and their cells are what the tests record with `record_property`.
"""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from .matrix import SERVERS, Server

BEGIN, END = "<!-- servers: begin -->", "<!-- servers: end -->"
"""Stand around the table in README."""
COLUMNS = (
    "IPv4",
    "IPv6",
    "IPv4 over `[::]`",
    "Unix socket",
    "proxy on it",
    "response untouched",
    "websocket",
)
NONE = "none"
DASH = "\N{EN DASH}"


class Recorder:
    """A pytest plugin that keeps what each server's tests have recorded."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = next((s.name for s in SERVERS if f"[{s.name}" in report.nodeid), None)
        if name is None:
            return
        for column, cell in report.user_properties:
            self.cells[name].setdefault(str(column), DASH if cell == NONE else str(cell))


def table(cells: Mapping[str, Mapping[str, str]]) -> str:
    """A row for each server; a combination that recorded nothing has failed."""
    head = ("Server", "Version", *COLUMNS)
    rows = [head, ("---",) * len(head), *(_row(server, cells) for server in SERVERS)]
    return "\n".join([BEGIN, *(f"| {' | '.join(row)} |" for row in rows), END])


def _row(server: Server, cells: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    recorded = cells.get(server.name, {})
    return server.name, server.version, *(recorded.get(c, "**fails**") for c in COLUMNS)


def names_in(readme: str) -> list[str] | None:
    """The servers in README's table; None if it has none."""
    if BEGIN not in readme:
        return None
    rows = readme.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def main() -> int:
    """Run the tests of servers and print the table; returns pytest's exit status."""
    recorder = Recorder()
    tests = str(Path(__file__).parent / "real" / "test_servers.py")
    with contextlib.redirect_stdout(sys.stderr):
        status = pytest.main(["-q", "--tb=short", tests], plugins=[recorder])
    print(table(recorder.cells))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
