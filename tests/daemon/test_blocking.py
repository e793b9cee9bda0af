"""P0f: what is its own beyond what both clients promise: threads, forks, signals, garbage."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import pytest

from p0f_middleware import P0f, P0fException, P0fTimeout
from p0f_middleware._daemon import connection
from p0f_middleware._log import logger
from p0f_middleware.testing import FakeP0f

from .clients import named_after

HOST, OTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def client(fake_p0f: FakeP0f) -> Iterator[P0f]:
    with P0f(fake_p0f.socket_path, timeout=5) as client:
        yield client


def os_name(client: P0f, ip_address: str) -> str | None:
    info = client.lookup(ip_address)
    return info.os_name if info else None


def test_it_is_closed_at_the_end_of_a_with_block(fake_p0f: FakeP0f) -> None:
    before = connection.opened()
    with P0f(fake_p0f.socket_path, timeout=5) as client:
        client.lookup(HOST)

    assert connection.opened() <= before


# Threads


def test_32_threads_get_their_own_answers_on_one_connection(client: P0f, fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)
    addresses = [f"198.51.100.{number}" for number in range(32)]

    def look_up_often(address: str) -> set[str | None]:
        return {os_name(client, address) for _ in range(30)}

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(look_up_often, addresses))

    assert answers == [{address} for address in addresses]
    assert (fake_p0f.connections, client.stats.matches) == (1, 32 * 30)


@pytest.mark.usefixtures("retry_at_once")
def test_threads_whose_lookups_time_out_get_nobody_elses_answer(fake_p0f: FakeP0f) -> None:
    fake_p0f.answer_with(named_after)
    addresses = [f"198.51.100.{number}" for number in range(16)]
    client = P0f(fake_p0f.socket_path, timeout=0.01)

    def look_up_often(address: str) -> set[str | None]:
        answers: set[str | None] = set()
        for _ in range(20):
            try:
                answers.add(os_name(client, address))
            except P0fException:
                continue
        return answers

    def disturb() -> None:
        while not done.wait(0.01):
            fake_p0f.stall()
            done.wait(0.02)
            fake_p0f.resume()

    done = threading.Event()
    disturber = threading.Thread(target=disturb)
    disturber.start()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(look_up_often, addresses))
    done.set()
    disturber.join()
    client.close()

    assert all(names <= {address} for names, address in zip(answers, addresses, strict=True))
    assert client.stats.lookups == 16 * 20


# Forks

FORKING = """
import os, sys
from p0f_middleware import P0f

def os_name(address):
    return client.lookup(address).os_name

client = P0f(sys.argv[1], timeout=5)
if "before" in sys.argv:
    assert os_name("192.0.2.1") == "192.0.2.1"
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        address = f"198.51.100.{number}"
        os._exit(0 if {os_name(address) for _ in range(100)} == {address} else 1)
    children.append(child)
right = {os_name("192.0.2.2") for _ in range(100)} == {"192.0.2.2"}
ended = [os.waitpid(child, 0)[1] for child in children]
right = right and os_name("192.0.2.3") == "192.0.2.3"
sys.exit(0 if right and ended == [0, 0, 0] else 1)
"""


@pytest.mark.parametrize("first_used", ["before", "after"])
def test_each_process_of_a_fork_has_its_own_connection_and_answers(
    fake_p0f: FakeP0f, first_used: str
) -> None:
    fake_p0f.answer_with(named_after)
    subprocess.run([sys.executable, "-c", FORKING, fake_p0f.socket_path, first_used], check=True)

    assert fake_p0f.connections == 4


FORKED_AND_CLOSED = """
import os, sys
from p0f_middleware import P0f

client = P0f(sys.argv[1], timeout=5)
client.lookup("192.0.2.1")
child = os.fork()
if child == 0:
    client.close()
    del client
    os._exit(0)
os.waitpid(child, 0)
client.lookup("192.0.2.2")
"""


def test_a_child_that_closes_leaves_its_parents_connection_alone(fake_p0f: FakeP0f) -> None:
    subprocess.run([sys.executable, "-c", FORKED_AND_CLOSED, fake_p0f.socket_path], check=True)

    assert fake_p0f.connections == 1


FORKED_AND_IDLE = """
import os, sys
from p0f_middleware import P0f

client = P0f(sys.argv[1], timeout=5)
client.lookup("192.0.2.1")
connection = client.connection.sock.fileno()
child = os.fork()
if child == 0:
    try:
        os.fstat(connection)
    except OSError:
        os._exit(0)
    os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_does_not_keep_its_parents_connection_open(fake_p0f: FakeP0f) -> None:
    subprocess.run([sys.executable, "-c", FORKED_AND_IDLE, fake_p0f.socket_path], check=True)


FORKED_WHILE_IMPORTING = """
import multiprocessing, os, signal, sys, threading
from importlib.machinery import ModuleSpec
from p0f_middleware import P0f

class Endless:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == "multiprocessing.util" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        importing.set()
        threading.Event().wait()

importing = threading.Event()
sys.modules.pop("multiprocessing.util", None)
sys.meta_path.insert(0, Endless())
threading.Thread(target=__import__, args=("multiprocessing.util",), daemon=True).start()
importing.wait()
child = os.fork()
if child == 0:
    signal.alarm(10)
    P0f(sys.argv[1], timeout=5).lookup("192.0.2.1")
    os._exit(0)
os._exit(abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


def test_a_child_does_not_wait_for_what_its_parent_was_importing(fake_p0f: FakeP0f) -> None:
    command = [sys.executable, "-c", FORKED_WHILE_IMPORTING, fake_p0f.socket_path]
    subprocess.run(command, check=True, timeout=30)


# Interruptions


class Interrupt(Exception):
    """Raised by a signal handler."""


@pytest.fixture
def interrupted_lookup(fake_p0f: FakeP0f, untraced: None) -> Iterator[P0f]:
    """A client whose lookup of HOST a signal has ended before p0f answered."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise Interrupt

    fake_p0f.answer_with(named_after)
    client = P0f(fake_p0f.socket_path, timeout=5)
    client.lookup(OTHER)
    fake_p0f.stall()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Interrupt):
            client.lookup(HOST)
    finally:
        signal.signal(signal.SIGALRM, before)
        fake_p0f.resume()
    yield client
    client.close()


def test_after_an_interruption_the_next_lookup_gets_its_own_answer(
    interrupted_lookup: P0f,
) -> None:
    assert os_name(interrupted_lookup, OTHER) == OTHER


def test_an_interruption_is_the_callers_doing_and_no_outage(interrupted_lookup: P0f) -> None:
    stats = interrupted_lookup.stats

    assert (stats.abandoned, stats.errors, stats.outages) == (1, 0, 0)


# The end


@pytest.mark.parametrize("used", [False, True])
def test_a_client_that_is_forgotten_lets_its_connection_go(fake_p0f: FakeP0f, used: bool) -> None:
    before = connection.opened()
    client = P0f(fake_p0f.socket_path, timeout=5)
    if used:
        client.lookup(HOST)
    del client
    gc.collect()

    assert connection.opened() <= before


def test_a_client_that_is_forgotten_leaves_no_thread_behind(fake_p0f: FakeP0f) -> None:
    before = set(threading.enumerate())
    client = P0f(fake_p0f.socket_path, timeout=5)
    client.lookup(HOST)
    del client
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)

    assert set(threading.enumerate()) <= before


def test_a_program_may_end_without_closing(fake_p0f: FakeP0f) -> None:
    script = "import sys; from p0f_middleware import P0f; P0f(sys.argv[1]).lookup('192.0.2.1')"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, fake_p0f.socket_path]
    ended = subprocess.run(command, capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_answer_that_comes_after_the_client_is_forgotten_is_still_read(
    fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger(), "disabled", True)  # a kept record would keep the client
    busy = threading.Event()
    client = P0f(fake_p0f.socket_path, timeout=0.1)
    client.lookup(HOST)
    fake_p0f.answer_with(lambda ip: named_after(ip) if busy.wait(5) else b"")
    with pytest.raises(P0fTimeout):
        client.lookup(HOST)
    del client
    gc.collect()
    [owing] = connection.draining()
    still_open = owing.sock.fileno() != -1
    fake_p0f.answer_with(None)
    busy.set()
    with P0f(fake_p0f.socket_path, timeout=5) as another:
        another.lookup(HOST)  # by now the late answer has come, too
    connection.close_drained()

    assert still_open
    assert (connection.draining(), owing.sock.fileno()) == (set(), -1)
