"""The p0f processes of a machine, from a /proc that is imitated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p0f_middleware._commands import p0f_process

from .imitated_proc import add_process

UNIX_SOCKETS = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 100 {path}
0000000000000000: 00000003 00000000 00000000 0001 03 101 {path}
0000000000000000: 00000003 00000000 00000000 0001 03 102 /other
0000000000000000: 00000003 00000000 00000000 0001 03 103
"""


def test_command_line_of_a_daemon(proc: Path) -> None:
    add_process(
        proc, 7, "-i", "eth0", "-d", "-s", "/run/p0f.sock", "-S50", "tcp port 80", name="p0f"
    )
    (daemon,) = p0f_process.daemons()
    assert (daemon.pid, daemon.interface, daemon.socket_path) == (7, "eth0", "/run/p0f.sock")
    assert (daemon.most_clients, daemon.packet_filter) == (50, "tcp port 80")


def test_what_no_option_sets_has_p0fs_default(proc: Path) -> None:
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


def test_clients_that_cannot_be_counted_are_none(proc: Path) -> None:
    add_process(proc, 7, "-s", "/run/p0f.sock")
    (daemon,) = p0f_process.daemons()
    assert daemon.clients() is None


@pytest.mark.parametrize(
    ("packet_filter", "port"),
    [
        ("tcp port 80", 80),
        ("tcp dst port 443 or port 80", 443),
        ("src net 10.0.0.0/8", None),
        ("port 65536", None),
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


@pytest.mark.parametrize("most", ["many", "9" * 5000, "-1", "²"])
def test_a_number_of_connections_that_is_none_is_p0fs_default(proc: Path, most: str) -> None:
    add_process(proc, 7, f"-S{most}")
    (daemon,) = p0f_process.daemons()
    assert daemon.most_clients == 20


def test_names_and_command_lines_of_any_bytes_are_read(proc: Path) -> None:
    add_process(proc, 7, "-s", "/run/p0f.sock")
    (proc / "7/comm").write_bytes(b"p0f\xff\n")
    (proc / "7/cmdline").write_bytes(b"p0f\0-s\0/run/\xff.sock\0")
    add_process(proc, 8, name="other")
    (proc / "8/comm").write_bytes(b"\xff\xfe\n")
    (daemon,) = p0f_process.daemons()
    assert os.fsencode(daemon.socket_path or "") == b"/run/\xff.sock"


def test_sockets_of_any_bytes_are_counted(proc: Path) -> None:
    (proc / "net").mkdir()
    table = UNIX_SOCKETS.format(path="/run/p0f.sock").encode() + b"0: 2 0 00010000 1 1 9 @\xff\n"
    (proc / "net/unix").write_bytes(table)
    add_process(proc, 7, "-s", "/run/p0f.sock")
    (daemon,) = p0f_process.daemons()
    assert daemon.clients() == 1


@pytest.fixture
def socket_file(tmp_path: Path) -> Path:
    (tmp_path / "p0f.sock").touch()
    return tmp_path / "p0f.sock"


def test_a_daemon_is_found_by_the_file_that_its_path_names(proc: Path, socket_file: Path) -> None:
    add_process(proc, 7, "-s", "/other")
    add_process(proc, 8, "-s", str(socket_file))
    daemon = p0f_process.daemon_of(str(socket_file))
    assert daemon is not None
    assert daemon.pid == 8


def test_a_daemon_in_a_container_is_found_by_the_file_in_its_own_root(
    proc: Path, socket_file: Path, tmp_path: Path
) -> None:
    (add_process(proc, 7, "-s", "/p0f.sock") / "root").symlink_to(tmp_path)
    daemon = p0f_process.daemon_of(str(socket_file))
    assert daemon is not None
    assert daemon.own_socket_file == proc / "7/root/p0f.sock"


def test_a_daemon_with_another_file_of_the_same_path_is_not_taken_for_it(
    proc: Path, socket_file: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own" / str(socket_file).lstrip("/")
    own.parent.mkdir(parents=True)
    own.touch()
    (add_process(proc, 7, "-s", str(socket_file)) / "root").symlink_to(tmp_path / "own")
    assert p0f_process.daemon_of(str(socket_file)) is None


@pytest.mark.parametrize("namespace", ["mnt", "net"])
@pytest.mark.parametrize(("theirs", "shares"), [("x:[1]", True), ("x:[2]", False), (None, None)])
def test_namespaces_are_compared(
    proc: Path, namespace: str, theirs: str | None, shares: bool | None
) -> None:
    for process, link in ((add_process(proc, 7), theirs), (proc / "self", "x:[1]")):
        (process / "ns").mkdir(parents=True)
        if link is not None:
            (process / "ns" / namespace).symlink_to(link)
    (daemon,) = p0f_process.daemons()
    assert (daemon.shares_mounts if namespace == "mnt" else daemon.shares_network) is shares
