"""The doctor on a real p0f, in every state that leaves `p0f.info` None."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import p0f_process
from p0f_middleware._commands.doctor_p0f import examine_p0f
from p0f_middleware._commands.terminal import SIGNATURES, Finding

from .. import own_network
from ..needs import unavailable
from .daemon import RealP0f

ROOT = Path(__file__).parents[2]
NOBODY = 65534
UNSEEN = "src net 192.0.2.0/24"
"""A filter that lets nothing of this machine's through."""


@pytest.fixture
def sick_p0f(tmp_path: Path) -> Iterator[RealP0f]:
    """A p0f whose filter lets nothing through."""
    p0f = RealP0f(tmp_path, UNSEEN)
    try:
        yield p0f.start()
    finally:
        p0f.kill()


def diagnosis(socket_path: str, ip_address: str | None = None) -> Finding:
    """What is found last."""
    return list(examine_p0f(socket_path, ip_address))[-1]


def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    p0f = RealP0f(tmp_path, "-f", str(SIGNATURES))
    try:
        p0f.start()
        p0f.introduce("127.8.8.8")
        assert main(["doctor", "--socket", p0f.socket_path, "127.8.8.8"]) == 0
    finally:
        p0f.kill()
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6].rstrip() for line in lines] == ["ok"] * 5
    assert f"p0f -i lo -s {p0f.socket_path} -f {SIGNATURES}" in lines[0]
    assert "of p0f's 20 API connections are in use" in lines[1]
    assert "p0f 3.0x answers in" in lines[2]
    assert "p0f sees this machine's connections to itself" in lines[3]
    assert "p0f knows 127.8.8.8: Linux" in lines[4]


def test_missing_file_and_the_socket_that_is_there(real_p0f: RealP0f) -> None:
    found = diagnosis(real_p0f.socket_path + ".other")
    assert found.ok is False
    assert f"there is no socket {real_p0f.socket_path}.other" in found.text
    assert real_p0f.socket_path in found.text.partition("The p0f that runs here has")[2]


def test_file_that_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert diagnosis(str(tmp_path / "file")) == Finding(
        False, f"{tmp_path}/file is not a socket: use the path given to p0f with -s"
    )


def as_nobody(socket_path: str) -> subprocess.CompletedProcess[str]:
    """Run the doctor as the user nobody, who need not be able to read this repository."""
    if os.geteuid() != 0:
        unavailable("only root can become nobody")
    program = f"""
import locale, os, sys  # getopt imports locale for an error, from where nobody may not read
from p0f_middleware.__main__ import make_parser
from p0f_middleware._commands import doctor
options = make_parser().parse_args(["doctor", "--socket", {socket_path!r}])
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.exit(doctor.run(options))
"""
    # nobody may not write down what of the program is covered
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, as no other folder of a test is."""
    folder = Path(tempfile.mkdtemp(prefix="p0f-doctor-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_p0f(open_folder: Path) -> Iterator[RealP0f]:
    p0f = RealP0f(open_folder)
    try:
        yield p0f.start()
    finally:
        p0f.kill()


def test_other_users_may_ask_p0f_by_default(open_p0f: RealP0f) -> None:
    run = as_nobody(open_p0f.socket_path)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert "p0f 3.0x answers in" in run.stdout


def test_no_permission_to_write_to_the_socket(open_p0f: RealP0f) -> None:
    os.chmod(open_p0f.socket_path, 0o600)
    run = as_nobody(open_p0f.socket_path)
    assert run.returncode == 1
    assert f"FAULT no permission to open {open_p0f.socket_path}: give" in run.stdout


def test_no_permission_to_enter_the_folder(open_p0f: RealP0f, open_folder: Path) -> None:
    open_folder.chmod(0o700)
    run = as_nobody(open_p0f.socket_path)
    assert run.returncode == 1
    assert f"FAULT no permission to open {open_p0f.socket_path}: give" in run.stdout


def test_p0f_that_was_killed(real_p0f: RealP0f) -> None:
    real_p0f.kill()
    found = diagnosis(real_p0f.socket_path)
    assert found.ok is False
    assert f"listens on {real_p0f.socket_path}" in found.text
    assert "p0f has ended; start it again" in found.text


def test_p0f_that_was_stopped(real_p0f: RealP0f) -> None:
    real_p0f.pause()
    assert real_p0f.alive
    assert diagnosis(real_p0f.socket_path) == Finding(
        False, f"p0f is stopped: continue it with kill -CONT {real_p0f.pid}"
    )


@contextlib.contextmanager
def filled(p0f: RealP0f) -> Iterator[None]:
    """Hold all connections that p0f has to give."""
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.connect(p0f.socket_path)
        yield


def test_p0f_that_is_full_is_not_bothered(real_p0f: RealP0f) -> None:
    with filled(real_p0f):
        before = real_p0f.cpu_seconds()
        assert diagnosis(real_p0f.socket_path) == Finding(
            False,
            "20 of p0f's 20 API connections are in use: start it with a higher -S (at most 100)",
        )
        assert real_p0f.cpu_seconds() - before < 0.1


def test_p0f_that_is_full_where_there_is_no_proc(
    real_p0f: RealP0f, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(p0f_process, "PROC", tmp_path / "proc")
    with filled(real_p0f):
        found = diagnosis(real_p0f.socket_path)
    assert found.ok is False
    assert "API connections may be in use" in found.text


def test_filter_that_leaves_everything_out(sick_p0f: RealP0f) -> None:
    found = diagnosis(sick_p0f.socket_path)
    assert found.ok is False
    assert f"its filter leave them out ({UNSEEN})" in found.text


def test_filter_for_one_port_is_no_fault(tmp_path: Path) -> None:
    p0f = RealP0f(tmp_path, "tcp dst port 9")
    try:
        p0f.start()
        assert diagnosis(p0f.socket_path).ok
    finally:
        p0f.kill()


def test_p0f_in_a_container_sees_what_passes_there(tmp_path: Path) -> None:
    p0f = RealP0f(tmp_path, interface="any", runner=own_network.COMMAND)
    try:
        p0f.start()
        found = diagnosis(p0f.socket_path)
    finally:
        p0f.kill()
    assert found.ok is False
    assert found.text.endswith("or has its container another network?")


def test_filter_without_the_sites_port(tmp_path: Path) -> None:
    p0f = RealP0f(tmp_path, "tcp port 443")
    try:
        p0f.start()
        *_, found = examine_p0f(p0f.socket_path, port=8000)
        *_, well = examine_p0f(p0f.socket_path, port=443)
    finally:
        p0f.kill()
    assert found.ok is False
    assert "(tcp port 443) leaves out port 8000" in found.text
    assert well.ok


@pytest.mark.needs("root", "ip", "p0f")
def test_p0f_on_another_interface(tmp_path: Path) -> None:
    program = f"""
import subprocess
from pathlib import Path
from p0f_middleware._commands.doctor_p0f import examine_p0f
from tests.real.daemon import RealP0f
for command in ("link add eth9 type veth peer eth8", "link set eth9 up"):
    subprocess.run(["ip", *command.split()], check=True)
p0f = RealP0f(Path({str(tmp_path)!r}), interface="eth9")
try:
    p0f.start()
    *_, capture, address = examine_p0f(p0f.socket_path, "127.0.0.1")
finally:
    p0f.kill()
print(capture.ok, capture.text)
print(address.ok, address.text)
"""
    run = subprocess.run(
        [*own_network.COMMAND, sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    capture, address = run.stdout.splitlines()
    assert capture.startswith("None p0f captures on eth9: do your")
    assert address.startswith("False p0f has not seen 127.0.0.1.")
    assert address.endswith("do not pass eth9 (this machine's own pass lo)")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("no address", "not an IP address that a client can have"),
        ("0.0.0.0", "not an IP address that a client can have"),
        ("127.7.7.7", "name the proxy in trusted_proxies"),
        ("2001:4860:4860::8888", "do not pass lo"),
    ],
)
def test_address_that_p0f_does_not_know(real_p0f: RealP0f, address: str, reason: str) -> None:
    found = diagnosis(real_p0f.socket_path, address)
    assert found.ok is False
    assert reason in found.text


def test_mapped_address_is_asked_for_as_what_it_is(real_p0f: RealP0f) -> None:
    real_p0f.introduce("127.8.8.9")
    assert diagnosis(real_p0f.socket_path, "::ffff:127.8.8.9").ok


def test_socket_file_that_was_deleted(real_p0f: RealP0f) -> None:
    os.unlink(real_p0f.socket_path)
    found = diagnosis(real_p0f.socket_path)
    assert found.ok is False
    assert "If somebody has deleted the file, restart p0f" in found.text


def test_socket_that_an_ended_p0f_has_left(real_p0f: RealP0f, tmp_path: Path) -> None:
    """As a bind mount of the socket's file shows it after p0f has started again."""
    os.link(real_p0f.socket_path, tmp_path / "mounted")
    real_p0f.restart()
    found = diagnosis(str(tmp_path / "mounted"))
    assert found.ok is False
    assert "bind mount of an earlier p0f's socket: mount the folder" in found.text


def test_command_line_with_escape_sequences(tmp_path: Path) -> None:
    p0f = RealP0f(tmp_path, "-o", f"{tmp_path}/\x1b[31mred\x07.log")
    try:
        p0f.start()
        command = [sys.executable, "-m", "p0f_middleware", "doctor", "--socket", p0f.socket_path]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    finally:
        p0f.kill()
    assert r"/\x1b[31mred\x07.log" in found.stdout
    assert all(line.isprintable() for line in found.stdout.splitlines())
