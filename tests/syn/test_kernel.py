"""The kernel's side of a saved SYN: keeping it, reading it once, telling sockets apart."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware._brief_lock import BriefLock
from p0f_middleware.syn import _kernel
from p0f_middleware.syn._kernel import (
    Recent,
    is_armed,
    is_tcp_listener,
    is_unix,
    peer_name,
    read_saved_syn,
    read_syn_once,
    save_syn,
    socket_cookie,
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
        syn = read_saved_syn(sock.fileno())
        source_port = int.from_bytes(syn[tcp_at : tcp_at + 2], "big")
        assert (syn[0] >> 4, source_port) == (version, sock.getpeername()[1])


def test_the_kernel_hands_out_a_syn_once(armed: socket.socket) -> None:
    with connection(armed) as sock:
        assert read_saved_syn(sock.fileno())
        assert read_saved_syn(sock.fileno()) == b""


def test_a_syn_that_was_read_is_kept(armed: socket.socket) -> None:
    with connection(armed) as sock:
        cookie = socket_cookie(sock.fileno())
        first = read_syn_once(sock.fileno(), cookie)
        assert first is not None
        assert read_syn_once(sock.fileno(), cookie) is first


def test_a_connection_that_came_before_has_no_syn(listener: socket.socket) -> None:
    with connection(listener) as sock:
        save_syn(listener)
        assert read_syn_once(sock.fileno(), socket_cookie(sock.fileno())) is None
        assert not is_armed(sock.fileno())


def test_a_connection_tells_that_its_listener_was_armed(armed: socket.socket) -> None:
    with connection(armed) as sock:
        assert is_armed(sock.fileno())


def test_save_syn_takes_a_file_descriptor(listener: socket.socket) -> None:
    save_syn(listener.fileno())
    assert is_armed(listener.fileno())


def test_save_syn_takes_a_socket_that_is_not_bound_yet() -> None:
    with socket.socket() as sock:
        save_syn(sock)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        assert is_armed(sock.fileno())


def test_save_syn_refuses_what_is_not_a_tcp_socket() -> None:
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError, match="not supported"):
        save_syn(sock)


def test_two_threads_that_ask_at_once_both_get_the_syn(armed: socket.socket) -> None:
    for _ in range(50):
        with connection(armed) as sock:
            fd, cookie = sock.fileno(), socket_cookie(sock.fileno())
            together = threading.Barrier(2)
            answers: list[object] = []

            def ask(
                fd: int = fd,
                cookie: int = cookie,
                together: threading.Barrier = together,
                answers: list[object] = answers,
            ) -> None:
                together.wait(10)
                answers.append(read_syn_once(fd, cookie))

            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert answers[0] is not None
            assert answers[0] == answers[1]


def test_a_lock_that_nobody_releases_is_given_up(
    armed: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = BriefLock()
    holder = threading.Thread(target=lost.__enter__)
    holder.start()
    holder.join()
    monkeypatch.setattr(_kernel, "_lock", lost)

    with connection(armed) as sock:
        assert read_syn_once(sock.fileno(), socket_cookie(sock.fileno())) is not None


# A descriptor is not ours, and its number may be another's a moment later


@pytest.mark.parametrize(
    "use", [save_syn, read_saved_syn, is_armed, is_tcp_listener, socket_cookie]
)
def test_a_file_is_refused_and_stays_open(use: Callable[[int], object], tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(OSError, match="non-socket"):
            use(file.fileno())
        file.write("still open")


@pytest.mark.parametrize("use", [socket_cookie, read_saved_syn, is_armed])
def test_a_closed_descriptor_is_an_error(use: Callable[[int], object]) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        use(-1)


USES = [save_syn, read_saved_syn, is_armed, is_tcp_listener, socket_cookie, peer_name, is_unix]


@pytest.mark.parametrize("use", USES)
def test_descriptors_stay_their_owners(use: Callable[[int], object], armed: socket.socket) -> None:
    with connection(armed) as sock:
        use(sock.fileno())
        assert sock.send(b"still open") == 10


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("blocking", [True, False])
def test_descriptors_stay_blocking_or_not_under_a_default_timeout(
    use: Callable[[int], object], blocking: bool, armed: socket.socket
) -> None:
    with connection(armed) as sock:
        os.set_blocking(sock.fileno(), blocking)
        socket.setdefaulttimeout(5)
        try:
            use(sock.fileno())
        finally:
            socket.setdefaulttimeout(None)
        assert os.get_blocking(sock.fileno()) is blocking


class TooLong(Exception):
    """A time limit that a signal handler raises."""


def raise_too_long(*_: object) -> None:
    raise TooLong


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
                        read_syn_once(fd, socket_cookie(fd))
                        peer_name(fd)
                except TooLong:
                    limits += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        assert os.fstat(fd).st_ino == inode


@pytest.fixture
def reused(armed: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two connections, the descriptor of the first of which becomes the second's between the look
    at its cookie and the reading of its SYN: their cookies and the descriptor."""
    with connection(armed) as first, connection(armed) as second:
        fd = first.fileno()
        cookies = socket_cookie(fd), socket_cookie(second.fileno())
        read = _kernel.read_saved_syn

        def reuse_and_read(fd: int) -> bytes:
            os.dup2(second.fileno(), fd)
            return read(fd)

        monkeypatch.setattr(_kernel, "read_saved_syn", reuse_and_read)
        yield fd, *cookies


def test_a_descriptor_that_is_reused_meanwhile_does_not_tell_another_visitors_syn(
    reused: Any,
) -> None:
    fd, first, _ = reused
    with pytest.raises(OSError, match="closed meanwhile"):
        read_syn_once(fd, first)


def test_a_syn_that_was_read_under_a_reused_descriptor_stays_its_owners(reused: Any) -> None:
    fd, first, second = reused
    with pytest.raises(OSError, match="closed meanwhile"):
        read_syn_once(fd, first)
    kept = read_syn_once(fd, second)
    assert kept is not None
    assert int.from_bytes(kept[1][20:22], "big") == peer_name(fd)[1]  # type: ignore[index]


# Telling sockets apart


def test_a_cookie_is_a_connections_own(armed: socket.socket) -> None:
    with connection(armed) as one, connection(armed) as other:
        assert socket_cookie(one.fileno()) == socket_cookie(one.fileno())
        assert socket_cookie(one.fileno()) != socket_cookie(other.fileno())


def test_tcp_listeners_are_told_from_other_sockets(armed: socket.socket, tmp_path: Path) -> None:
    with (
        connection(armed) as sock,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket() as idle,
    ):
        unix.bind(str(tmp_path / "sock"))
        unix.listen()
        assert is_tcp_listener(armed.fileno())
        assert not any(is_tcp_listener(other.fileno()) for other in (sock, unix, udp, idle))


def test_unix_sockets_are_told_from_others(armed: socket.socket, tmp_path: Path) -> None:
    one, other = socket.socketpair()
    with one, other, connection(armed) as tcp, (tmp_path / "file").open("w") as file:
        kinds = [is_unix(fd) for fd in (one.fileno(), tcp.fileno(), file.fileno(), -1)]
    assert kinds == [True, False, None, None]


@pytest.mark.parametrize(("host", "seen"), [("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "::1")])
def test_peer_name_is_what_the_kernel_says(armed: socket.socket, host: str, seen: str) -> None:
    with connection(armed, host) as sock:
        assert peer_name(sock.fileno()) == (seen, sock.getpeername()[1])


def test_peer_name_of_an_ipv4_socket_is_an_ipv4_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, connection(listener) as sock:
        assert peer_name(sock.fileno()) == sock.getpeername()


def test_peer_name_of_what_is_not_a_connection_is_none(
    armed: socket.socket, tmp_path: Path
) -> None:
    one, other = socket.socketpair()
    with one, other, (tmp_path / "file").open("w") as file:
        descriptors = one.fileno(), armed.fileno(), file.fileno(), -1
        assert [peer_name(fd) for fd in descriptors] == [None] * 4


# What is remembered


def test_what_is_used_is_remembered_and_what_is_not_is_forgotten() -> None:
    recent: Recent[int, str] = Recent(most=4)
    recent.put(0, "in use")
    for number in range(1, 100):
        recent.put(number, "once")
        assert recent.get(0) == "in use"
        assert len(recent) <= 4
    assert recent.get(1) is None


def test_what_came_last_is_remembered_for_half_of_the_room() -> None:
    recent: Recent[int, str] = Recent(most=8)
    for number in range(100):
        recent.put(number, str(number))
    assert [recent.get(number) for number in (96, 97, 98, 99)] == ["96", "97", "98", "99"]


def test_a_fork_while_another_thread_holds_the_lock_leaves_a_usable_child() -> None:
    program = """
import os, socket, threading
from p0f_middleware.syn import _kernel
listener = socket.create_server(("127.0.0.1", 0))
_kernel.save_syn(listener)
client = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()
held, done = threading.Event(), threading.Event()
def hold():
    with _kernel._lock:
        held.set()
        done.wait()
threading.Thread(target=hold).start()
held.wait()
pid = os.fork()
if pid == 0:
    fd = accepted.fileno()
    os._exit(7 if _kernel.read_syn_once(fd, _kernel.socket_cookie(fd)) else 1)
done.set()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, timeout=30, check=True
    )
    assert run.stdout == b"7\n"
