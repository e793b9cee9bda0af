"""The doctor's checks of a p0f, on one that is imitated; tests/real has those of a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware import P0f
from p0f_middleware._commands import doctor_p0f
from p0f_middleware._commands.doctor_p0f import (
    Daemon,
    Finding,
    check_address,
    check_capture,
    daemons,
    examine_p0f,
)
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import add_process


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_p0f, "CAPTURE_TIMEOUT", 0.02)


@pytest.fixture
def client(fake_p0f: FakeP0f) -> Iterator[P0f]:
    with P0f(fake_p0f.socket_path, timeout=5) as client:
        yield client


def a_daemon(interface: str | None = None, packet_filter: str = "") -> Daemon:
    return Daemon(os.getpid(), "p0f", {"-i": interface} if interface else {}, packet_filter)


def last(socket_path: str) -> Finding:
    return list(examine_p0f(socket_path, None, None))[-1]


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
    assert (third.socket_path, third.packet_filter, third.stopped()) == (None, "", False)
    assert third.clients() is None


def test_a_process_that_cannot_be_found_leaves_a_question(fake_p0f: FakeP0f, proc: Path) -> None:
    proc.rename(proc.with_name("none"))
    found = examine_p0f(fake_p0f.socket_path, None, None)
    assert [finding.ok for finding in found] == [True, None]


def test_a_p0f_without_signatures_of_its_own_is_a_question(
    fake_p0f: FakeP0f, proc: Path, tmp_path: Path
) -> None:
    fake_p0f.default = SAMPLE
    (tmp_path / "link").symlink_to(Path(fake_p0f.socket_path).parent)
    add_process(proc, 7, "-s", fake_p0f.socket_path)
    found = examine_p0f(str(tmp_path / "link/p0f.sock"), None, None)
    (old,) = [finding.text for finding in found if finding.ok is None]
    assert 'start it with -f "$(p0f-middleware signatures)"' in old


@pytest.mark.parametrize("most", ["1", "many", "9" * 5000, "²"])
def test_a_full_p0f_is_not_asked(fake_p0f: FakeP0f, proc: Path, most: str) -> None:
    add_process(proc, 7, "-s", fake_p0f.socket_path, "-S", most, "-f", "x")
    row = f"0: 2 0 {{}} 1 1 9 {fake_p0f.socket_path}\n"
    limit = 1 if most == "1" else 20
    others = "0: 2 0 0 1 1 9 @\udcff\n0: 2 0 0 1 1 9\n"
    table = "head\n" + row.format("00010000") + others + row.format("0") * limit
    (proc / "net/unix").write_bytes(os.fsencode(table))
    full = f"{limit} of p0f's {limit} API connections are in use: start it with a higher -S"
    assert last(fake_p0f.socket_path) == (False, f"{full} (at most 100)")
    assert not fake_p0f.connections


@pytest.mark.parametrize("runs", [False, True])
def test_a_missing_file_comes_with_a_cause(proc: Path, tmp_path: Path, runs: bool) -> None:
    path = str(tmp_path / "p0f.sock")
    add_process(proc, 7, "-s", path if runs else "/run/b.sock")
    found = last(path)
    assert found.ok is False
    assert f"there is no socket {path}" in found.text
    assert ("PrivateTmp" in found.text) is runs
    assert ("The p0f that runs here has /run/b.sock" in found.text) is not runs


def test_a_server_that_is_not_p0f_is_a_fault(fake_p0f: FakeP0f, proc: Path) -> None:
    fake_p0f.answer_with(b"SSH-2.0-OpenSSH")
    found = last(fake_p0f.socket_path)
    assert found.ok is False
    assert fake_p0f.socket_path in found.text


@pytest.mark.parametrize(
    ("daemon", "port", "ok", "words"),
    [
        (None, None, None, "run this as root, where p0f runs"),
        (a_daemon(), None, None, "name yours with -i"),
        (a_daemon("lo", "tcp port 9"), None, None, "name your site's port with --port"),
        (a_daemon("lo", "tcp port 9"), 80, False, "its filter leave them out (tcp port 9)"),
        (a_daemon("any"), None, False, "does its filter leave them out (it has none)"),
        (a_daemon("eth7"), None, None, "captures on eth7 but does not see"),
    ],
)
def test_a_p0f_that_sees_no_connection_is_explained_by_its_interface(
    client: P0f, daemon: Daemon | None, port: int | None, ok: bool | None, words: str
) -> None:
    found = check_capture(client, daemon, port)
    assert found.ok is ok
    assert words in found.text


def test_an_unknown_client_comes_with_the_possible_causes(client: P0f) -> None:
    found = check_address(client, a_daemon("eth7"), "8.8.8.8")
    assert found.ok is False
    for words in ("has not connected", "trusted_proxies", "do not pass eth7"):
        assert words in found.text
