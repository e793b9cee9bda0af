"""`p0f-middleware signatures`: the path of our file, and the file merged with another."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware.fingerprint.signatures import parse

THEIRS = """\
classes = win, unix
[mtu]
label = Theirs
sig   = 1500
[tcp:request]
label = s:!:Tool:x
sys   = @unix
sig   = *:9:0:*:*,0:mss::0
; Universit\xe4t \u2028
"""


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


def test_the_merged_file_has_our_syn_signatures_and_their_other_sections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "theirs.fp"
    file.write_text(THEIRS + "[http:request]\nlabel = s:!:Browser:\n", encoding="utf-8")
    assert main(["signatures", "--merge", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "Tool" not in out
    assert out.endswith("[http:request]\nlabel = s:!:Browser:\n")
    assert parse(out).requests
    assert err == ""


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + THEIRS.encode(), b"nonsense\n"])
def test_the_command_says_in_one_line_why_a_file_cannot_be_merged(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "theirs.fp"
    file.write_bytes(content)
    assert main(["signatures", "--merge", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "theirs.fp:1: " in err
