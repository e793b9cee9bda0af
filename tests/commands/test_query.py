"""`p0f-middleware query`, on a p0f that is imitated."""

from __future__ import annotations

import json

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import KNOWN

UNKNOWN = "192.0.2.2"


def test_it_prints_a_known_host_in_words(p0f: FakeP0f, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", KNOWN, "--socket", p0f.socket_path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Operating system  Linux 3.11 and newer", "Distance          9 hops"]
    assert len(lines) == len(SAMPLE.describe())


def test_it_prints_json_and_finds_the_socket_in_the_environment(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", p0f.socket_path)
    assert main(["query", KNOWN, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SAMPLE.as_dict()


@pytest.mark.parametrize(("options", "printed"), [((), ""), (("--json",), "null\n")])
def test_it_says_that_a_host_is_unknown(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], printed: str
) -> None:
    assert main(["query", UNKNOWN, "--socket", p0f.socket_path, *options]) == 1
    output = capsys.readouterr()
    assert output.out == printed
    assert output.err == (
        f"p0f-middleware: p0f has not seen {UNKNOWN} since it started, on its interface\n"
    )


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ([KNOWN], "use --socket PATH or set P0F_SOCKET"),
        ([KNOWN, "--socket", "/nowhere/p0f.sock"], "with -s /nowhere/p0f.sock"),
        (["localhost", "--socket", "/nowhere/p0f.sock"], "not an IPv4 or IPv6 address"),
    ],
)
def test_a_query_that_cannot_be_asked_says_what_to_do(
    arguments: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert remedy in output.err
