"""`p0f-middleware signatures`: the path of our signature file."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware.fingerprint.signatures import load


def test_it_prints_where_the_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signatures"]) == 0
    assert load(Path(capsys.readouterr().out.strip())).requests
