"""The kernel's side of a saved SYN: keeping it, reading it, telling sockets apart."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware.syn import kernel
from p0f_middleware.syn.kernel import (
    Descriptor,
    is_tcp_listener,
    is_unix,
    keeps_syns,
    peer_of,
    read_saved_syn,
    save_syn,
)

from .connections import connection

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listener that does not keep SYNs, for IPv4 and IPv6."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as sock:
        yield sock


@pytest.fixture
def armed(listener: socket.socket) -> socket.socket:
    save_syn(listener)
    return listener


# Keeping and reading


@pytest.mark.parametrize(("host", "version", "tcp_at"), [("127.0.0.1", 4, 20), ("::1", 6, 40)])
def test_a_saved_syn_has_the_clients_headers(
    armed: socket.socket, host: str, version: int, tcp_at: int
) -> None:
    with connection(armed, host) as sock:
        syn = read_saved_syn(sock)
        source_port = int.from_bytes(syn[tcp_at : tcp_at + 2], "big")
        assert (syn[0] >> 4, source_port) == (version, sock.getpeername()[1])
        assert peer_of(sock) == (host, source_port)
        assert read_saved_syn(sock) == b"", "the kernel hands out a SYN once"


def test_a_connection_tells_whether_its_listener_kept_syns(listener: socket.socket) -> None:
    with connection(listener) as early:
        save_syn(listener)
        with connection(listener) as late:
            assert [keeps_syns(sock) for sock in (early, late)] == [False, True]
            assert read_saved_syn(early) == b""


@pytest.mark.parametrize("of", [lambda sock: sock, lambda sock: sock.fileno()])
def test_save_syn_takes_a_socket_that_is_not_bound_yet_or_its_descriptor(
    of: Callable[[socket.socket], Any],
) -> None:
    with socket.socket() as sock:
        save_syn(of(sock))
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        assert keeps_syns(sock)


def test_save_syn_refuses_what_is_not_a_tcp_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError, match="not supported"):
        save_syn(sock)
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(OSError, match="non-socket"):
            save_syn(file)
        file.write("still open")


def test_other_systems_are_not_asked(armed: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "LINUX", False)
    with pytest.raises(OSError, match="only Linux keeps the SYN"):
        save_syn(armed)
    assert is_unix(armed) is None


# Telling sockets apart


def test_unix_sockets_are_told_from_others(armed: socket.socket) -> None:
    one, other = socket.socketpair()
    junk: Any = "no socket"
    with one, other, connection(armed) as tcp:
        assert [is_unix(sock) for sock in (one, tcp, junk)] == [True, False, None]
        assert [peer_of(sock) for sock in (one, armed, junk)] == [(None, None)] * 3
    assert is_unix(one) is None


# A descriptor is somebody else's


def test_a_file_is_not_duplicated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "dup", None)  # closing a duplicate would release the file's locks
    with (tmp_path / "file").open("w") as file, pytest.raises(OSError, match="non-socket"):
        is_tcp_listener(Descriptor(file.fileno()))


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("timeout", [None, 5])
def test_a_descriptor_stays_as_it_was(
    blocking: bool, timeout: float | None, armed: socket.socket
) -> None:
    with connection(armed) as sock:
        os.set_blocking(sock.fileno(), blocking)
        socket.setdefaulttimeout(timeout)
        try:
            assert Descriptor(sock.fileno()).getpeername() == sock.getpeername()
        finally:
            socket.setdefaulttimeout(None)
        assert os.get_blocking(sock.fileno()) is blocking
        assert sock.send(b"still open") == 10


class TooLong(Exception):
    """A time limit that a signal handler raises."""


def raise_too_long(*_: object) -> None:
    raise TooLong


# The duplicate that was made in vain is closed with a ResourceWarning.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.usefixtures("untraced")
def test_a_signal_handler_that_raises_closes_nothing(armed: socket.socket) -> None:
    limits = 0
    with connection(armed) as sock:
        fd, inode = sock.fileno(), os.fstat(sock.fileno()).st_ino
        previous = signal.signal(signal.SIGALRM, raise_too_long)
        try:
            while limits < 300:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.05)
                    while True:
                        peer_of(Descriptor(fd))
                        keeps_syns(Descriptor(fd))
                except TooLong:
                    limits += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        assert os.fstat(fd).st_ino == inode


def test_a_descriptor_that_has_become_anothers_is_not_asked(armed: socket.socket) -> None:
    with connection(armed) as first, connection(armed) as second:
        descriptor = Descriptor(first.fileno(), os.fstat(first.fileno()).st_ino)
        os.dup2(second.fileno(), first.fileno())
        with pytest.raises(OSError, match="Bad file descriptor"):
            read_saved_syn(descriptor)
        assert peer_of(descriptor) == (None, None)
        theirs = Descriptor(second.fileno(), os.fstat(second.fileno()).st_ino)
        assert (peer_of(theirs), is_unix(theirs)) == (peer_of(second), False)
        assert read_saved_syn(theirs)
        assert read_saved_syn(second) == b""
