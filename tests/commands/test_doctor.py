"""The doctor's command line and the order of its checks, on a p0f that is imitated."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands.doctor import examine
from p0f_middleware.testing import FakeP0f

from .imitated_proc import add_process


@pytest.fixture(autouse=True)
def _no_socket_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)


def test_it_takes_the_socket_of_the_only_p0f(
    fake_p0f: FakeP0f, proc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-s", fake_p0f.socket_path)
    assert main(["doctor"]) == 0
    assert f"ok    {fake_p0f.socket_path} is a socket" in capsys.readouterr().out


def test_it_asks_for_the_socket_where_no_p0f_runs(
    proc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 2
    assert "Set P0F_SOCKET or give --socket" in capsys.readouterr().err


def test_it_asks_for_the_socket_where_several_p0fs_run(
    proc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-s", "/run/a.sock")
    add_process(proc, 8, "-s", "/run/b.sock")
    assert main(["doctor"]) == 2
    assert "Set P0F_SOCKET or give --socket" in capsys.readouterr().err


def test_a_process_that_cannot_be_found_leaves_a_question(fake_p0f: FakeP0f, proc: Path) -> None:
    findings = list(examine(fake_p0f.socket_path))
    assert [finding.ok for finding in findings] == [True, True, None]


def test_a_server_that_is_not_p0f_is_a_fault(fake_p0f: FakeP0f, proc: Path) -> None:
    fake_p0f.answer_with(b"SSH-2.0-OpenSSH")
    found = list(examine(fake_p0f.socket_path))[-1]
    assert found.ok is False
    assert fake_p0f.socket_path in found.text


def test_a_fault_is_printed_once_and_not_logged_as_well(
    fake_p0f: FakeP0f, proc: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_p0f.refuse()
    assert main(["doctor", "--socket", fake_p0f.socket_path]) == 1
    output = capfd.readouterr()
    assert output.out.count("p0f has ended") == 1
    assert output.err == ""


@pytest.mark.parametrize("quoted", ["\x1b]0;owned\x07", "\x1b[2J", "\u202e", "a\rok    b"])
def test_other_processes_write_nothing_to_the_terminal(
    quoted: str, fake_p0f: FakeP0f, proc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-i", "lo", "-s", fake_p0f.socket_path, f"port 80 {quoted}")
    main(["doctor", "--socket", fake_p0f.socket_path])
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


@pytest.mark.parametrize("path", ["/run/\x1b[2J.sock", "/run/p0f\n.sock", "/run/\udcff.sock"])
def test_paths_write_nothing_to_the_terminal(
    path: str, proc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-s", "/run/\x1b[31mother.sock")
    assert main(["doctor", "--socket", path]) == 1
    output = capsys.readouterr()
    assert all(line.isprintable() for line in (output.out + output.err).split("\n"))


def test_a_replaced_socket_is_not_taken_for_that_of_the_p0f_that_runs(
    fake_p0f: FakeP0f, proc: Path
) -> None:
    add_process(proc, 7, "-s", fake_p0f.socket_path)
    fake_p0f.refuse()
    *_, found = examine(fake_p0f.socket_path)
    assert found.ok is False
    assert "another p0f with the same -s has replaced the file" in found.text
    assert "p0f (process 7)" in found.text


def test_the_programs_own_logging_stays_as_it_is(
    fake_p0f: FakeP0f, proc: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake_p0f.refuse()
    with caplog.at_level(logging.WARNING, "p0f_middleware"):
        main(["doctor", "--socket", fake_p0f.socket_path])
    assert "p0f is down" in caplog.text
