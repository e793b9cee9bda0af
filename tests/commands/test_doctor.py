"""The doctor's command line, and its checks of Syn and of a p0f; tests/real has a real p0f's."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import doctor as module
from p0f_middleware._commands.doctor_p0f import daemons
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import Doctor, add_process

STORE = "redis://127.0.0.1:1/0"
SYN = "ok    this system keeps the SYN of a connection"
UNLESS_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")


@pytest.mark.parametrize(
    ("words", "environment", "first"),
    [
        pytest.param([], {}, SYN, marks=UNLESS_LINUX),
        pytest.param(["--source", "syn"], {"P0F_SOCKET": "/a"}, SYN, marks=UNLESS_LINUX),
        (["--source", "/a.sock"], {}, "FAULT there is no socket /a.sock"),
        (["--socket", "/a.sock"], {"P0F_SOCKET": "/b"}, "FAULT there is no socket /a.sock"),
        ([], {"P0F_SOCKET": "/a", "P0F_STORE": STORE}, "FAULT there is no socket /a"),
        ([], {"P0F_SOURCE": "/c", "P0F_SOCKET": "/a"}, "FAULT there is no socket /c"),
        (["--store", STORE], {}, "FAULT no connection to the SYN store"),
        (["--source", "unix:///a", "0::1"], {}, "FAULT no connection to the SYN store"),
        ([], {"P0F_STORE": STORE}, "FAULT no connection to the SYN store"),
    ],
)
def test_it_checks_the_source_that_is_named(
    doctor: Doctor,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    environment: dict[str, str],
    first: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert doctor(*words)[0].startswith(first)


def test_it_checks_the_only_p0f_that_runs(
    proc: Path, doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-s", "/no/a.sock", "-f", "x")
    assert "PrivateTmp" in doctor()[-1]
    add_process(proc, 8, "-s", "/no/b.sock")
    assert main(["doctor"]) == 2
    assert "name one of /no/a.sock, /no/b.sock with --socket" in capsys.readouterr().err
    assert "The p0f that runs here has /no/a.sock, /no/b.sock" in doctor("--socket", "/c")[-1]


@pytest.mark.parametrize("address", ["localhost", "0.0.0.0", "", "\x1b[2J"])
def test_text_that_is_no_clients_address_is_refused(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", address]) == 2
    assert "is not an IP address that a client can have" in capsys.readouterr().err


def test_a_fault_is_printed_once_and_logged_only_for_who_set_up_logging(
    fake_p0f: FakeP0f,
    proc: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake_p0f.refuse()
    with caplog.at_level(logging.WARNING, "p0f_middleware"):
        assert main(["doctor", "--socket", fake_p0f.socket_path]) == 1
    output = capfd.readouterr()
    assert output.out.count("p0f has ended") == 1
    assert "bind mount of an earlier p0f's socket: mount the folder" in output.out
    assert output.err == ""
    assert "p0f is down" in caplog.text


@pytest.mark.parametrize("quoted", ["\x1b[2J", "\u202e", "a\rok    b", "\udcff"])
def test_other_processes_and_paths_write_nothing_to_the_terminal(
    quoted: str, fake_p0f: FakeP0f, proc: Path, doctor: Doctor
) -> None:
    add_process(proc, 7, "-i", "lo", "-s", fake_p0f.socket_path, f"port 80 {quoted}")
    shown = doctor("--socket", fake_p0f.socket_path) + doctor("--socket", f"/run/{quoted}.sock")
    assert all(line.isprintable() for line in shown)


# Syn


@UNLESS_LINUX
def test_a_system_that_keeps_no_syns_is_a_fault(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--port" in doctor()[-1]
    monkeypatch.setattr(module, "save_syn", lambda _: None)
    assert "net.ipv4.tcp_syncookies" in doctor()[-1]

    def refuse(_: object) -> None:
        raise OSError("only Linux keeps SYNs")

    monkeypatch.setattr(module, "save_syn", refuse)
    assert doctor() == ["FAULT Syn() does not work here: only Linux keeps SYNs. Use p0f"]


@UNLESS_LINUX
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_which_program_listens_is_a_question_and_that_none_does_a_fault(
    host: str, doctor: Doctor, proc: Path
) -> None:
    (proc / "net").rmdir()
    (proc / "net").symlink_to("/proc/net")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        assert "use SharedSyn or p0f there" in doctor("--port", str(port))[-1]
    assert doctor("--port", str(port))[-1].startswith(f"FAULT nothing listens on port {port}")


# p0f


def test_a_daemon_is_read_from_its_command_line(proc: Path, tmp_path: Path) -> None:
    add_process(
        proc, 7, "-i", "eth0", "-d", "-s", "/\udcff/p0f.sock", "tcp port 80", name="p0f\udcff"
    )
    (add_process(proc, 8, "-s", "../p0f.sock") / "cwd").symlink_to(tmp_path / "run")
    add_process(proc, 9)
    add_process(proc, 10, "-s", "/run/p0f.sock", name="nginx\udcff")
    add_process(proc, 11, "--what")
    first, second, third = sorted(daemons())
    assert (first.options["-i"], first.packet_filter) == ("eth0", "tcp port 80")
    assert first.socket_path == "/\udcff/p0f.sock"
    assert second.socket_path == str(tmp_path / "p0f.sock")
    assert (third.socket_path, third.packet_filter, third.clients()) == (None, "", None)


def test_a_p0f_without_signatures_of_its_own_is_a_question(
    fake_p0f: FakeP0f, proc: Path, doctor: Doctor, tmp_path: Path
) -> None:
    fake_p0f.default = SAMPLE
    (tmp_path / "link").symlink_to(Path(fake_p0f.socket_path).parent)
    add_process(proc, 7, "-s", fake_p0f.socket_path)
    lines = doctor("--socket", str(tmp_path / "link/p0f.sock"))
    (old,) = [line for line in lines if line.startswith("?")]
    assert 'start it with -f "$(p0f-middleware signatures)"' in old


@pytest.mark.parametrize("most", ["1", "many", "9" * 5000, "²"])
def test_a_full_p0f_is_not_asked(fake_p0f: FakeP0f, proc: Path, doctor: Doctor, most: str) -> None:
    add_process(proc, 7, "-s", fake_p0f.socket_path, "-S", most, "-f", "x")
    row = f"0: 2 0 {{}} 1 1 9 {fake_p0f.socket_path}\n"
    limit = 1 if most == "1" else 20
    others = "0: 2 0 0 1 1 9 @\udcff\n0: 2 0 0 1 1 9\n"
    table = "head\n" + row.format("00010000") + others + row.format("0") * limit
    (proc / "net/unix").write_bytes(os.fsencode(table))
    full = f"FAULT {limit} of p0f's {limit} API connections are in use: start it with a higher -S"
    assert doctor()[-1] == f"{full} (at most 100)"
    assert not fake_p0f.connections


def test_a_server_that_is_not_p0f_is_a_fault(fake_p0f: FakeP0f, doctor: Doctor) -> None:
    fake_p0f.answer_with(b"SSH-2.0-OpenSSH")
    assert doctor("--socket", fake_p0f.socket_path)[-1].startswith("FAULT the server on")


def test_a_slow_p0f_is_a_fault(
    fake_p0f: FakeP0f, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, mark in ((1e-6, "FAULT"), (1.0, "ok   ")):
        monkeypatch.setattr("p0f_middleware._commands.doctor_p0f.TIMEOUT", limit)
        answers = doctor("--socket", fake_p0f.socket_path)[0]
        assert answers.startswith(f"{mark} p0f answers in ")
        assert ("give p0f a filter" in answers) is (mark == "FAULT")


@pytest.mark.parametrize(
    ("options", "port", "mark", "words"),
    [
        (None, [], "?", "run this as root, where p0f runs"),
        ([], [], "?", "name yours with -i"),
        (["-i", "lo", "port 9"], [], "?", "name your site's port with --port"),
        (["-i", "lo", "port 9"], ["--port", "80"], "FAULT", "its filter leave them out (port 9)"),
        (["-i", "any"], [], "FAULT", "does its filter leave them out (it has none)"),
        (["-i", "eth7"], [], "?", "captures on eth7 but does not see"),
    ],
)
def test_a_p0f_that_sees_no_connection_is_explained_by_its_interface(
    fake_p0f: FakeP0f,
    proc: Path,
    doctor: Doctor,
    options: list[str] | None,
    port: list[str],
    mark: str,
    words: str,
) -> None:
    if options is not None:
        add_process(proc, 7, "-s", fake_p0f.socket_path, *options)
    line = doctor("--socket", fake_p0f.socket_path, *port)[-1]
    assert line.startswith(mark)
    assert words in line


def test_an_unknown_client_comes_with_the_possible_causes(
    fake_p0f: FakeP0f, proc: Path, doctor: Doctor
) -> None:
    add_process(proc, 7, "-s", fake_p0f.socket_path, "-i", "eth7", "-f", "x")
    fault = doctor("8.8.8.8")[-1]
    for words in ("has not connected", "trusted_proxies", "do not pass eth7"):
        assert words in fault
