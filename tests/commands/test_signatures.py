"""`p0f-middleware signatures`: the path of our file, and the file merged with another."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware.__main__ import main


def test_it_prints_where_the_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signatures"]) == 0
    assert Path(capsys.readouterr().out.strip()).read_text().startswith(";")


def test_it_merges_with_an_installed_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p0f.fp").write_text("classes = win\n[http:request]\nlabel = s:!:Browser:\n")
    assert main(["signatures", "--merge", str(tmp_path / "p0f.fp")]) == 0
    printed = capsys.readouterr().out
    assert "[tcp:request]" in printed
    assert "label = s:!:Browser:" in printed


def test_it_says_what_it_cannot_merge_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["signatures", "--merge", str(tmp_path / "none")]) == 2
    assert "cannot merge" in capsys.readouterr().err
