"""A fixture that several modules use."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware._commands import p0f_process


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /proc of the test's own."""
    folder = tmp_path / "proc"
    folder.mkdir()
    monkeypatch.setattr(p0f_process, "PROC", folder)
    return folder
