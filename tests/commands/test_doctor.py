"""The doctor's command line: what it checks, and that its output is safe."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import doctor
from p0f_middleware._commands.terminal import Finding
from p0f_middleware.testing import FakeP0f

from .conftest import add_process


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the doctor would check."""
    seen: list[tuple[object, ...]] = []
    for name in ("examine_p0f", "examine_store", "examine_syn"):

        def examine(*arguments: object, name: str = name) -> list[Finding]:
            seen.append((name, *arguments))
            return []

        monkeypatch.setattr(doctor, name, examine)
    return seen


@pytest.mark.parametrize(
    ("arguments", "environment", "checked"),
    [
        ([], {}, ("examine_syn", None)),
        (["--source", "syn", "--port", "80"], {}, ("examine_syn", 80)),
        (["--socket", "/a.sock"], {}, ("examine_p0f", "/a.sock", None, None)),
        (["--source", "/a", "::1", "--port", "8"], {}, ("examine_p0f", "/a", "::1", 8)),
        (["--store", "redis://a"], {}, ("examine_store", "redis://a", None)),
        (["--source", "unix:///a", "::1"], {}, ("examine_store", "unix:///a", "::1")),
        ([], {"P0F_SOCKET": "/a"}, ("examine_p0f", "/a", None, None)),
        ([], {"P0F_STORE": "redis://a"}, ("examine_store", "redis://a", None)),
        (["--source", "syn"], {"P0F_SOCKET": "/a"}, ("examine_syn", None)),
    ],
)
def test_it_checks_the_source_that_is_named(
    proc: Path,
    examined: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    checked: tuple[object, ...],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", *arguments]) == 0
    assert examined == [checked]


def test_it_checks_the_only_p0f_that_runs(
    proc: Path, examined: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-s", "/run/a.sock")
    assert main(["doctor"]) == 0
    assert examined == [("examine_p0f", "/run/a.sock", None, None)]
    add_process(proc, 8, "-s", "/run/b.sock")
    assert main(["doctor"]) == 2
    assert "use --socket PATH or set P0F_SOCKET" in (said := capsys.readouterr().err)
    assert "/run/a.sock, /run/b.sock" in said


def test_sources_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", "--socket", "/a", "--store", "redis://a"])


def test_a_fault_is_printed_once_and_not_logged_as_well(
    fake_p0f: FakeP0f, proc: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_p0f.refuse()
    assert main(["doctor", "--socket", fake_p0f.socket_path]) == 1
    output = capfd.readouterr()
    assert output.out.count("p0f has ended") == 1
    assert output.err == ""


def test_its_log_is_there_for_who_set_up_logging(
    fake_p0f: FakeP0f, proc: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake_p0f.refuse()
    with caplog.at_level(logging.WARNING, "p0f_middleware"):
        main(["doctor", "--socket", fake_p0f.socket_path])
    assert "p0f is down" in caplog.text


@pytest.mark.parametrize("quoted", ["\x1b[2J", "\u202e", "a\rok    b", "\udcff"])
def test_other_processes_and_paths_write_nothing_to_the_terminal(
    quoted: str, fake_p0f: FakeP0f, proc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-i", "lo", "-s", fake_p0f.socket_path, f"port 80 {quoted}")
    main(["doctor", "--socket", fake_p0f.socket_path])
    assert main(["doctor", "--socket", f"/run/{quoted}.sock"]) == 1
    output = capsys.readouterr()
    assert all(line.isprintable() for line in (output.out + output.err).split("\n"))
