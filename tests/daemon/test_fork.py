"""Forks: no thread while the process forks, nothing that a child can wait for for ever."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from p0f_middleware import P0f, P0fError
from p0f_middleware._daemon import fork
from p0f_middleware.testing import FakeP0f

from .clients import named_after

# Python 3.12 and newer warn of threads, also of those that a test has made itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


class Member:
    """Remembers what was called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def before_fork(self) -> None:
        self.called.append("before")

    def after_fork_in_child(self) -> None:
        self.called.append("child")


def exit_status_of_child(child: object) -> int:
    """Fork; the child calls `child` and ends with 0, or with 1 if it hangs or raises."""
    pid = os.fork()
    if pid == 0:
        threading.Timer(5, os._exit, (1,)).start()
        try:
            assert callable(child)
            child()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_member_is_called_before_the_fork_and_in_the_child() -> None:
    member = Member()
    fork.register(member)

    def child() -> None:
        assert member.called == ["before", "child"]

    assert exit_status_of_child(child) == 0
    assert member.called == ["before"]


def test_a_member_that_is_forgotten_is_not_called() -> None:
    member = Member()
    fork.register(member)
    called = member.called
    del member
    gc.collect()

    assert exit_status_of_child(lambda: None) == 0
    assert called == []


def test_a_child_does_not_wait_for_locks_of_its_parents_threads(fake_p0f: FakeP0f) -> None:
    client = P0f(fake_p0f.socket_path, timeout=5, cache_ttl=60)
    client.lookup("192.0.2.1")

    def child() -> None:
        client.lookup("192.0.2.2")
        client._health.failed(P0fError("test"))
        assert client.stats.lookups == 2
        client.close()

    held = threading.Event()
    over = threading.Event()

    def hold() -> None:
        with client._health.lock, client._health.counters.lock:
            held.set()
            over.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    shared = client._exchanger.shared_here()
    shared.lock.try_now(False)
    try:
        assert exit_status_of_child(child) == 0
    finally:
        shared.lock.release()
        over.set()
        thread.join()
        client.close()


def test_a_child_forgets_its_parents_client_without_waiting(fake_p0f: FakeP0f) -> None:
    clients = [P0f(fake_p0f.socket_path, timeout=5) for _ in range(3)]
    for client in clients:
        client.lookup("192.0.2.1")
    del client

    def child() -> None:
        clients.clear()
        gc.collect()

    assert exit_status_of_child(child) == 0


IN_A_PROCESS_OF_ITS_OWN = """
import asyncio, gc, os, sys, warnings
from p0f_middleware import AsyncP0f, P0f

warnings.simplefilter("error")

def fork_and_wait():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

{}
"""
NO_WARNINGS = {
    "P0f": """
client = P0f(sys.argv[1], timeout=5)
for _ in range(20):
    client.lookup("192.0.2.1")
    fork_and_wait()
""",
    "P0f in a child": """
client = P0f(sys.argv[1], timeout=5)
client.lookup("192.0.2.1")
if os.fork() == 0:
    client.lookup("192.0.2.1")
    fork_and_wait()
    os._exit(0)
os.wait()
fork_and_wait()
""",
    "P0f that is closed": """
client = P0f(sys.argv[1], timeout=5)
client.lookup("192.0.2.1")
client.close()
fork_and_wait()
client.lookup("192.0.2.1")
del client
gc.collect()
fork_and_wait()
""",
    "AsyncP0f": """
client = AsyncP0f(sys.argv[1], timeout=5)
loops = [asyncio.new_event_loop() for _ in range(6)]
for _ in range(5):
    for loop in loops:
        loop.run_until_complete(client.lookup("192.0.2.1"))
    fork_and_wait()
for loop in loops:
    loop.close()
""",
}


@pytest.mark.parametrize("program", NO_WARNINGS.values(), ids=NO_WARNINGS)
def test_a_fork_after_lookups_does_not_warn_of_threads(fake_p0f: FakeP0f, program: str) -> None:
    program = IN_A_PROCESS_OF_ITS_OWN.format(program)
    ended = subprocess.run(
        [sys.executable, "-c", program, fake_p0f.socket_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_idle_connection_is_released_also_after_a_fork(fake_p0f: FakeP0f) -> None:
    client = P0f(fake_p0f.socket_path, timeout=5, idle=0.2)
    client.lookup("192.0.2.1")
    assert exit_status_of_child(lambda: None) == 0
    client.lookup("192.0.2.1")
    watch = client._exchanger.shared_here().watch
    assert watch is not None
    watch.join()

    assert client.connection is None


def test_threads_that_fork_at_once_while_others_look_up_leave_all_in_order(
    fake_p0f: FakeP0f,
) -> None:
    fake_p0f.answer_with(named_after)
    storm = Path(__file__).with_name("fork_storm.py")
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", str(storm), fake_p0f.socket_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
