"""Processes in a /proc that is a test's own folder (the fixture `proc`)."""

from __future__ import annotations

from pathlib import Path


def add_process(proc: Path, pid: int, *arguments: str, name: str = "p0f") -> Path:
    """Add a process with a command line; returns its folder."""
    process = proc / str(pid)
    process.mkdir()
    (process / "comm").write_text(f"{name}\n")
    (process / "cmdline").write_text("\0".join([f"/usr/sbin/{name}", *arguments, ""]))
    stat = ["S", "1", *["0"] * 17, "4200", "0"]
    (process / "stat").write_text(f"{pid} (p0f) (x)) {' '.join(stat)}")
    return process
