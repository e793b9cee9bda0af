"""A /proc of the test's own, and an environment that names no source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p0f_middleware._commands import p0f_process


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /proc."""
    folder = tmp_path / "proc"
    (folder / "net").mkdir(parents=True)
    monkeypatch.setattr(p0f_process, "PROC", folder)
    return folder


@pytest.fixture(autouse=True)
def _no_source_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    monkeypatch.delenv("P0F_STORE", raising=False)


def add_process(proc: Path, pid: int, *arguments: str, name: str = "p0f") -> Path:
    """Add a process with a command line; returns its folder."""
    process = proc / str(pid)
    process.mkdir()
    (process / "comm").write_text(f"{name}\n")
    (process / "cmdline").write_bytes(os.fsencode("\0".join([name, *arguments, ""])))
    stat = ["S", "1", *["0"] * 17, "4200", "0"]
    (process / "stat").write_text(f"{pid} (p0f) (x)) {' '.join(stat)}")
    return process
