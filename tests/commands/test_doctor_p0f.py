"""The doctor's checks of a p0f, on one that is imitated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware import P0f
from p0f_middleware._commands import doctor_p0f
from p0f_middleware._commands.doctor_p0f import check_address, check_capture, examine_p0f
from p0f_middleware._commands.p0f_process import Daemon
from p0f_middleware._commands.terminal import Finding
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
    options = {"-i": interface} if interface else {}
    return Daemon(os.getpid(), [], options, packet_filter)


def last(socket_path: str, *arguments: object) -> Finding:
    return list(examine_p0f(socket_path, *arguments))[-1]  # type: ignore[arg-type]


def test_a_process_that_cannot_be_found_leaves_a_question(fake_p0f: FakeP0f, proc: Path) -> None:
    assert [finding.ok for finding in examine_p0f(fake_p0f.socket_path)] == [True, None]


def test_a_p0f_without_signatures_of_its_own_is_a_question(fake_p0f: FakeP0f, proc: Path) -> None:
    fake_p0f.default = SAMPLE
    add_process(proc, 7, "-s", fake_p0f.socket_path)
    old = [found.text for found in examine_p0f(fake_p0f.socket_path) if found.ok is None]
    assert len(old) == 1
    assert 'start it with -f "$(p0f-middleware signatures)"' in old[0]


def test_a_full_p0f_is_not_asked(fake_p0f: FakeP0f, proc: Path) -> None:
    add_process(proc, 7, "-s", fake_p0f.socket_path, "-S", "1", "-f", "x")
    row = f"0: 2 0 {{}} 1 1 9 {fake_p0f.socket_path}\n"
    (proc / "net/unix").write_text("head\n" + row.format("00010000") + row.format("0"))
    assert last(fake_p0f.socket_path) == Finding(
        False, "1 of p0f's 1 API connections are in use: start it with a higher -S (at most 100)"
    )


@pytest.mark.parametrize("runs", [False, True])
def test_a_missing_file_comes_with_a_cause(proc: Path, tmp_path: Path, runs: bool) -> None:
    path = str(tmp_path / "p0f.sock")
    add_process(proc, 7, "-s", path if runs else "/run/b.sock")
    found = last(path)
    assert found.ok is False
    assert f"there is no socket {path}" in found.text
    assert ("PrivateTmp" in found.text) is runs
    assert ("The p0f that runs here has /run/b.sock" in found.text) is not runs


def test_a_refusal_may_be_the_mount_of_an_old_file(fake_p0f: FakeP0f, proc: Path) -> None:
    fake_p0f.refuse()
    found = last(fake_p0f.socket_path)
    assert found.ok is False
    assert f"nothing listens on {fake_p0f.socket_path}" in found.text
    assert "bind mount of an earlier p0f's socket: mount the folder" in found.text


def test_a_server_that_is_not_p0f_is_a_fault(fake_p0f: FakeP0f, proc: Path) -> None:
    fake_p0f.answer_with(b"SSH-2.0-OpenSSH")
    found = last(fake_p0f.socket_path)
    assert found.ok is False
    assert fake_p0f.socket_path in found.text


def test_a_p0f_that_sees_connections_is_well(fake_p0f: FakeP0f, client: P0f) -> None:
    fake_p0f.default = SAMPLE
    for port, words in ((None, "to itself (--port checks"), (8000, "to its port 8000")):
        found = check_capture(client, None, port)
        assert found.ok
        assert words in found.text


def test_a_filter_without_the_sites_port_is_a_fault(fake_p0f: FakeP0f, client: P0f) -> None:
    fake_p0f.default = SAMPLE
    daemon = a_daemon("lo", "tcp port 443 or portrange 1-100")
    assert check_capture(client, daemon, 8000) == Finding(
        False,
        "p0f's filter (tcp port 443 or portrange 1-100) leaves out port 8000: start p0f with"
        " 'tcp port 8000'",
    )
    assert check_capture(client, daemon, 80).ok


@pytest.mark.parametrize(
    ("daemon", "ok", "words"),
    [
        (None, None, "run this as root, where p0f runs"),
        (a_daemon(), None, "name yours with -i"),
        (a_daemon("lo", "tcp port 9"), False, "does its filter leave them out (tcp port 9)"),
        (a_daemon("any"), False, "does its filter leave them out (it has none)"),
        (a_daemon("eth7"), None, "captures on eth7: do your visitors come in there"),
    ],
)
def test_a_p0f_that_sees_no_connection_is_explained_by_its_interface(
    client: P0f, daemon: Daemon | None, ok: bool | None, words: str
) -> None:
    found = check_capture(client, daemon)
    assert found.ok is ok
    assert words in found.text


def test_a_known_client_is_well_and_is_described(fake_p0f: FakeP0f, client: P0f) -> None:
    fake_p0f.hosts["192.0.2.1"] = SAMPLE
    found = check_address(client, None, "192.0.2.1")
    assert found == (True, "p0f knows 192.0.2.1: Linux 3.11 and newer")


@pytest.mark.parametrize("address", ["localhost", "0.0.0.0", "", "\x1b[2J"])
def test_text_that_is_no_clients_address_is_a_fault(client: P0f, address: str) -> None:
    found = check_address(client, None, address)
    assert found.ok is False
    assert "not an IP address" in found.text


def test_an_unknown_client_comes_with_the_possible_causes(client: P0f) -> None:
    found = check_address(client, a_daemon("eth7"), "8.8.8.8")
    assert found.ok is False
    for words in ("has not connected", "trusted_proxies", "do not pass eth7"):
        assert words in found.text
