"""No client, however it ends, leaves a connection, a thread, a lock or a word on stderr behind."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from p0f_middleware import AsyncP0f, P0f, P0fError
from p0f_middleware._daemon import connection
from p0f_middleware.testing import SAMPLE, FakeP0f


@pytest.fixture
def p0f() -> Iterator[FakeP0f]:
    with FakeP0f(default=SAMPLE) as fake:
        yield fake


def open_sockets() -> int:
    gc.collect()
    links = (os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(link) and "socket:" in os.readlink(link) for link in links)


def soon(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether the condition comes true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@pytest.mark.usefixtures("retry_at_once")
@pytest.mark.parametrize("answer", [b"\x02\x46\x30\x50" + bytes(100), b"no p0f", b""])
def test_a_server_that_is_no_p0f_costs_no_descriptors(p0f: FakeP0f, answer: bytes) -> None:
    p0f.answer_with(answer)
    before = open_sockets()
    with P0f(p0f.socket_path, timeout=0.01) as client:
        for _ in range(10):
            with pytest.raises(P0fError):
                client.lookup("192.0.2.1")
    assert soon(lambda: open_sockets() <= before), connection.draining()


@pytest.mark.usefixtures("retry_at_once")
@pytest.mark.parametrize("answer", [b"\x02\x46\x30\x50" + bytes(100), b"no p0f", b""])
def test_nor_does_it_cost_the_asyncio_client_any(p0f: FakeP0f, answer: bytes) -> None:
    async def ask() -> None:
        async with AsyncP0f(p0f.socket_path, timeout=0.01) as client:
            for _ in range(10):
                with pytest.raises(P0fError):
                    await client.lookup("192.0.2.1")

    p0f.answer_with(answer)
    before = open_sockets()
    asyncio.run(ask())
    assert soon(lambda: open_sockets() <= before), connection.draining()


def test_event_loops_that_end_without_close_leave_no_connection(p0f: FakeP0f) -> None:
    async def ask() -> None:
        await AsyncP0f(p0f.socket_path).lookup("192.0.2.1")

    before = open_sockets()
    for _ in range(10):
        asyncio.run(ask())
    assert soon(lambda: open_sockets() <= before)


def test_clients_that_are_forgotten_leave_no_connection_and_no_thread(p0f: FakeP0f) -> None:
    before, threads = open_sockets(), threading.active_count()
    for _ in range(10):
        P0f(p0f.socket_path).lookup("192.0.2.1")
    assert soon(lambda: open_sockets() <= before)
    assert soon(lambda: threading.active_count() <= threads)


def test_an_idle_connection_is_released_also_after_a_timeout(p0f: FakeP0f) -> None:
    before = open_sockets()
    client = P0f(p0f.socket_path, timeout=0.05, idle=0.1)
    client.lookup("192.0.2.1")
    p0f.stall()
    with pytest.raises(P0fError):
        client.lookup("192.0.2.1")
    p0f.resume()
    assert soon(lambda: open_sockets() <= before)
    assert soon(lambda: client.stats.outages == 1)


def test_threads_that_begin_at_once_share_one_connection(p0f: FakeP0f) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            p0f.connections = 0
            _ask_in_threads_at_once(p0f.socket_path)
            assert p0f.connections == 1
    finally:
        sys.setswitchinterval(interval)


def _ask_in_threads_at_once(socket_path: str) -> None:
    client = P0f(socket_path, timeout=5)
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        client.lookup("192.0.2.1")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()


END_WITH_AN_ANSWER_OWED = """
import asyncio, sys
from p0f_middleware import AsyncP0f, P0f, P0fError
path, kind = sys.argv[1:]
if kind == "sync":
    client = P0f(path, timeout=0.05)
    try: client.lookup("192.0.2.1")
    except P0fError: pass
else:
    client = AsyncP0f(path, timeout=0.05)
    async def main():
        await asyncio.gather(client.lookup("192.0.2.1"), return_exceptions=True)
    asyncio.run(main())
print("asked")
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_process_ends_soon_and_in_silence(p0f: FakeP0f, kind: str) -> None:
    p0f.stall()
    ended = subprocess.run(
        [sys.executable, "-c", END_WITH_AN_ANSWER_OWED, p0f.socket_path, kind],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "asked\n")
    assert "Exception ignored" not in ended.stderr


def test_a_client_that_outlives_the_end_of_its_process_is_silent(
    p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    client = P0f(p0f.socket_path, timeout=0.05)
    client.lookup("192.0.2.1")
    p0f.stall()
    with pytest.raises(P0fError):
        client.lookup("192.0.2.1")
    connection.release_all()
    del client
    gc.collect()
    assert not unraisable
