"""The manual's table of servers, and the script that writes it."""

from __future__ import annotations

import pytest

from .compatibility import BEGIN, DASH, END, HEAD, PAGE, Recorder
from .matrix import SERVERS


def test_the_manual_has_the_servers_that_are_tested_and_none_fails() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = page[page.index(BEGIN) : page.index(END)].splitlines()[1:]
    cells = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]

    assert cells[0] == HEAD
    assert [row[0] for row in cells[2:]] == [server.name for server in SERVERS]
    assert "**fails**" not in page


def test_a_row_has_what_the_servers_tests_have_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.matrix.Server.version", "1.0")
    name = SERVERS[1].name
    report = pytest.TestReport(
        *(f"test_servers.py::test_ipv6[{name}]", ("test_servers.py", 1, "test_ipv6"), {}),
        *("passed", None, "teardown"),
        user_properties=[("IPv6", "yes"), ("websocket", "none")],
    )
    recorder = Recorder()
    recorder.pytest_runtest_logreport(report)
    failing, row, *_ = recorder.rows()

    assert failing == (SERVERS[0].name, "1.0", *["**fails**"] * 7)
    assert row == (name, "1.0", "**fails**", "yes", *["**fails**"] * 4, DASH)
