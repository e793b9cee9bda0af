"""`p0f-middleware query`, on a p0f that is imitated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware.testing import SAMPLE, FakeP0f

KNOWN, UNKNOWN = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def p0f() -> Iterator[FakeP0f]:
    with FakeP0f() as fake:
        fake.hosts[KNOWN] = SAMPLE
        yield fake


def test_it_prints_a_known_host_in_words(p0f: FakeP0f, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", KNOWN, "--socket", p0f.socket_path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Operating system  Linux 3.11 and newer", "Distance          9 hops"]
    assert len(lines) == len(SAMPLE.describe())


def test_it_prints_a_known_host_as_json(p0f: FakeP0f, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", KNOWN, "--socket", p0f.socket_path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SAMPLE.as_dict()


def test_it_finds_the_socket_in_the_environment(
    p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", p0f.socket_path)
    assert main(["query", KNOWN]) == 0


def test_it_says_that_a_host_is_unknown(p0f: FakeP0f, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", UNKNOWN, "--socket", p0f.socket_path]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"p0f-middleware: p0f has not seen {UNKNOWN} since it started, on its interface\n"
    )


def test_it_prints_null_for_an_unknown_host(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", UNKNOWN, "--socket", p0f.socket_path, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) is None


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ([KNOWN], "use --socket PATH or set P0F_SOCKET"),
        ([KNOWN, "--socket", "/nowhere/p0f.sock"], "with -s /nowhere/p0f.sock"),
        (["localhost", "--socket", "/nowhere/p0f.sock"], "not an IPv4 or IPv6 address"),
    ],
)
def test_a_query_that_cannot_be_asked_says_what_to_do(
    arguments: list[str],
    remedy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["query", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert remedy in output.err


def test_it_says_in_one_line_why_it_could_not_ask(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "p0f_middleware", "query", KNOWN, "--socket"]
    asked = subprocess.run(
        [*command, str(tmp_path / "none")], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 2
    assert len(asked.stderr.splitlines()) == 1
    assert f"with -s {tmp_path}/none" in asked.stderr
