"""Finding the process's listeners, and enabling TCP_SAVE_SYN on them while they appear."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from p0f_middleware.syn import listeners
from p0f_middleware.syn.kernel import keeps_syns

from .connections import connection

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")


class Thread(threading.Thread):
    """A thread that the test waits for."""

    started: list[Thread]

    def start(self) -> None:
        self.started.append(self)
        super().start()


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Thread]]:
    """The threads of this test; those of other tests would find its listeners."""
    if listeners._thread is not None:
        listeners._thread.join(20)
    Thread.started = []
    monkeypatch.setattr(threading, "Thread", Thread)
    monkeypatch.setattr(listeners, "_thread", None)
    monkeypatch.setattr(listeners, "_next_search", 0.0)
    monkeypatch.delitem(sys.modules, "gunicorn.arbiter", raising=False)
    yield Thread.started
    for thread in Thread.started:
        thread.join(20)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many listeners each search finds; the last figure stays."""
    found = [0]

    def search() -> int:
        return found.pop(0) if len(found) > 1 else found[0]

    monkeypatch.setattr(listeners, "POLL", 0.0)
    monkeypatch.setattr(listeners, "LONGEST", 0.05)
    monkeypatch.setattr(listeners, "enable_on_listeners", search)
    return found


def test_every_tcp_listener_is_found_and_nothing_else_without_a_thread(
    listener: socket.socket, threads: list[Thread]
) -> None:
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6) as other,
        connection(listener) as sock,
        socket.socket() as idle,
    ):
        listeners.search()
        sockets = listener, other, sock, idle
        assert [keeps_syns(each) for each in sockets] == [True, True, False, False]
    assert threads == []


def test_a_listener_that_comes_later_is_found(
    threads: list[Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = listeners.enable_on_listeners
    monkeypatch.setattr(listeners, "SETTLING", 0.0)
    monkeypatch.setattr(listeners, "enable_on_listeners", lambda: 0)
    listeners.search()
    monkeypatch.setattr(listeners, "enable_on_listeners", look)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        threads[0].join(20)
        assert keeps_syns(sock)


def test_the_thread_waits_for_more_listeners(searches: list[int], threads: list[Thread]) -> None:
    searches[:] = [0, 1, 1, 2]
    listeners.search()
    threads[0].join(20)
    assert searches == [2]


def test_a_process_has_one_thread_at_a_time_that_searches_once_a_second_at_most(
    searches: list[int], threads: list[Thread]
) -> None:
    listeners.search()
    for _ in range(3):
        listeners.search_again()
    threads[0].join(20)
    listeners.search_again()
    assert len(threads) == 1


def test_a_search_that_takes_long_is_done_less_often(
    searches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 0.0, 0.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    listeners._search_for(0.0)
    assert listeners._next_search == pytest.approx(0.1 + 5.0)


def test_a_request_has_a_thread_search_once(listener: socket.socket, threads: list[Thread]) -> None:
    listeners.search_again()
    threads[0].join(20)
    assert keeps_syns(listener)


def test_where_no_thread_can_be_started_nothing_is_raised(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", no_thread)
    listeners.search_again()
    assert keeps_syns(listener), "the caller searches itself"


def test_gunicorns_master_starts_no_thread(
    searches: list[int], threads: list[Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    listeners.search()
    assert threads == []


def output_of(program: str, warnings: str = "error") -> tuple[str, str]:
    command = [sys.executable, "-W", warnings, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return run.stdout, run.stderr


@pytest.mark.parametrize("patched", ["before", "after"])
def test_under_gevent_listeners_are_found(patched: str) -> None:
    pytest.importorskip("gevent")
    lines = ["import gevent.monkey; gevent.monkey.patch_all()", "Syn()"]
    program = "\n".join(
        [
            "import socket",
            "from p0f_middleware import Syn",
            "from p0f_middleware.syn.kernel import keeps_syns",
            *(lines if patched == "before" else reversed(lines)),
            "import gevent",
            "with socket.create_server(('127.0.0.1', 0)) as sock:",
            "    while not keeps_syns(sock): gevent.sleep(0.001)",
            "print('armed')",
        ]
    )
    assert output_of(program, "ignore") == ("armed\n", "")


def test_a_fork_after_listening_warns_of_no_thread() -> None:
    program = """
import os, socket
from p0f_middleware import Syn
with socket.create_server(("127.0.0.1", 0)) as sock:
    Syn()
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert output_of(program) == ("7\n", "")


def test_a_child_that_listens_finds_its_listener_at_a_request() -> None:
    program = """
import os, socket, time
from p0f_middleware import Syn
from p0f_middleware.syn import listeners
from p0f_middleware.syn.kernel import keeps_syns
Syn()
pid = os.fork()
if pid == 0:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        while not keeps_syns(sock):  # a request a millisecond
            listeners.search_again()
            time.sleep(0.001)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert output_of(program, "ignore") == ("7\n", "")
