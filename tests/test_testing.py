"""FakeP0f: it speaks p0f's API, and gets into the states that a real p0f gets into."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware import P0fInfo
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


class Peer:
    """A bare socket at a p0f, with no client of ours in between."""

    def __init__(self, socket_path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(socket_path)

    def ask(self, ip_address: str = HOST) -> bytes:
        self.sock.sendall(make_query(ip_address))
        return self.sock.recv(1000)

    def hears_nothing(self) -> bool:
        return not select.select([self.sock], [], [], 0.02)[0]

    def close(self) -> None:
        self.sock.close()


@pytest.fixture
def peer(fake_p0f: FakeP0f) -> Iterator[Peer]:
    with closing(Peer(fake_p0f.socket_path)) as peer:
        yield peer


def test_it_knows_the_hosts_that_a_test_gives_it(fake_p0f: FakeP0f, peer: Peer) -> None:
    fake_p0f.hosts[HOST] = SAMPLE

    assert read_answer(peer.ask(), P0F_3) == SAMPLE


@pytest.mark.parametrize(
    ("asked", "spelling"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("2001:db8::a", "2001:0DB8:0:0:0:0:0:000A"),
        ("fe80::1", "fe80::1%eth0"),
        ("2001:db8::1", IPv6Address("2001:db8::1")),
    ],
)
def test_a_host_is_found_by_any_spelling_of_its_address(
    fake_p0f: FakeP0f, peer: Peer, asked: str, spelling: Any
) -> None:
    fake_p0f.hosts[spelling] = SAMPLE
    assert asked in fake_p0f.hosts
    assert read_answer(peer.ask(asked), P0F_3) == SAMPLE


@pytest.mark.parametrize("name", ["testclient", "", "0.0.0.0", "192.0.2.0/24", None])
def test_a_host_without_an_ip_address_is_refused(fake_p0f: FakeP0f, name: Any) -> None:
    with pytest.raises(ValueError, match="is not one"):
        fake_p0f.hosts[name] = SAMPLE


def test_it_knows_no_other_hosts(peer: Peer) -> None:
    assert read_answer(peer.ask(), P0F_3) is None


def test_a_default_is_the_answer_for_all_other_hosts() -> None:
    with FakeP0f(default=SAMPLE) as p0f, closing(Peer(p0f.socket_path)) as peer:
        assert read_answer(peer.ask(), P0F_3) == SAMPLE


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_it_answers_in_the_dialect_it_is_told(dialect: Dialect) -> None:
    info = P0fInfo(os_name="Linux", link_mtu=1400)
    with (
        FakeP0f(dialect=dialect.name, default=info) as p0f,
        closing(Peer(p0f.socket_path)) as peer,
    ):
        assert peer.ask() == write_answer(info, dialect)


def test_it_notes_what_it_is_asked(fake_p0f: FakeP0f, peer: Peer) -> None:
    peer.ask(HOST)
    peer.ask("::1")

    assert fake_p0f.queries == [HOST, "::1"]


def test_it_answers_many_queries_sent_at_once(fake_p0f: FakeP0f, peer: Peer) -> None:
    peer.sock.sendall(make_query(HOST) + make_query("192.0.2.2") * 2)
    answers = b"".join(peer.sock.recv(232, socket.MSG_WAITALL) for _ in range(3))

    assert len(answers) == 3 * 232


def test_stalled_it_answers_nobody_until_it_resumes(fake_p0f: FakeP0f, peer: Peer) -> None:
    peer.ask()
    fake_p0f.stall()
    peer.sock.sendall(make_query(HOST))
    assert peer.hears_nothing()
    fake_p0f.resume()

    assert read_answer(peer.sock.recv(1000), P0F_3) is None


def test_full_it_answers_those_it_has_and_accepts_nobody_else(
    fake_p0f: FakeP0f, peer: Peer
) -> None:
    peer.ask()
    fake_p0f.fill()
    with closing(Peer(fake_p0f.socket_path)) as late:
        late.sock.sendall(make_query(HOST))
        assert late.hears_nothing()
        assert len(peer.ask()) == 232
        fake_p0f.resume()
        assert len(late.sock.recv(1000)) == 232


def test_restarted_it_has_ended_connections_and_forgotten_hosts(
    fake_p0f: FakeP0f, peer: Peer
) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    peer.ask()
    fake_p0f.restart()

    assert peer.sock.recv(1) == b""
    with closing(Peer(fake_p0f.socket_path)) as again:
        assert read_answer(again.ask(), P0F_3) is None


def test_refusing_it_leaves_its_socket_behind(fake_p0f: FakeP0f) -> None:
    fake_p0f.refuse()

    assert Path(fake_p0f.socket_path).is_socket()
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(ConnectionRefusedError):
        sock.connect(fake_p0f.socket_path)


def test_other_bytes_can_stand_for_its_answers(fake_p0f: FakeP0f, peer: Peer) -> None:
    fake_p0f.answer_with(b"garbage")
    assert peer.ask() == b"garbage"
    fake_p0f.answer_with(str.encode)
    assert (peer.ask(HOST), peer.ask("::1")) == (HOST.encode(), b"::1")
    fake_p0f.answer_with(None)
    assert read_answer(peer.ask(), P0F_3) is None
    fake_p0f.answer_with(b"")
    assert peer.ask() == b""


def test_it_listens_where_it_is_told_and_replaces_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "p0f.sock"
    for _ in range(2):
        with FakeP0f(path) as p0f, closing(Peer(str(path))) as peer:
            assert p0f.socket_path == str(path)
            assert len(peer.ask()) == 232


def test_stopped_it_leaves_nothing_behind_and_can_be_started_again() -> None:
    p0f, threads = FakeP0f(), threading.active_count()
    for number in range(1, 3):
        p0f.start()
        with closing(Peer(p0f.socket_path)) as peer:
            assert len(peer.ask()) == 232
        p0f.stop()
        p0f.stop()

        assert (threading.active_count(), p0f.connections) == (threads, number)
        assert not Path(p0f.socket_path).parent.exists()


def test_a_client_that_leaves_while_it_is_being_stopped_does_no_harm() -> None:
    p0f = FakeP0f().start()
    peers = [Peer(p0f.socket_path) for _ in range(5)]
    for peer in peers:
        peer.ask()
    leaving = [threading.Thread(target=peer.close) for peer in peers]
    for thread in leaving:
        thread.start()
    p0f.stop()
    for thread in leaving:
        thread.join()

    with closing(Peer(p0f.start().socket_path)) as again:
        assert len(again.ask()) == 232
    p0f.stop()


@pytest.mark.parametrize("length", [70, 80])
def test_it_works_under_a_long_tmpdir(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        folder = Path(base, "x" * (length - len(base) - 1))
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with FakeP0f() as p0f, closing(Peer(p0f.socket_path)) as peer:
            assert (folder in Path(p0f.socket_path).parents) is (length == 70)
            assert Path(p0f.socket_path).parent.stat().st_mode & 0o777 == 0o700
            assert len(peer.ask()) == 232


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
