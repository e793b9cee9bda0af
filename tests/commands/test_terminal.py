"""What the commands share at the terminal: safe output, the error line, signals."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware._commands.terminal import Signals, fail, printable, span


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("p0f -i eth0", "p0f -i eth0"),
        ("größer", "größer"),
        ("\x1b[2J", r"\x1b[2J"),
        ("two\nlines", r"two\nlines"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


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


def test_an_error_means_exit_status_2_unless_a_command_says_otherwise() -> None:
    assert fail("no socket") == 2


def test_signals_are_collected_and_interrupt_nothing() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    signals = Signals("SIGUSR1", "SIGNONE")
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.reader.recv(64) == bytes([signal.SIGUSR1])
        assert (signals.take(), signals.take()) == ([signal.SIGUSR1], [])
    finally:
        signals.close()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7200, "2 hours"),
        (1e6, "12 days"),
    ],
)
def test_a_span_is_in_the_largest_unit_that_says_enough(seconds: float, words: str) -> None:
    assert span(seconds) == words
