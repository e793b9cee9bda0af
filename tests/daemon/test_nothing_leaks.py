"""No client, however it ends, leaves a connection, a thread, a lock or a word on stderr behind."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from p0f_middleware import AsyncP0f, P0fError
from p0f_middleware._daemon.protocol import P0F_3, write_answer
from p0f_middleware.testing import SAMPLE, FakeP0f

from .clients import Blocking, InALoop, draining, opened

HOST = "192.0.2.1"


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


class Request:
    """Whatever waits for a lookup."""


async def abandoned_by(client: AsyncP0f, address: str) -> weakref.ref[Request]:
    request = Request()
    with pytest.raises(P0fError):
        await client.lookup(address)
    return weakref.ref(request)


@pytest.mark.usefixtures("retry_at_once")
@pytest.mark.parametrize("hangs", [True, False])
def test_no_request_outlives_a_lookup_that_failed(p0f: FakeP0f, hangs: bool) -> None:
    async def main() -> int:
        path = p0f.socket_path if hangs else "/nonexistent/p0f.sock"
        async with AsyncP0f(path, timeout=0.05) as client:
            if hangs:
                await client.lookup(HOST)
                p0f.stall()
                lookups = (abandoned_by(client, f"198.51.100.{n % 30}") for n in range(300))
                requests = await asyncio.gather(*lookups)
            else:
                requests = [await abandoned_by(client, HOST) for _ in range(20)]
            gc.collect()
            alive = sum(request() is not None for request in requests)
            p0f.resume()
            return alive

    assert asyncio.run(main()) <= 1


@pytest.mark.usefixtures("retry_at_once")
@pytest.mark.parametrize("kind", [Blocking, InALoop])
@pytest.mark.parametrize("answer", [b"\x02\x46\x30\x50" + bytes(100), b""])
def test_a_server_that_is_no_p0f_costs_no_descriptors(
    p0f: FakeP0f, kind: type[Blocking], answer: bytes
) -> None:
    p0f.answer_with(answer)
    before = open_sockets()
    client = kind(p0f.socket_path, timeout=0.01)
    for _ in range(10):
        with pytest.raises(P0fError):
            client.lookup(HOST)
    client.end()
    assert soon(lambda: open_sockets() <= before), draining()


def test_event_loops_that_end_without_close_leave_no_connection(p0f: FakeP0f) -> None:
    async def ask() -> None:
        await AsyncP0f(p0f.socket_path).lookup(HOST)

    before = open_sockets()
    for _ in range(10):
        asyncio.run(ask())
    assert soon(lambda: open_sockets() <= before)


def test_a_client_that_is_forgotten_leaves_no_connection_in_a_loop_that_goes_on(
    p0f: FakeP0f,
) -> None:
    async def main() -> int:
        before = opened()
        for _ in range(10):
            await AsyncP0f(p0f.socket_path).lookup(HOST)
        await asyncio.sleep(0)
        return len(opened() - before)

    assert asyncio.run(main()) == 0


ENDS_WITH_AN_ANSWER_OWED = """
import asyncio, multiprocessing, sys
from p0f_middleware import AsyncP0f, P0f
path, kind = sys.argv[1:]

def ask():
    global client  # which outlives the end of the process
    client = P0f(path, timeout=0.05)
    for address in ("192.0.2.1", "192.0.2.99"):
        try:
            client.lookup(address)
        except OSError:
            pass

async def ask_async():
    client = AsyncP0f(path, timeout=0.05)
    for address in ("192.0.2.1", "192.0.2.99"):
        await asyncio.gather(client.lookup(address), return_exceptions=True)

if kind == "sync":
    ask()
elif kind == "async":
    asyncio.run(ask_async())
else:
    child = multiprocessing.get_context("fork").Process(target=ask)
    child.start()
    child.join()
"""
kinds = pytest.mark.parametrize("kind", ["sync", "async", "multiprocessing"])


def started(p0f: FakeP0f, kind: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ENDS_WITH_AN_ANSWER_OWED, p0f.socket_path, kind]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@kinds
def test_a_process_ends_soon_though_p0f_is_stopped(p0f: FakeP0f, kind: str) -> None:
    p0f.stall()
    with started(p0f, kind) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors


@kinds
def test_a_process_that_ends_waits_for_the_answers_it_is_owed(p0f: FakeP0f, kind: str) -> None:
    """Else p0f would write to a connection that has gone, and die."""
    ended_before: list[bool] = []

    def answer_late(ip_address: str) -> bytes:
        if ip_address.endswith(".99"):
            time.sleep(0.3)
            ended_before.append(process.poll() is not None)
        return write_answer(None, P0F_3)

    p0f.answer_with(answer_late)
    with started(p0f, kind) as process:
        process.communicate(timeout=20)
    assert ended_before == [False]
