"""The doctor without a real p0f: what /proc says, and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import p0f_process
from p0f_middleware._commands.doctor import examine
from p0f_middleware.testing import FakeP0f

UNIX_SOCKETS = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 100 {path}
0000000000000000: 00000003 00000000 00000000 0001 03 101 {path}
0000000000000000: 00000003 00000000 00000000 0001 03 102 /other
0000000000000000: 00000003 00000000 00000000 0001 03 103
"""


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /proc of the test's own."""
    folder = tmp_path / "proc"
    folder.mkdir()
    monkeypatch.setattr(p0f_process, "PROC", folder)
    return folder


def add_process(proc: Path, pid: int, *arguments: str, name: str = "p0f") -> Path:
    process = proc / str(pid)
    process.mkdir()
    (process / "comm").write_text(f"{name}\n")
    (process / "cmdline").write_text("\0".join([f"/usr/sbin/{name}", *arguments, ""]))
    stat = ["S", "1", *["0"] * 17, "4200", "0"]
    (process / "stat").write_text(f"{pid} (p0f) (x)) {' '.join(stat)}")
    return process


def test_command_line_of_a_daemon(proc: Path) -> None:
    add_process(
        proc, 7, "-i", "eth0", "-d", "-s", "/run/p0f.sock", "-S50", "tcp port 80", name="p0f"
    )
    (daemon,) = p0f_process.daemons()
    assert (daemon.pid, daemon.interface, daemon.socket_path) == (7, "eth0", "/run/p0f.sock")
    assert (daemon.most_clients, daemon.packet_filter) == (50, "tcp port 80")


def test_what_no_option_says(proc: Path) -> None:
    add_process(proc, 7)
    (daemon,) = p0f_process.daemons()
    assert (daemon.interface, daemon.socket_path, daemon.most_clients) == (None, None, 20)
    assert daemon.packet_filter == ""


def test_socket_path_is_seen_from_the_daemons_folder(proc: Path, tmp_path: Path) -> None:
    (add_process(proc, 7, "-s", "../p0f.sock") / "cwd").symlink_to(tmp_path / "run")
    (daemon,) = p0f_process.daemons()
    assert daemon.socket_path == str(tmp_path / "p0f.sock")


def test_other_programs_are_no_daemons(proc: Path) -> None:
    add_process(proc, 7, "-s", "/run/p0f.sock", name="nginx")
    add_process(proc, 8, "--what", name="p0f")
    assert list(p0f_process.daemons()) == []


def test_state_and_age(proc: Path) -> None:
    (proc / "uptime").write_text("100.00 1.00\n")
    add_process(proc, 7)
    (daemon,) = p0f_process.daemons()
    assert not daemon.stopped
    assert daemon.seconds_running == pytest.approx(58.0)  # of ticks that are hundredths


def test_clients_are_counted_by_the_sockets_path(proc: Path) -> None:
    (proc / "net").mkdir()
    (proc / "net/unix").write_text(UNIX_SOCKETS.format(path="/run/p0f.sock"))
    add_process(proc, 7, "-s", "/run/p0f.sock")
    (daemon,) = p0f_process.daemons()
    assert daemon.clients() == 1


def test_clients_that_are_not_to_be_seen_are_none(proc: Path) -> None:
    add_process(proc, 7, "-s", "/run/p0f.sock")
    (daemon,) = p0f_process.daemons()
    assert daemon.clients() is None


@pytest.mark.parametrize(
    ("packet_filter", "port"),
    [
        ("tcp port 80", 80),
        ("tcp dst port 443 or port 80", 443),
        ("src net 10.0.0.0/8", None),
        ("", None),
    ],
)
def test_port_of_a_filter(packet_filter: str, port: int | None) -> None:
    assert p0f_process.port_in(packet_filter) == port


def test_default_interface_is_the_default_routes(proc: Path) -> None:
    (proc / "net").mkdir()
    (proc / "net/route").write_text(
        "Iface\tDestination\tGateway\neth1\t0000000A\t0\neth0\t00000000\t0100000A\n"
    )
    assert p0f_process.default_interface() == "eth0"


def test_process_that_is_not_to_be_seen_leaves_a_question(fake_p0f: FakeP0f, proc: Path) -> None:
    findings = list(examine(fake_p0f.socket_path))
    assert [finding.ok for finding in findings] == [True, True, None]
    assert "not to be seen from here" in findings[-1].text


def test_what_is_no_p0f_is_told(fake_p0f: FakeP0f, proc: Path) -> None:
    fake_p0f.answer_with(b"SSH-2.0-OpenSSH")
    found = list(examine(fake_p0f.socket_path))[-1]
    assert found.ok is False
    assert "no p0f answer" in found.text


def test_command_takes_the_socket_of_the_only_p0f(
    fake_p0f: FakeP0f,
    proc: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    add_process(proc, 7, "-s", fake_p0f.socket_path)
    assert main(["doctor"]) == 0
    assert f"ok    {fake_p0f.socket_path} is a socket" in capsys.readouterr().out


def test_command_asks_for_the_socket_where_no_p0f_runs(
    proc: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    assert main(["doctor"]) == 2
    assert "Set P0F_SOCKET or give --socket" in capsys.readouterr().err
