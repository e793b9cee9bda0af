"""What the commands share at the terminal: safe output, the error line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware._commands.terminal import fail, printable


def test_what_is_not_printable_is_escaped() -> None:
    text = "p0f größer \x1b[2J two\nlines \u202egnp.exe \udcff"
    assert printable(text) == r"p0f größer \x1b[2J two\nlines \u202egnp.exe \udcff"


@given(st.text(st.characters(codec=None)))
def test_nothing_that_is_printed_controls_the_terminal(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()


def test_an_error_is_one_line_on_stderr_and_an_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fail("no \x1b[31msocket\n", 7) == 7
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "p0f-middleware: no \\x1b[31msocket\\n\n"
