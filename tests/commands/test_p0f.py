"""`query`, `unit` and `signatures`, and what all commands share at the terminal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.__main__ import main
from p0f_middleware._commands import p0f as module
from p0f_middleware._commands.p0f import SIGNATURES
from p0f_middleware._commands.terminal import fail, printable
from p0f_middleware.fingerprint.signatures import load
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import KNOWN

UNKNOWN = "192.0.2.2"
PROGRAM = Path(sysconfig.get_path("scripts"), "p0f-middleware")


def test_query_prints_a_known_host_in_words(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", KNOWN, "--socket", p0f.socket_path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Operating system  Linux 3.11 and newer", "Distance          9 hops"]
    assert len(lines) == len(SAMPLE.describe())


def test_query_prints_json_and_finds_the_socket_in_the_environment(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", p0f.socket_path)
    assert main(["query", KNOWN, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SAMPLE.as_dict()


@pytest.mark.parametrize(("options", "printed"), [((), ""), (("--json",), "null\n")])
def test_query_says_that_a_host_is_unknown(
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


@pytest.mark.parametrize("service", ["p0f", "edge"])
def test_a_unit_is_the_example_with_this_installations_paths(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["unit", service]) == 0
    text = capsys.readouterr().out
    (start,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert (f" -f {SIGNATURES}" if service == "p0f" else f"={PROGRAM} edge ") in start
    example = (Path(__file__).parents[2] / "examples" / f"{service}.service").read_text()
    lines = zip(example.splitlines(), text.splitlines(), strict=True)
    assert all("/opt/p0f/" in old for old, new in lines if old != new)
    if shutil.which("systemd-analyze") is None:
        return
    (tmp_path / f"{service}.service").write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / f"{service}.service")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in checked.stderr.splitlines() if f"{service}.service" in line]
    assert not [line for line in ours if "not executable" not in line]


def test_paths_that_the_service_cannot_read_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SIGNATURES", Path("/home/me/signatures.fp"))
    assert main(["unit", "p0f"]) == 0
    assert "cannot read /home and /root" in capsys.readouterr().err


def test_signatures_prints_where_the_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signatures"]) == 0
    assert load(Path(capsys.readouterr().out.strip())).requests


def test_an_error_is_one_line_of_printable_text_and_an_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fail("größer \x1b[31m two\nlines \u202egnp.exe \udcff", 7) == 7
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == ("p0f-middleware: größer \\x1b[31m two\\nlines \\u202egnp.exe \\udcff\n")


@given(st.text(st.characters(codec=None)))
def test_nothing_that_is_printed_controls_the_terminal(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()
