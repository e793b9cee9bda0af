"""Finding the process's listeners, and enabling TCP_SAVE_SYN on them while they appear."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p0f_middleware.syn import _listeners, _native_thread
from p0f_middleware.syn._kernel import is_armed
from p0f_middleware.syn._listeners import Armer, Listeners

from .connections import connection

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")


@pytest.fixture(autouse=True)
def _nobody_else_arms() -> None:
    """Sources of other tests may still look for listeners, and would find those of this one."""
    _listeners.armer.stop()


@pytest.fixture
def armer() -> Iterator[Armer]:
    armer = Armer()
    yield armer
    armer.stop()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def is_armed_soon(sock: socket.socket) -> bool:
    wait_until(lambda: is_armed(sock.fileno()))
    return True


# Finding them


@pytest.fixture(params=["few", "many"])
def listeners(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Listeners:
    """In a process with few descriptors, and in one with many."""
    monkeypatch.setattr(_listeners, "MANY", {"few": 10**6, "many": 0}[request.param])
    return Listeners()


@pytest.fixture
def among_many(monkeypatch: pytest.MonkeyPatch) -> Listeners:
    monkeypatch.setattr(_listeners, "MANY", 0)
    return Listeners()


def test_every_tcp_listener_is_armed_and_nothing_else(
    listeners: Listeners, listener: socket.socket
) -> None:
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6) as other,
        connection(listener) as sock,
        socket.socket() as idle,
    ):
        assert listeners.arm_new() >= 2
        sockets = listener, other, sock, idle
        assert [is_armed(each.fileno()) for each in sockets] == [True, True, False, False]


def test_a_new_listener_is_found_beside_known_ones(
    listeners: Listeners, listener: socket.socket
) -> None:
    before = listeners.arm_new()
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert listeners.arm_new() == before + 1
        assert is_armed(other.fileno())
    assert listeners.arm_new() == before


def test_without_new_listeners_many_descriptors_are_not_looked_through(
    among_many: Listeners, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = among_many.arm_new()
    monkeypatch.setattr(os, "listdir", None)
    assert among_many.arm_new() == count


def test_a_listener_that_came_from_another_process_is_found_when_looked_for_again(
    among_many: Listeners, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(_listeners, "_own_sockets", lambda _: [])  # it is not among ours yet
        among_many.arm_new()
    among_many.arm_new()
    assert not is_armed(listener.fileno())
    among_many.forget()
    among_many.arm_new()
    assert is_armed(listener.fileno())


@pytest.mark.parametrize("table", ["", "heading\n", "heading\nnonsense\n", "heading\n" + "x " * 20])
def test_a_list_of_sockets_that_cannot_be_read_finds_none(
    table: str,
    among_many: Listeners,
    listener: socket.socket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "tcp"
    path.write_text(table)
    monkeypatch.setattr(_listeners, "_TABLES", (str(path), "/nowhere"))
    assert among_many.arm_new() == 0


# Waiting for them


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many listeners each look is to find, the last for ever; looks already made are gone."""
    answers = [0]
    monkeypatch.setattr(_listeners, "POLL", 0.001)
    monkeypatch.setattr(
        Listeners, "arm_new", lambda self: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    yield answers
    monkeypatch.setattr(_listeners, "SETTLING", 0.0)
    answers[:] = [99]  # ends the thread


def test_listeners_there_are_are_armed_at_once(armer: Armer, listener: socket.socket) -> None:
    armer.start()
    assert is_armed(listener.fileno())


def test_a_listener_that_comes_later_is_armed(armer: Armer) -> None:
    armer.start()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        assert is_armed_soon(sock)


def test_a_second_listener_that_comes_a_little_later_is_armed_too(
    armer: Armer, listener: socket.socket
) -> None:
    armer.start()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        assert is_armed_soon(sock)


def test_the_thread_ends_when_no_more_listeners_come(
    armer: Armer, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listeners, "SETTLING", 0.01)
    armer.start()
    looks[:] = [0, 1, 1, 2]
    wait_until(lambda: not armer.running)
    assert looks == [2]


def test_the_thread_gives_up(
    armer: Armer, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listeners, "ARM_TIMEOUT", 0.01)
    armer.start()
    wait_until(lambda: not armer.running)


def test_a_look_that_takes_long_is_done_less_often(
    armer: Armer, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 0.001, 0.0, 0.1])
    monkeypatch.setattr(armer, "_look", lambda: None)
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    armer._deadline = 1.0
    assert [armer._step(), armer._step()] == [0.02, 2.0]


def test_a_request_has_the_thread_look_again(armer: Armer, listener: socket.socket) -> None:
    armer.look_again()
    assert is_armed_soon(listener)


def test_requests_make_it_look_once_a_second_at_most(
    armer: Armer, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(_listeners, "NativeThread", started.append)
    for _ in range(3):
        armer.look_again()
        armer._thread = None
    assert len(started) == 1


def no_thread(_function: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("look", [Armer.start, Armer.look_again])
def test_where_no_thread_can_be_started_it_looks_itself(
    look: Callable[[Armer], None],
    armer: Armer,
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_native_thread, "_start", no_thread)
    look(armer)
    assert is_armed(listener.fileno())


@pytest.mark.parametrize("patched", ["before", "after"])
def test_under_gevent_listeners_are_armed_while_no_greenlet_yields(patched: str) -> None:
    pytest.importorskip("gevent")
    lines = ["import gevent.monkey; gevent.monkey.patch_all()", "Syn()"]
    program = "\n".join(
        [
            "import socket, time; sleep = time.sleep",
            "from p0f_middleware import Syn",
            "from p0f_middleware.syn._kernel import is_armed",
            *(lines if patched == "before" else reversed(lines)),
            "with socket.create_server(('127.0.0.1', 0)) as sock:",
            "    while not is_armed(sock.fileno()): sleep(0.001)",
            "print('armed')",
        ]
    )
    assert output_of(program, "ignore") == ("armed\n", "")


# Forks


def test_a_fork_finds_no_thread_and_its_listeners_armed(armer: Armer, looks: list[int]) -> None:
    armer.start()
    looks[:] = [0, 1]
    armer.before_fork()
    assert not armer.running


def test_after_a_fork_without_listeners_the_parent_looks_on(armer: Armer, looks: list[int]) -> None:
    armer.start()
    armer.before_fork()
    armer.after_fork_in_parent()
    assert not armer.running  # Python 3.13 counts threads now
    gc.collect()
    assert armer.running


def test_after_a_fork_with_listeners_the_parent_has_nothing_to_look_for(
    armer: Armer, looks: list[int]
) -> None:
    armer.start()
    looks[:] = [1]
    armer.before_fork()
    armer.after_fork_in_parent()
    gc.collect()
    assert not armer.running


def test_forks_in_a_row_start_one_thread(armer: Armer, looks: list[int]) -> None:
    callbacks = len(gc.callbacks)
    armer.start()
    for _ in range(3):
        armer.before_fork()
        armer.after_fork_in_parent()
    assert len(gc.callbacks) == callbacks + 1
    gc.collect()
    assert (armer.running, len(gc.callbacks)) == (True, callbacks)


def test_a_forked_child_has_nothing_to_look_for(armer: Armer, looks: list[int]) -> None:
    armer.start()
    armer.before_fork()
    armer.after_fork_in_child()
    armer.after_fork_in_parent()  # as the child's own child would do
    gc.collect()
    assert not armer.running


def output_of(program: str, warnings: str = "error") -> tuple[str, str]:
    run = subprocess.run(
        [sys.executable, "-W", warnings, "-c", program],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return run.stdout, run.stderr


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
    assert output_of(program) == ("1\n", "")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="older Pythons do not warn of it")
def test_a_fork_beside_the_thread_does_not_warn() -> None:
    program = """
import os
from p0f_middleware import Syn
Syn()
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
print("ok")
"""
    assert output_of(program) == ("ok\n", "")


def test_a_child_that_listens_arms_its_listener_at_a_request() -> None:
    program = """
import os, socket, time
from p0f_middleware import Syn
from p0f_middleware.syn._kernel import is_armed
from p0f_middleware.syn._listeners import armer
Syn()
pid = os.fork()
if pid == 0:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        armer.look_again()
        while not is_armed(sock.fileno()):
            time.sleep(0.001)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert output_of(program) == ("7\n", "")
