"""`unit`: the units of examples/, with this installation's paths; `signatures`: one of these."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import unit
from p0f_middleware._commands.terminal import SIGNATURES
from p0f_middleware.fingerprint.signatures import load

SERVICES = ["p0f", "edge"]
PROGRAM = Path(sysconfig.get_path("scripts"), "p0f-middleware")


@pytest.mark.parametrize("service", SERVICES)
def test_a_unit_has_this_installations_paths(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["unit", service]) == 0
    text = capsys.readouterr().out
    (start,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert (f" -f {SIGNATURES}" if service == "p0f" else f"={PROGRAM} edge ") in start
    if shutil.which("systemd-analyze") is None:
        return
    (tmp_path / f"{service}.service").write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / f"{service}.service")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in checked.stderr.splitlines() if f"{service}.service" in line]
    assert not [line for line in ours if "not executable" not in line]


@pytest.mark.parametrize("service", SERVICES)
def test_the_example_is_the_units_text(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[2] / "examples" / f"{service}.service"
    main(["unit", service])
    lines = capsys.readouterr().out.splitlines()
    changed = [
        (old, new)
        for old, new in zip(example.read_text().splitlines(), lines, strict=True)
        if old != new
    ]
    assert changed
    assert all("/opt/p0f/" in old for old, _ in changed)


def test_paths_that_the_service_cannot_read_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unit, "SIGNATURES", Path("/home/me/signatures.fp"))
    assert main(["unit", "p0f"]) == 0
    assert "cannot read /home and /root" in capsys.readouterr().err


def test_signatures_prints_where_the_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signatures"]) == 0
    assert load(Path(capsys.readouterr().out.strip())).requests
