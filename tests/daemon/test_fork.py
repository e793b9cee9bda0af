"""Forks: each process has connections and answers of its own, and waits for nothing of another's.

Each program runs in a process of its own; `ADDRESS` is what p0f says of it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from p0f_middleware.testing import FakeP0f

from .clients import named_after

PREPARE = """
import asyncio, gc, os, signal, sys, threading, warnings
from p0f_middleware import AsyncP0f, P0f

def os_name(address):
    return client.lookup(address).os_name

async def async_os_name(address):
    return (await client.lookup(address)).os_name

def status_of_child(function):
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            os._exit(0 if function() else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

"""


def run(p0f: FakeP0f, *arguments: str) -> None:
    """Run Python; fails if it fails, hangs, or writes to stderr."""
    p0f.answer_with(named_after)
    ended = subprocess.run(
        [sys.executable, *arguments, p0f.socket_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


FORKING = """
client = P0f(sys.argv[1], timeout=5)
os_name("192.0.2.1")
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        address = f"198.51.100.{number}"
        os._exit(0 if {os_name(address) for _ in range(100)} == {address} else 1)
    children.append(child)
assert {os_name("192.0.2.2") for _ in range(100)} == {"192.0.2.2"}
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
assert os_name("192.0.2.3") == "192.0.2.3"
"""


def test_each_process_has_its_own_connection_and_answers(fake_p0f: FakeP0f) -> None:
    run(fake_p0f, "-c", PREPARE + FORKING)

    assert fake_p0f.connections == 4


LOOPS = """
async def is_right(address):
    return set(await asyncio.gather(*(async_os_name(address) for _ in range(50)))) == {address}

client = AsyncP0f(sys.argv[1], timeout=5)
assert asyncio.run(is_right("192.0.2.1"))
loop = asyncio.new_event_loop()
assert loop.run_until_complete(is_right("192.0.2.2"))
assert status_of_child(lambda: asyncio.run(is_right("192.0.2.3"))) == 0
assert loop.run_until_complete(is_right("192.0.2.4"))
loop.run_until_complete(client.close())
loop.close()
"""


def test_a_loop_goes_on_after_a_child_has_used_its_own(fake_p0f: FakeP0f) -> None:
    run(fake_p0f, "-c", PREPARE + LOOPS)

    assert fake_p0f.connections == 3


CLOSED = """
def end():
    global client
    client.close()
    del client
    gc.collect()
    return True

client = P0f(sys.argv[1], timeout=5)
os_name("192.0.2.1")
assert status_of_child(end) == 0
os_name("192.0.2.2")
"""


def test_a_child_that_closes_leaves_its_parents_connection_alone(fake_p0f: FakeP0f) -> None:
    run(fake_p0f, "-c", PREPARE + CLOSED)

    assert fake_p0f.connections == 1


COPIES = """
def sockets():
    links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return {os.readlink(link) for link in links if os.path.islink(link)}

client = P0f(sys.argv[1], timeout=5)
os_name("192.0.2.1")
own = os.readlink(f"/proc/self/fd/{client.connection.sock.fileno()}")
assert own in sockets()
assert status_of_child(lambda: os_name("192.0.2.2") and own not in sockets()) == 0
"""


def test_a_child_that_asks_closes_its_copy_of_its_parents_connection(fake_p0f: FakeP0f) -> None:
    run(fake_p0f, "-c", PREPARE + COPIES)


LOCKED = """
client = P0f(sys.argv[1], timeout=5)
os_name("192.0.2.1")
lock = client._processes.here().lock
lock.acquire()  # as another thread of the parent may have it
assert status_of_child(lambda: os_name("192.0.2.2") == "192.0.2.2") == 0
lock.release()
"""


def test_a_child_does_not_wait_for_a_lock_of_its_parents_threads(fake_p0f: FakeP0f) -> None:
    run(fake_p0f, "-c", PREPARE + LOCKED)


IMPORTING = """
from importlib.machinery import ModuleSpec

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
client = P0f(sys.argv[1], timeout=5)
os._exit(status_of_child(lambda: os_name("192.0.2.1")))
"""


def test_a_child_does_not_wait_for_what_its_parent_was_importing(fake_p0f: FakeP0f) -> None:
    run(fake_p0f, "-W", "ignore", "-c", PREPARE + IMPORTING)


NO_WARNINGS = """
client = P0f(sys.argv[1], timeout=5)
for _ in range(5):
    os_name("192.0.2.1")
    assert status_of_child(lambda: os_name("192.0.2.2")) == 0
client.close()
client = AsyncP0f(sys.argv[1], timeout=5)
loop = asyncio.new_event_loop()
for _ in range(5):
    loop.run_until_complete(async_os_name("192.0.2.1"))
    assert status_of_child(lambda: True) == 0
loop.close()
"""


def test_no_thread_of_ours_makes_python_warn_of_a_fork(fake_p0f: FakeP0f) -> None:
    run(fake_p0f, "-W", "error", "-c", PREPARE + NO_WARNINGS)


def test_threads_that_fork_at_once_while_others_look_up_leave_all_in_order(
    fake_p0f: FakeP0f,
) -> None:
    run(fake_p0f, "-W", "ignore", str(Path(__file__).with_name("fork_storm.py")))
