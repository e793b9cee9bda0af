"""Waiting in threads, and in the greenlets of gevent and eventlet, however they were patched in."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from p0f_middleware._waiting import acquire, wait_readable
from p0f_middleware.testing import FakeP0f

from .daemon.clients import named_after

LIBRARIES = [
    pytest.param(
        library,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(library) is None, reason=f"{library} is not installed"
        ),
    )
    for library in ("gevent", "eventlet")
]
PATCHES = [
    "first",  # before the package is imported
    "late",  # after the client was made
    "connected",  # after its first lookup
]


# Threads


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.01])
def test_waiting_in_vain_ends_in_time(seconds: float) -> None:
    lock = threading.Lock()
    ours, theirs = socket.socketpair()

    assert acquire(lock, time.monotonic() + seconds), "a free lock is taken at once"
    assert not acquire(lock, time.monotonic() + seconds)
    with ours, theirs, pytest.raises(TimeoutError):
        wait_readable(ours.fileno(), seconds)


# Greenlets: each program runs in a process of its own, since patches cannot be undone


def run(program: str, p0f: FakeP0f, *arguments: str) -> str:
    """What the program prints; fails if it hangs or fails."""
    program = PREPARE + program + END
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, p0f.socket_path, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


PREPARE = """
import collections, os, sys, threading, time
socket_path, library, when, *unpatched = sys.argv[1:]

def patch():
    off = dict.fromkeys(unpatched, False)
    if library == "gevent":
        from gevent import monkey
        monkey.patch_all(**off)
    else:
        import eventlet
        eventlet.monkey_patch(**off)

if when == "first":
    patch()
from p0f_middleware import P0f, P0fTimeout
client = P0f(socket_path, timeout=10)
lock = threading.Lock()
if when == "connected":
    client.lookup("192.0.2.1")
if when != "first":
    patch()
if library == "gevent":
    from gevent import Timeout, joinall, sleep, spawn
else:
    from eventlet import Timeout, sleep, spawn
    def joinall(greenlets):
        for greenlet in greenlets:
            greenlet.wait()

def is_right(address):
    info = client.lookup(address)
    return info is not None and info.os_name == address
"""
END = """
sys.stdout.flush()
os._exit(0)
"""
TWENTY_GREENLETS = """
def visitor(number):
    for _ in range(10):
        seen[is_right(f"198.51.100.{number}")] += 1
        sleep(0)

def thread(number):
    for _ in range(10):
        seen[is_right(f"203.0.113.{number}")] += 1

seen = collections.Counter()
threads = [threading.Thread(target=thread, args=(number,)) for number in range(4)]
for each in threads:
    each.start()
joinall([spawn(visitor, number) for number in range(20)])
while any(each.is_alive() for each in threads):
    sleep(0.01)
print(dict(seen))
"""


@pytest.mark.parametrize("unpatched", [[], ["thread"], ["socket"]], ids=str)
@pytest.mark.parametrize("when", PATCHES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_all_greenlets_and_threads_get_their_own_answers(
    fake_p0f: FakeP0f, library: str, when: str, unpatched: list[str]
) -> None:
    def answer_sometimes_late(ip_address: str) -> bytes:
        time.sleep(len(fake_p0f.queries) % 2 / 1000)
        return named_after(ip_address)

    fake_p0f.answer_with(answer_sometimes_late)

    assert run(TWENTY_GREENLETS, fake_p0f, library, when, *unpatched) == "{True: 240}\n"


OTHERS_GO_ON = """
from p0f_middleware._waiting import acquire
lock.acquire()
spawn(lambda: (sleep(0.02), lock.release()))
taken = acquire(lock, time.monotonic() + 5)  # while a greenlet of this thread holds it
print(taken, acquire(lock, time.monotonic() + 0.02))

def count():
    global turns
    while True:
        sleep(0.001)
        turns += 1

turns = 0
client.timeout = client._rules.timeout = 0.3
spawn(count)
try:
    client.lookup("192.0.2.2")
except P0fTimeout:
    print(turns > 10)
"""


@pytest.mark.parametrize("unpatched", [[], ["thread"]], ids=str)
@pytest.mark.parametrize("when", ["first", "late"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_other_greenlets_go_on_while_one_waits_for_a_lock_or_for_p0f(
    fake_p0f: FakeP0f, library: str, when: str, unpatched: list[str]
) -> None:
    fake_p0f.stall()

    assert run(OTHERS_GO_ON, fake_p0f, library, when, *unpatched) == "True False\nTrue\n"


GIVEN_UP = """
assert is_right("192.0.2.1")
slow = "192.0.2.99"
try:
    with Timeout(0.05):
        client.lookup(slow)
except Timeout:
    print("given up")
print(is_right("192.0.2.2"), client.stats.dropped, client.stats.abandoned, client.stats.outages)
"""


@pytest.mark.parametrize("when", PATCHES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_answer_to_a_greenlet_that_was_timed_out_reaches_nobody(
    fake_p0f: FakeP0f, library: str, when: str
) -> None:
    def answer_late(ip_address: str) -> bytes:
        time.sleep(0.3 if ip_address == "192.0.2.99" else 0)
        return named_after(ip_address)

    fake_p0f.answer_with(answer_late)

    assert run(GIVEN_UP, fake_p0f, library, when) == "given up\nTrue 1 1 0\n"
    assert fake_p0f.connections == 1
