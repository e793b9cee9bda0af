"""The manual's table of servers, and the script that writes it."""

from __future__ import annotations

import pytest

from .compatibility import BEGIN, COLUMNS, DASH, END, PAGE, Recorder, names_in, put_into, table
from .matrix import SERVERS

SMALL_PAGE = f"before\n{BEGIN}\n| Server |\n|---|\n| a, b |\n| c |\n{END}\n| d |"


def test_manual_has_the_servers_that_are_tested() -> None:
    names = names_in(PAGE.read_text(encoding="utf-8"))
    assert names == [server.name for server in SERVERS]


def test_no_server_fails_in_the_manual() -> None:
    assert "**fails**" not in PAGE.read_text(encoding="utf-8")


def test_names_are_read_from_the_table_that_is_made() -> None:
    assert names_in(SMALL_PAGE) == ["a, b", "c"]


def test_table_is_replaced_and_nothing_else() -> None:
    assert put_into(SMALL_PAGE, f"{BEGIN}\nnew\n{END}") == f"before\n{BEGIN}\nnew\n{END}\n| d |"


def test_no_servers_name_begins_anothers() -> None:
    names = [server.name for server in SERVERS]
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]


def test_combination_that_recorded_nothing_fails_in_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.matrix.Server.version", "1.0")
    name = SERVERS[0].name
    cells = {name: dict.fromkeys(COLUMNS[1:], "yes")}
    row = table(cells).splitlines()[3]
    assert row == f"| {name} | 1.0 | **fails** | " + " | ".join(["yes"] * 6) + " |"


def test_recorder_finds_the_server_in_the_tests_id() -> None:
    recorder = Recorder()
    report = pytest.TestReport(
        f"test_servers.py::test_ipv6[{SERVERS[1].name}]",
        ("test_servers.py", 1, "test_ipv6"),
        {},
        "passed",
        None,
        "teardown",
        user_properties=[("IPv6", "yes"), ("websocket", "none")],
    )
    recorder.pytest_runtest_logreport(report)
    assert recorder.cells == {SERVERS[1].name: {"IPv6": "yes", "websocket": DASH}}
