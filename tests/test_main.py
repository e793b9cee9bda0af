"""The grammar of the command line. What a command does is tested in tests/commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from p0f_middleware import __version__
from p0f_middleware.__main__ import COMMANDS, main


def test_without_a_command_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert COMMANDS.keys() <= set(capsys.readouterr().out.split())


def test_it_runs_as_a_module_and_tells_its_version() -> None:
    printed = subprocess.check_output([sys.executable, "-m", "p0f_middleware", "--version"])
    assert printed.decode() == f"p0f-middleware {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    usage, description, *_ = capsys.readouterr().out.split("\n\n")
    assert usage.startswith(f"usage: p0f-middleware {command}")
    assert not description.startswith(("options:", "positional arguments:"))


@pytest.mark.parametrize("words", [["cure"], ["query", "192.0.2.1", "--cure"]])
def test_an_unknown_command_or_option_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "cure" in capsys.readouterr().err


def test_a_command_does_not_import_the_others() -> None:
    script = (
        "import sys; from p0f_middleware.__main__ import make_parser; make_parser(['query']);"
        "print(*(m for m in sys.modules if m.startswith('p0f_middleware._commands.')))"
    )
    imported = subprocess.check_output([sys.executable, "-I", "-c", script], text=True)
    ours = {"p0f_middleware._commands.p0f", "p0f_middleware._commands.terminal"}
    assert set(imported.split()) == ours
