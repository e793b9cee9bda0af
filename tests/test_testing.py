"""FakeP0f: it speaks p0f's API, and gets into the states that a real p0f gets into."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
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
        self.sock.settimeout(0.02)
        try:
            self.sock.recv(1)
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(5)
        return False

    def close(self) -> None:
        self.sock.close()


@pytest.fixture
def peer(fake_p0f: FakeP0f) -> Iterator[Peer]:
    with closing(Peer(fake_p0f.socket_path)) as peer:
        yield peer


SPELLINGS: list[tuple[str, list[Any]]] = [
    (
        "192.0.2.1",
        [
            ip_address("192.0.2.1"),
            ip_address("::ffff:192.0.2.1"),
            "192.0.2.1",
            "::ffff:192.0.2.1",
            "::FFFF:192.0.2.1",
            "::ffff:c000:201",
        ],
    ),
    ("::1", [ip_address("::1"), "::1", "0:0:0:0:0:0:0:1", "0:0::1", "::0001"]),
    ("2001:db8::a", ["2001:DB8::A", "2001:0db8:0:0:0:0:0:000a"]),
    ("fe80::1", ["fe80::1%eth0", "FE80::1"]),
]


@pytest.mark.parametrize(
    ("asked", "spelling"), [(asked, s) for asked, spellings in SPELLINGS for s in spellings]
)
def test_a_host_is_found_by_any_spelling_of_its_address(
    fake_p0f: FakeP0f, peer: Peer, asked: str, spelling: Any
) -> None:
    fake_p0f.hosts[spelling] = SAMPLE

    assert read_answer(peer.ask(asked), P0F_3) == SAMPLE
    assert fake_p0f.hosts[spelling] == fake_p0f.hosts[asked] == SAMPLE
    assert spelling in fake_p0f.hosts
    assert list(fake_p0f.hosts) == [asked]
    assert read_answer(peer.ask("198.51.100.1"), P0F_3) is None
    assert fake_p0f.queries == [asked, "198.51.100.1"]


def test_hosts_is_a_mapping_like_any_other(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts = {"0:0::1": SAMPLE}
    fake_p0f.hosts.update({HOST: P0fInfo(os_name="Linux")})
    assert fake_p0f.hosts == {"::1": SAMPLE, HOST: P0fInfo(os_name="Linux")}
    assert fake_p0f.hosts.pop("::0001") == SAMPLE
    del fake_p0f.hosts[f"::ffff:{HOST}"]
    assert not fake_p0f.hosts
    assert fake_p0f.hosts.get("::1") is None


@pytest.mark.parametrize("name", ["testclient", "", "192.0.2.256", "0.0.0.0"])
def test_a_host_without_an_ip_address_is_refused(fake_p0f: FakeP0f, name: str) -> None:
    with pytest.raises(ValueError, match="is not one"):
        fake_p0f.hosts[name] = SAMPLE
    assert name not in fake_p0f.hosts
    with pytest.raises(KeyError, match=name or "''"):
        del fake_p0f.hosts[name]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_it_answers_in_the_dialect_it_is_told(dialect: Dialect) -> None:
    info = P0fInfo(os_name="Linux", link_mtu=1400)
    with (
        FakeP0f(dialect=dialect.name, default=info) as p0f,
        closing(Peer(p0f.socket_path)) as peer,
    ):
        assert peer.ask() == write_answer(info, dialect)


def test_it_answers_many_queries_sent_at_once(fake_p0f: FakeP0f, peer: Peer) -> None:
    peer.sock.sendall(make_query(HOST) + make_query("192.0.2.2") * 2)
    answers = b"".join(peer.sock.recv(232, socket.MSG_WAITALL) for _ in range(3))

    assert len(answers) == 3 * 232


def test_other_bytes_can_stand_for_its_answers(fake_p0f: FakeP0f, peer: Peer) -> None:
    fake_p0f.answer_with(b"garbage")
    garbage = peer.ask()
    fake_p0f.answer_with(str.encode)
    asked = peer.ask(HOST), peer.ask("::1")
    fake_p0f.answer_with(None)
    answer = peer.ask()
    fake_p0f.answer_with(b"")  # no bytes end the connection

    assert (garbage, *asked) == (b"garbage", HOST.encode(), b"::1")
    assert read_answer(answer, P0F_3) is None
    assert peer.ask() == b""


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


def test_it_listens_where_it_is_told(tmp_path: Path) -> None:
    with FakeP0f(tmp_path / "p0f.sock") as p0f, closing(Peer(str(tmp_path / "p0f.sock"))) as peer:
        assert p0f.socket_path == str(tmp_path / "p0f.sock")
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


def test_a_client_that_leaves_before_its_answer_kills_nobody() -> None:
    """With SIGPIPE at its default, writing to a closed connection ends a process."""
    script = f"""
import signal, socket
from p0f_middleware._daemon.protocol import make_query
from p0f_middleware.testing import FakeP0f
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
with FakeP0f() as p0f:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(p0f.socket_path)
    def leave(_):
        sock.close()
        return b"too late"
    p0f.answer_with(leave)
    sock.send(make_query("{HOST}"))
    while not p0f.queries:
        pass
    p0f.answer_with(None)
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(p0f.socket_path)
        other.send(make_query("{HOST}"))
        assert len(other.recv(1000)) == 232
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30)
    assert (run.returncode, run.stderr) == (0, b"")


def test_where_there_are_no_unix_sockets_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    p0f = FakeP0f()
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(OSError, match="needs Unix sockets"):
        p0f.start()
    p0f.stop()


def test_it_is_imported_on_windows_and_says_what_is_missing_there() -> None:
    """Windows has none of these modules and names; development machines may run it."""
    script = """
import os, pytest, select, socket, sys, tempfile
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for module, name in ((os, "register_at_fork"), (select, "poll"), (socket, "AF_UNIX"),
                     (socket, "MSG_NOSIGNAL")):
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
