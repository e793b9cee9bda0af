"""Keeping SYNs and arming listeners: what Linux does, with real sockets on loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p0f_middleware.syn import _kernel, _listeners
from p0f_middleware.syn._kernel import (
    ByConnection,
    is_armed,
    is_tcp_listener,
    peer_name,
    read_saved_syn,
    save_syn,
    saved_syn,
    socket_cookie,
)
from p0f_middleware.syn._listeners import Armer, arm_listeners

pytestmark = pytest.mark.skipif(not _kernel.LINUX, reason="only Linux keeps SYNs")


def end(armer: Armer) -> None:
    """Have it look no further."""
    armer._stop.set()
    if armer._thread is not None:
        armer._thread.join(5)
    armer._waiting = False


@pytest.fixture(autouse=True)
def _nobody_else_arms() -> None:
    """Sources of other tests may still look for listeners, and would find those of this one."""
    end(_listeners.armer)


@pytest.fixture
def armer() -> Iterator[Armer]:
    armer = Armer()
    yield armer
    end(armer)


@contextlib.contextmanager
def connection(listener: socket.socket, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """The server's end of a new connection."""
    with socket.create_connection((host, listener.getsockname()[1])):
        accepted, _ = listener.accept()
        with accepted:
            yield accepted


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listener that is not armed, for IPv4 and IPv6."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as sock:
        yield sock


@pytest.fixture
def armed(listener: socket.socket) -> socket.socket:
    save_syn(listener)
    return listener


@pytest.mark.parametrize(("host", "version", "tcp_at"), [("127.0.0.1", 4, 20), ("::1", 6, 40)])
def test_a_saved_syn_has_the_clients_headers(
    armed: socket.socket, host: str, version: int, tcp_at: int
) -> None:
    with connection(armed, host) as sock:
        syn = read_saved_syn(sock.fileno())
        source_port = int.from_bytes(syn[tcp_at : tcp_at + 2], "big")
        assert (syn[0] >> 4, source_port) == (version, sock.getpeername()[1])


def test_the_kernel_hands_a_syn_out_once(armed: socket.socket) -> None:
    with connection(armed) as sock:
        assert read_saved_syn(sock.fileno())
        assert read_saved_syn(sock.fileno()) == b""


def test_a_saved_syn_is_remembered(armed: socket.socket) -> None:
    with connection(armed) as sock:
        cookie = socket_cookie(sock.fileno())
        first = saved_syn(sock.fileno(), cookie)
        assert first
        assert saved_syn(sock.fileno(), cookie) == first


def test_a_connection_that_came_before_has_no_syn(listener: socket.socket) -> None:
    with connection(listener) as sock:
        save_syn(listener)
        assert read_saved_syn(sock.fileno()) == b""
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


def test_save_syn_refuses_what_is_no_tcp_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError, match="not supported"):
        save_syn(sock)


@pytest.mark.parametrize(
    "use",
    [
        save_syn,
        read_saved_syn,
        is_armed,
        is_tcp_listener,
        socket_cookie,
    ],
)
def test_a_file_is_no_socket_and_stays_open(use: Callable[[int], object], tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(OSError, match="non-socket"):
            use(file.fileno())
        file.write("still open")


@pytest.mark.parametrize(
    "use",
    [
        save_syn,
        read_saved_syn,
        is_armed,
        is_tcp_listener,
        socket_cookie,
        peer_name,
    ],
)
def test_descriptors_stay_their_owners(use: Callable[[int], object], armed: socket.socket) -> None:
    with connection(armed) as sock:
        use(sock.fileno())
        assert sock.send(b"still open") == 10


@pytest.mark.parametrize("timeout", [None, 5.0])
@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("kind", ["listener", "connection"])
def test_descriptors_stay_blocking_or_not(timeout: float | None, blocking: bool, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, connection(listener) as accepted:
        fd = listener.fileno() if kind == "listener" else accepted.fileno()
        os.set_blocking(fd, blocking)
        socket.setdefaulttimeout(timeout)
        try:
            arm_listeners()
        finally:
            socket.setdefaulttimeout(None)
        assert os.get_blocking(fd) is blocking


@pytest.mark.parametrize("use", [save_syn, read_saved_syn, is_armed, socket_cookie])
def test_elsewhere_than_on_linux_an_error_says_so(
    use: Callable[[int], object], armed: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kernel, "LINUX", False)
    with pytest.raises(OSError, match="only Linux"):
        use(armed.fileno())


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


@pytest.mark.parametrize(("host", "seen"), [("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "::1")])
def test_peer_name_is_what_the_kernel_says(armed: socket.socket, host: str, seen: str) -> None:
    with connection(armed, host) as sock:
        assert peer_name(sock.fileno()) == (seen, sock.getpeername()[1])


def test_peer_name_of_what_is_no_connection_is_none(armed: socket.socket, tmp_path: Path) -> None:
    one, other = socket.socketpair()
    with one, other, (tmp_path / "file").open("w") as file:
        assert [peer_name(thing.fileno()) for thing in (one, armed, file)] == [None] * 3


def test_connections_that_were_quiet_for_longest_are_forgotten() -> None:
    remembered: ByConnection[str] = ByConnection(most=2)
    remembered.put(b"1", "one")
    remembered.put(b"2", "two")
    remembered.get(b"1")
    remembered.put(b"3", "three")
    assert [remembered.get(cookie) for cookie in (b"1", b"2", b"3")] == ["one", None, "three"]
    assert len(remembered) == 2


def test_a_fork_while_another_thread_holds_the_lock_leaves_a_usable_child() -> None:
    program = """
import os, threading
from p0f_middleware.syn import _kernel
held, done = threading.Event(), threading.Event()
def hold():
    with _kernel._lock:
        held.set()
        done.wait()
threading.Thread(target=hold).start()
held.wait()
pid = os.fork()
if pid == 0:
    _kernel.ByConnection().get(b"")
    os._exit(7)
done.set()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, timeout=30, check=True
    )
    assert run.stdout == b"7\n"


def test_arm_listeners_arms_every_tcp_listener_and_nothing_else(listener: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, connection(listener) as sock:
        assert arm_listeners() >= 2
        assert [is_armed(fd.fileno()) for fd in (listener, other, sock)] == [True, True, False]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many listeners each look is to find, the last for ever; looks already made are gone."""
    answers = [0]
    monkeypatch.setattr(_listeners, "POLL", 0.001)
    monkeypatch.setattr(
        _listeners, "arm_listeners", lambda: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    yield answers
    monkeypatch.setattr(_listeners, "SETTLING", 0.0)
    answers[:] = [99]  # ends the thread


def test_a_listener_that_comes_later_is_armed(armer: Armer) -> None:
    armer.start()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        deadline = time.monotonic() + 10
        while not is_armed(sock.fileno()):
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_a_second_listener_that_comes_a_little_later_is_armed_too(
    armer: Armer, listener: socket.socket
) -> None:
    armer.start()
    assert is_armed(listener.fileno())
    with socket.create_server(("127.0.0.1", 0)) as sock:
        deadline = time.monotonic() + 10
        while not is_armed(sock.fileno()):
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_the_thread_ends_when_no_more_listeners_come(
    looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listeners, "SETTLING", 0.01)
    armer = Armer()
    armer.start()
    assert armer._thread is not None
    looks[:] = [0, 1, 1, 2]
    armer._thread.join(10)
    assert not armer._thread.is_alive()
    assert looks == [2]


def test_the_thread_gives_up(looks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_listeners, "PATIENCE", 0.01)
    armer = Armer()
    armer.start()
    assert armer._thread is not None
    armer._thread.join(10)
    assert not armer._thread.is_alive()


def test_a_fork_finds_no_thread_and_its_listeners_armed(looks: list[int]) -> None:
    armer = Armer()
    armer.start()
    assert armer._thread is not None
    looks[:] = [0, 1]
    armer.before_fork()
    assert not armer._thread.is_alive()


def test_after_a_fork_without_listeners_the_parent_looks_on(looks: list[int]) -> None:
    armer = Armer()
    armer.start()
    armer.before_fork()
    armer.after_fork_in_parent()
    assert armer._thread is not None
    assert armer._thread.is_alive()


def test_a_forked_child_has_nothing_to_look_for(looks: list[int]) -> None:
    armer = Armer()
    armer.start()
    armer.before_fork()
    armer.after_fork_in_child()
    armer.after_fork_in_parent()  # as the child's own child would do
    assert armer._thread is not None
    assert not armer._thread.is_alive()


def test_requests_make_it_look_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        return 0

    monkeypatch.setattr(_listeners, "arm_listeners", look)
    armer = Armer()
    armer.look_again()
    armer.look_again()
    assert looks == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_forks_right_after_listening_has_armed_the_listener() -> None:
    """As a server does that loads the application first; there is no time for the thread's look."""
    program = """
import os, socket
from p0f_middleware.syn import _listeners
from p0f_middleware.syn._kernel import is_armed
_listeners.POLL = 60
_listeners.armer.start()
with socket.create_server(("127.0.0.1", 0)) as sock:
    pid = os.fork()
    if pid == 0:
        os._exit(int(is_armed(sock.fileno())))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, timeout=30, check=False
    )
    assert (run.stdout, run.stderr) == (b"1\n", b"")
