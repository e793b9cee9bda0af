"""The p0f processes of a machine, from a /proc that is imitated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p0f_middleware._commands import p0f_process
from p0f_middleware._commands.p0f_process import Daemon, daemon_of, daemons

from .conftest import add_process

UNIX_SOCKETS = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 100 /run/p0f.sock
0000000000000000: 00000003 00000000 00000000 0001 03 101 /run/p0f.sock
0000000000000000: 00000003 00000000 00000000 0001 03 102 /other
0000000000000000: 00000003 00000000 00000000 0001 03 103
"""


def test_a_daemon_is_read_from_its_command_line(proc: Path) -> None:
    add_process(proc, 7, "-i", "eth0", "-d", "-s", "/run/p0f.sock", "-S50", "tcp port 80")
    (daemon,) = daemons()
    assert (daemon.pid, daemon.options["-i"], daemon.socket_path) == (7, "eth0", "/run/p0f.sock")
    assert (daemon.most_clients, daemon.packet_filter) == (50, "tcp port 80")


def test_an_option_that_is_not_given_has_p0fs_default(proc: Path) -> None:
    add_process(proc, 7)
    (daemon,) = daemons()
    assert (daemon.socket_path, daemon.most_clients, daemon.packet_filter) == (None, 20, "")
    assert (daemon.stopped, daemon.clients()) == (False, None)


def test_a_relative_socket_path_starts_in_the_daemons_folder(proc: Path, tmp_path: Path) -> None:
    (add_process(proc, 7, "-s", "../p0f.sock") / "cwd").symlink_to(tmp_path / "run")
    (daemon,) = daemons()
    assert daemon.socket_path == str(tmp_path / "p0f.sock")


def test_other_programs_are_no_daemons(proc: Path) -> None:
    add_process(proc, 7, "-s", "/run/p0f.sock", name="nginx")
    add_process(proc, 8, "--what", name="p0f")
    assert list(daemons()) == []


def test_a_stopped_daemon_is_seen(proc: Path) -> None:
    stat = add_process(proc, 7) / "stat"
    stat.write_text(stat.read_text().replace(") S", ") T"))
    (daemon,) = daemons()
    assert daemon.stopped


def test_clients_are_counted_by_the_sockets_path(proc: Path) -> None:
    table = UNIX_SOCKETS.encode() + b"0: 2 0 00010000 1 1 9 @\xff\n"
    (proc / "net/unix").write_bytes(table)
    add_process(proc, 7, "-s", "/run/p0f.sock")
    (daemon,) = daemons()
    assert daemon.clients() == 1


@pytest.mark.parametrize(
    ("packet_filter", "ports"),
    [
        ("tcp port 80", [range(80, 81)]),
        ("tcp dst port 443 or port 80", [range(443, 444), range(80, 81)]),
        ("portrange 8000-8002", [range(8000, 8003)]),
        ("src net 10.0.0.0/8", []),
        ("not port 22", []),
        ("port 80 and port != 22", []),
        ("", []),
    ],
)
def test_ports_of_a_filter(packet_filter: str, ports: list[range]) -> None:
    assert Daemon(1, [], {}, packet_filter).ports == ports


@pytest.mark.parametrize("most", ["many", "9" * 5000, "-1", "²"])
def test_a_senseless_number_of_connections_is_p0fs_default(most: str) -> None:
    assert Daemon(1, [], {"-S": most}, "").most_clients == 20


def test_names_and_command_lines_of_any_bytes_are_read(proc: Path) -> None:
    add_process(proc, 7, "-s", "/run/p0f.sock")
    (proc / "7/comm").write_bytes(b"p0f\xff\n")
    (proc / "7/cmdline").write_bytes(b"p0f\0-s\0/run/\xff.sock\0")
    (add_process(proc, 8, name="other") / "comm").write_bytes(b"\xff\xfe\n")
    (daemon,) = daemons()
    assert os.fsencode(daemon.socket_path or "") == b"/run/\xff.sock"


def test_a_daemon_is_found_by_its_socket_through_links_too(proc: Path, tmp_path: Path) -> None:
    add_process(proc, 7, "-s", "/other")
    add_process(proc, 8, "-s", str(tmp_path / "p0f.sock"))
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path / "p0f.sock", tmp_path / "link/p0f.sock"):
        daemon = daemon_of(str(path))
        assert daemon is not None
        assert daemon.pid == 8


def test_without_proc_there_are_no_daemons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p0f_process, "PROC", tmp_path / "none")
    assert list(daemons()) == []
