"""FakeP0f: it speaks p0f's API, and gets into the states that a real p0f gets into."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware._daemon.protocol import (
    DIALECTS,
    P0F_3,
    Dialect,
    make_query,
    read_answer,
    write_answer,
)
from p0f_middleware.testing import SAMPLE, FakeP0f

HOST = "192.0.2.1"


def connected(p0f: FakeP0f) -> socket.socket:
    """A bare socket at a p0f, with no client of ours in between."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(5)
    sock.connect(p0f.socket_path)
    return sock


def ask(peer: socket.socket, ip_address: str = HOST) -> bytes:
    peer.sendall(make_query(ip_address))
    return peer.recv(1000)


def hears_nothing(peer: socket.socket) -> bool:
    return not select.select([peer], [], [], 0.02)[0]


@pytest.fixture
def peer(fake_p0f: FakeP0f) -> Iterator[socket.socket]:
    with connected(fake_p0f) as peer:
        yield peer


@pytest.mark.parametrize(
    ("asked", "spelling"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("2001:db8::a", "2001:0DB8:0:0:0:0:0:000A"),
        ("fe80::1", "fe80::1%eth0"),
        ("2001:db8::1", IPv6Address("2001:db8::1")),
    ],
)
def test_it_knows_the_hosts_that_a_test_gives_it_by_any_spelling_of_their_address(
    fake_p0f: FakeP0f, peer: socket.socket, asked: str, spelling: Any
) -> None:
    fake_p0f.hosts[spelling] = SAMPLE
    assert asked in fake_p0f.hosts
    assert "192.0.2.7" not in fake_p0f.hosts
    assert read_answer(ask(peer, asked), P0F_3) == SAMPLE
    del fake_p0f.hosts[spelling]
    assert read_answer(ask(peer, asked), P0F_3) is None
    assert fake_p0f.queries == [asked, asked]


@pytest.mark.parametrize("name", ["testclient", "", "0.0.0.0", "192.0.2.0/24", None])
def test_a_host_without_an_ip_address_is_refused(fake_p0f: FakeP0f, name: Any) -> None:
    with pytest.raises(ValueError, match="is not one"):
        fake_p0f.hosts[name] = SAMPLE


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_it_answers_for_all_hosts_by_default_in_the_dialect_it_is_told(dialect: Dialect) -> None:
    fake = FakeP0f(dialect=dialect.name, default=SAMPLE)
    with fake, connected(fake) as peer:
        assert ask(peer) == write_answer(SAMPLE, dialect)


def test_stalled_it_answers_nobody_until_it_resumes(fake_p0f: FakeP0f, peer: socket.socket) -> None:
    ask(peer)
    fake_p0f.stall()
    peer.sendall(make_query(HOST))
    assert hears_nothing(peer)
    fake_p0f.resume()

    assert read_answer(peer.recv(1000), P0F_3) is None


def test_full_it_answers_those_it_has_and_accepts_nobody_else(
    fake_p0f: FakeP0f, peer: socket.socket
) -> None:
    ask(peer)
    fake_p0f.fill()
    with connected(fake_p0f) as late:
        late.sendall(make_query(HOST))
        assert hears_nothing(late)
        assert len(ask(peer)) == 232
        fake_p0f.resume()
        assert len(late.recv(1000)) == 232


def test_restarted_it_has_ended_connections_and_forgotten_hosts(
    fake_p0f: FakeP0f, peer: socket.socket
) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    ask(peer)
    fake_p0f.restart()

    assert peer.recv(1) == b""
    with connected(fake_p0f) as again:
        assert read_answer(ask(again), P0F_3) is None


def test_refusing_it_leaves_its_socket_behind(fake_p0f: FakeP0f) -> None:
    fake_p0f.refuse()

    assert Path(fake_p0f.socket_path).is_socket()
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(ConnectionRefusedError):
        sock.connect(fake_p0f.socket_path)


def test_other_bytes_can_stand_for_its_answers(fake_p0f: FakeP0f, peer: socket.socket) -> None:
    fake_p0f.answer_with(b"garbage")
    assert ask(peer) == b"garbage"
    fake_p0f.answer_with(str.encode)
    assert (ask(peer, HOST), ask(peer, "::1")) == (HOST.encode(), b"::1")
    fake_p0f.answer_with(None)
    assert read_answer(ask(peer), P0F_3) is None
    fake_p0f.answer_with(b"")
    assert ask(peer) == b""


def test_it_listens_where_it_is_told_and_replaces_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "p0f.sock"
    for _ in range(2):
        with FakeP0f(path) as p0f, connected(p0f) as peer:
            assert p0f.socket_path == str(path)
            assert len(ask(peer)) == 232


def test_stopped_it_leaves_nothing_behind_and_can_be_started_again() -> None:
    p0f, threads = FakeP0f(), threading.active_count()
    for number in range(1, 3):
        p0f.start()
        with connected(p0f) as peer:
            assert len(ask(peer)) == 232
        p0f.stop()
        p0f.stop()

        assert (threading.active_count(), p0f.connections) == (threads, number)
        assert not Path(p0f.socket_path).parent.exists()


@pytest.mark.parametrize("length", [70, 80])
def test_it_works_under_a_long_tmpdir(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        folder = Path(base, "x" * (length - len(base) - 1))
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with FakeP0f() as p0f, connected(p0f) as peer:
            assert (folder in Path(p0f.socket_path).parents) is (length == 70)
            assert Path(p0f.socket_path).parent.stat().st_mode & 0o777 == 0o700
            assert len(ask(peer)) == 232


def test_it_is_imported_on_windows_and_says_what_is_missing_there() -> None:
    """Windows has none of these modules and names; development machines may run it."""
    script = """
import os, pytest, select, socket, sys, tempfile
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for module, name in ((os, "register_at_fork"), (select, "poll"), (socket, "AF_UNIX")):
    delattr(module, name)
import p0f_middleware._pytest
from p0f_middleware.testing import FakeP0f
p0f = FakeP0f()
try:
    p0f.start()
except OSError as error:
    print(error)
p0f.stop()
"""
    printed = subprocess.check_output([sys.executable, "-c", script], text=True, timeout=30)
    assert "needs Unix sockets" in printed
