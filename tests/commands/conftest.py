"""A /proc of the test's own, and an environment that names no source."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import doctor_p0f
from p0f_middleware.testing import SAMPLE, FakeP0f

KNOWN = "192.0.2.1"


@pytest.fixture
def p0f(fake_p0f: FakeP0f) -> FakeP0f:
    """A p0f that has seen `KNOWN`."""
    fake_p0f.hosts[KNOWN] = SAMPLE
    return fake_p0f


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /proc."""
    folder = tmp_path / "proc"
    (folder / "net").mkdir(parents=True)
    monkeypatch.setattr(doctor_p0f, "PROC", folder)
    return folder


@pytest.fixture(autouse=True)
def _no_source_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("P0F_SOURCE", "P0F_SOCKET", "P0F_STORE"):
        monkeypatch.delenv(name, raising=False)


def add_process(proc: Path, pid: int, *arguments: str, name: str = "p0f") -> Path:
    """Add a process with a command line; returns its folder."""
    process = proc / str(pid)
    process.mkdir()
    (process / "comm").write_bytes(os.fsencode(f"{name}\n"))
    (process / "cmdline").write_bytes(os.fsencode("\0".join([name, *arguments, ""])))
    return process


Doctor: TypeAlias = "Callable[..., list[str]]"


@pytest.fixture
def doctor(
    proc: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """The command, as what it prints; its exit status says whether there is a fault."""
    monkeypatch.setattr(doctor_p0f, "CAPTURE_TIMEOUT", 0.02)

    def doctor(*words: str) -> list[str]:
        status = main(["doctor", *words])
        lines = capsys.readouterr().out.splitlines()
        assert lines[-1].startswith("FAULT ") == (status == 1)
        return lines

    return doctor
