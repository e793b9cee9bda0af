"""Writes the manual's table of servers from what the tests of servers have run.

    python -m tests.compatibility     # as root, with p0f; rewrites docs/maintaining.md

The columns and their cells are what the tests record with `record_property`. A combination that
recorded nothing has failed, and the table says so.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from .matrix import SERVERS

PAGE = Path(__file__).parents[1] / "docs" / "maintaining.md"
BEGIN, END = "<!-- servers: begin -->", "<!-- servers: end -->"
COLUMNS = (
    "IPv4",
    "IPv6",
    "IPv4 over `[::]`",
    "Unix socket",
    "proxy on it",
    "response untouched",
    "websocket",
)
HEAD = ("Server", "Version", *COLUMNS)
DASH = "\N{EN DASH}"  # for what a server does not have


class Recorder:
    """A pytest plugin that keeps what each server's tests have recorded."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for server in SERVERS:
            if f"[{server.name}" in report.nodeid:
                for column, cell in report.user_properties:
                    self.cells[server.name][column] = DASH if cell == "none" else str(cell)

    def rows(self) -> Iterator[tuple[str, ...]]:
        for server in SERVERS:
            cells = [self.cells[server.name].get(column, "**fails**") for column in COLUMNS]
            yield server.name, server.version, *cells


def main() -> int:
    """Run the tests of servers and write the table; returns pytest's exit status."""
    recorder = Recorder()
    tests = str(Path(__file__).parent / "real" / "test_servers.py")
    status = pytest.main(["-q", "--tb=short", tests], plugins=[recorder])
    rows = (HEAD, ("---",) * len(HEAD), *recorder.rows())
    page = PAGE.read_text(encoding="utf-8")
    lines = [page[: page.index(BEGIN)] + BEGIN, *(f"| {' | '.join(row)} |" for row in rows)]
    PAGE.write_text("\n".join([*lines, page[page.index(END) :]]), encoding="utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
