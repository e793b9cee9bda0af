"""The doctor on a real p0f, in every state that leaves `p0f.info` None."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import p0f_process
from p0f_middleware._commands.doctor_p0f import examine_p0f
from p0f_middleware._commands.terminal import SIGNATURES, Finding

from .. import own_network
from .daemon import RealP0f

ROOT = Path(__file__).parents[2]
NOBODY = 65534
FULL = "20 of p0f's 20 API connections are in use: start it with a higher -S (at most 100)"


def diagnosis(
    p0f: RealP0f | str, ip_address: str | None = None, port: int | None = None
) -> Finding:
    """What is found last."""
    socket_path = p0f if isinstance(p0f, str) else p0f.socket_path
    return list(examine_p0f(socket_path, ip_address, port))[-1]


def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RealP0f(tmp_path, "-f", str(SIGNATURES)) as p0f:
        p0f.introduce("127.8.8.8")
        assert main(["doctor", "--socket", p0f.socket_path, "127.8.8.8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6].rstrip() for line in lines] == ["ok"] * 5
    assert f"p0f -i lo -s {p0f.socket_path} -f {SIGNATURES}" in lines[0]
    assert "of p0f's 20 API connections are in use" in lines[1]
    assert "p0f 3.0x answers in" in lines[2]
    assert "p0f sees this machine's connections to itself" in lines[3]
    assert "p0f knows 127.8.8.8: Linux" in lines[4]


# Sockets


def test_missing_file_and_the_socket_that_is_there(real_p0f: RealP0f) -> None:
    found = diagnosis(f"{real_p0f.socket_path}.other")
    assert found.ok is False
    assert f"there is no socket {real_p0f.socket_path}.other" in found.text
    assert real_p0f.socket_path in found.text.partition("The p0f that runs here has")[2]


def _put_a_file_there(p0f: RealP0f) -> None:
    os.unlink(p0f.socket_path)
    Path(p0f.socket_path).touch()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_put_a_file_there, "{path} is not a socket: use the path given to p0f with -s"),
        (RealP0f.kill, "listens on {path}"),
        (RealP0f.kill, "p0f has ended; start it again"),
        (RealP0f.pause, "p0f is stopped: continue it with kill -CONT {pid}"),
        (lambda p0f: os.unlink(p0f.socket_path), "If somebody has deleted the file, restart p0f"),
    ],
)
def test_a_p0f_that_cannot_be_asked(
    real_p0f: RealP0f, break_it: Callable[[RealP0f], None], said: str
) -> None:
    break_it(real_p0f)
    found = diagnosis(real_p0f)
    assert found.ok is False
    assert said.format(path=real_p0f.socket_path, pid=real_p0f.pid) in found.text


def test_socket_that_an_ended_p0f_has_left(real_p0f: RealP0f, tmp_path: Path) -> None:
    """As a bind mount of the socket's file shows it after p0f has started again."""
    os.link(real_p0f.socket_path, tmp_path / "mounted")
    real_p0f.restart()
    found = diagnosis(str(tmp_path / "mounted"))
    assert found.ok is False
    assert "bind mount of an earlier p0f's socket: mount the folder" in found.text


# Permissions


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, as no other folder of a test is."""
    folder = Path(tempfile.mkdtemp(prefix="p0f-doctor-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(socket_path: str) -> subprocess.CompletedProcess[str]:
    """Run the doctor as the user nobody, who need not be able to read this repository."""
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
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)


@pytest.mark.needs("root", "p0f")
@pytest.mark.parametrize(
    ("socket_mode", "folder_mode", "status", "said"),
    [
        (None, 0o755, 0, "p0f 3.0x answers in"),
        (0o600, 0o755, 1, "FAULT no permission to open {path}: give"),
        (None, 0o700, 1, "FAULT no permission to open {path}: give"),
    ],
)
def test_what_another_user_may_do(
    open_folder: Path, socket_mode: int | None, folder_mode: int, status: int, said: str
) -> None:
    with RealP0f(open_folder) as p0f:
        if socket_mode is not None:
            os.chmod(p0f.socket_path, socket_mode)
        open_folder.chmod(folder_mode)
        run = as_nobody(p0f.socket_path)
    assert (run.returncode, run.stderr) == (status, ""), run.stdout
    assert said.format(path=p0f.socket_path) in run.stdout


# A p0f that answers, and does not know


@contextlib.contextmanager
def filled(p0f: RealP0f) -> Iterator[None]:
    """Hold all connections that p0f has to give."""
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.connect(p0f.socket_path)
        yield


@pytest.mark.parametrize(("proc", "said"), [(True, FULL), (False, "connections may be in use")])
def test_p0f_that_is_full_is_not_bothered(
    real_p0f: RealP0f, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proc: bool, said: str
) -> None:
    if not proc:
        monkeypatch.setattr(p0f_process, "PROC", tmp_path / "proc")
    with filled(real_p0f):
        before = real_p0f.cpu_seconds()
        found = diagnosis(real_p0f)
        assert not proc or real_p0f.cpu_seconds() - before < 0.1
    assert found.ok is False
    assert said in found.text


@pytest.mark.parametrize(
    ("filter_", "port", "ok", "said"),
    [
        ("src net 192.0.2.0/24", None, False, "its filter leave them out (src net 192.0.2.0/24)"),
        ("tcp dst port 9", None, True, ""),
        ("tcp port 443", 8000, False, "(tcp port 443) leaves out port 8000"),
        ("tcp port 443", 443, True, ""),
    ],
)
def test_filters(tmp_path: Path, filter_: str, port: int | None, ok: bool, said: str) -> None:
    with RealP0f(tmp_path, filter_) as p0f:
        found = diagnosis(p0f, port=port)
    assert found.ok is ok
    assert said in found.text


def test_p0f_in_a_container_sees_what_passes_there(tmp_path: Path) -> None:
    with RealP0f(tmp_path, interface="any", runner=own_network.COMMAND) as p0f:
        found = diagnosis(p0f)
    assert found.ok is False
    assert found.text.endswith("or has its container another network?")


@pytest.mark.needs("root", "ip", "p0f")
def test_p0f_on_another_interface(tmp_path: Path) -> None:
    program = f"""
import subprocess
from pathlib import Path
from p0f_middleware._commands.doctor_p0f import examine_p0f
from tests.real.daemon import RealP0f
for command in ("link add eth9 type veth peer eth8", "link set eth9 up"):
    subprocess.run(["ip", *command.split()], check=True)
with RealP0f(Path({str(tmp_path)!r}), interface="eth9") as p0f:
    for found in list(examine_p0f(p0f.socket_path, "127.0.0.1"))[-2:]:
        print(found.ok, found.text)
"""
    command = [*own_network.COMMAND, sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
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
    found = diagnosis(real_p0f, address)
    assert found.ok is False
    assert reason in found.text


def test_mapped_address_is_asked_for_as_what_it_is(real_p0f: RealP0f) -> None:
    real_p0f.introduce("127.8.8.9")
    assert diagnosis(real_p0f, "::ffff:127.8.8.9").ok


def test_command_line_with_escape_sequences(tmp_path: Path) -> None:
    with RealP0f(tmp_path, "-o", f"{tmp_path}/\x1b[31mred\x07.log") as p0f:
        command = [sys.executable, "-m", "p0f_middleware", "doctor", "--socket", p0f.socket_path]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert r"/\x1b[31mred\x07.log" in found.stdout
    assert all(line.isprintable() for line in found.stdout.splitlines())
