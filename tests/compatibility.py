"""Writes the manual's table of servers from what the tests of servers have run.

    python -m tests.compatibility     # as root, with p0f; rewrites docs/maintaining.md

The columns and their cells are what the tests record with `record_property`. A combination that
recorded nothing has failed, and the table says so.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from .matrix import SERVERS, Server

PAGE = Path(__file__).parents[1] / "docs" / "maintaining.md"
BEGIN, END = "<!-- servers: begin -->", "<!-- servers: end -->"
"""Stand around the table in the page."""
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


def names_in(page: str) -> list[str]:
    """The servers in the page's table.

    Raises:
        ValueError: the page has no table.
    """
    rows = page[page.index(BEGIN) : page.index(END)].strip().splitlines()[3:]
    return [row.split("|")[1].strip() for row in rows]


def put_into(page: str, new_table: str) -> str:
    """The page with its table replaced.

    Raises:
        ValueError: the page has no table.
    """
    return page[: page.index(BEGIN)] + new_table + page[page.index(END) + len(END) :]


def main() -> int:
    """Run the tests of servers and write the table; returns pytest's exit status."""
    recorder = Recorder()
    tests = str(Path(__file__).parent / "real" / "test_servers.py")
    status = pytest.main(["-q", "--tb=short", tests], plugins=[recorder])
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(put_into(page, table(recorder.cells)), encoding="utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
