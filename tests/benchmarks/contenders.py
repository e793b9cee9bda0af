"""Who is measured: C, the 2014 package, both clients, and both middlewares called directly.

Each contender is a function that does its work `count` times and returns the seconds. One at a time
they ask for `HOST`, and where many ask at once, each asks for one of `HOSTS`. All read the name of
the operating system, except the middlewares (there the application is to do nothing, so that the
difference is the middleware's) and Python's bare `send` and `recv`, the least Python can do.

Everybody is connected to p0f while being measured, and nobody else is: before each answer p0f looks
at all of its connections, so those of the others would slow down everybody's lookups.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Coroutine, Iterator, MutableMapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from p0f_middleware import AsyncP0f, P0f, P0fASGIMiddleware, P0fInfo, P0fWSGIMiddleware
from p0f_middleware._daemon.protocol import make_query

from .apps import asgi_app, wsgi_app
from .p0f_here import HOST, loopback_addresses
from .rounds import Contender
from .web import USER_AGENT

TASKS = (1, 8, 64, 512)
HOSTS = loopback_addresses(max(TASKS), HOST)
LEAST_FOR_A_TASK = 10
"""Lookups; with fewer, starting the tasks is what would be measured."""
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
"""What makes the event loops: asyncio's, and uvloop's if it is installed."""
with contextlib.suppress(ImportError):
    LOOPS["uvloop"] = importlib.import_module("uvloop").new_event_loop
ENVIRON = {
    "REMOTE_ADDR": HOST,
    "REMOTE_PORT": "40000",
    "HTTP_USER_AGENT": USER_AGENT,
    "HTTP_SEC_CH_UA_PLATFORM": '"Linux"',
}
SCOPE = {
    "type": "http",
    "client": (HOST, 40000),
    "headers": [
        *((name, b"x") for name in (b"host", b"accept", b"accept-language", b"accept-encoding")),
        (b"user-agent", USER_AGENT.encode()),
        (b"sec-ch-ua-platform", b'"Linux"'),
    ],
}
HELD: dict[str, dict[str, Any]] = {
    "": {"hold": 3600},
    ", claims=False": {"hold": 3600, "claims": False},
}
"""Options under which a request after the first asks nobody."""
TIMEOUT = 5.0
"""Seconds; nobody's lookups may fail because the machine is busy."""


@contextlib.contextmanager
def c_client(
    socket_path: str, folder: Path, addresses: Sequence[str] = (HOST,)
) -> Iterator[dict[str, Contender]]:
    """`client.c`, one lookup at a time and with 64 in flight."""
    program = folder / "client"
    source = Path(__file__).with_name("client.c")
    compiler = shutil.which("cc")
    assert compiler is not None, "a C compiler is needed: apt-get install gcc libc6-dev"
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(program), str(source)], check=True)
    process = subprocess.Popen(
        [str(program), socket_path, *addresses],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    commands, times = process.stdin, process.stdout

    def with_in_flight(depth: int) -> Contender:
        def run(count: int) -> float:
            commands.write(f"{depth} {count}\n")
            return int(times.readline()) / 1e9

        return run

    try:
        yield {"C": with_in_flight(1), "C, 64 in flight": with_in_flight(64)}
    finally:
        commands.close()
        process.wait()
        times.close()


def bare_python(socket_path: str) -> dict[str, Contender]:
    """A query sent and its answer received, not even looked at."""
    query = make_query(HOST)

    def run(count: int) -> float:
        with socket.socket(socket.AF_UNIX) as sock:

            def ask() -> None:
                sock.send(query)
                sock.recv(4096)

            sock.connect(socket_path)
            ask()
            return repeat(ask)(count)

    return {"Python, send and recv": run}


def package_of_2014(socket_path: str) -> dict[str, Contender]:
    """`p0f` 1.0.0 from PyPI, if it is installed.

    Written for Python 2, its get_info works on Python 3 as published (for IPv4), but leaves strings
    as bytes with their NULs: decoding the name is done here. Its Django middleware, which was never
    part of the distribution, makes a client for each request and leaves it to be collected; closing
    it comes to the same.
    """
    try:
        old: Any = importlib.import_module("p0f")
    except ImportError:
        return {}

    def look_up(client: Any) -> None:
        assert client.get_info(HOST)["os_name"].rstrip(b"\0").decode()

    def look_up_anew() -> None:
        with contextlib.closing(old.P0f(socket_path, timeout=TIMEOUT)) as client:
            look_up(client)

    def on_one_connection(count: int) -> float:
        with contextlib.closing(old.P0f(socket_path, timeout=TIMEOUT)) as client:
            look_up(client)
            return repeat(lambda: look_up(client))(count)

    return {
        "p0f 1.0.0, connection kept": on_one_connection,
        "p0f 1.0.0 as in Django": repeat(look_up_anew),
    }


def blocking(socket_path: str) -> dict[str, Contender]:
    """P0f, and a WSGI application without and with the middleware."""
    client = P0f(socket_path, timeout=TIMEOUT)

    def look_up() -> None:
        _read(client.lookup(HOST))

    def connected(work: Callable[[], object]) -> Contender:
        def run(count: int) -> float:
            with client:
                look_up()
                return repeat(work)(count)

        return run

    def call(app: Callable[[dict[str, Any], Any], Any]) -> Callable[[], object]:
        return lambda: app({**ENVIRON}, _start_response)

    return {
        "P0f": connected(look_up),
        "WSGI, bare": repeat(call(wsgi_app)),
        "WSGI, wrapped": connected(call(P0fWSGIMiddleware(wsgi_app, client, hold=0))),
    } | {
        f"WSGI, held{name}": connected(call(P0fWSGIMiddleware(wsgi_app, client, **options)))
        for name, options in HELD.items()
    }


def on_loop(loop: asyncio.AbstractEventLoop, name: str, client: AsyncP0f) -> dict[str, Contender]:
    """AsyncP0f with several numbers of tasks, and an ASGI application, on an event loop."""

    async def look_up(address: str, count: int) -> None:
        for _ in range(count):
            _read(await client.lookup(address))

    def run(work: Callable[[int], Coroutine[Any, Any, None]]) -> Contender:
        def timed(count: int) -> float:
            loop.run_until_complete(look_up(HOST, 1))
            began = perf_counter()
            loop.run_until_complete(work(count))
            seconds = perf_counter() - began
            loop.run_until_complete(client.close())
            return seconds

        return timed

    def with_tasks(tasks: int, count: int) -> float:
        each = max(count // tasks, LEAST_FOR_A_TASK)

        async def together() -> None:
            await asyncio.gather(*(look_up(address, each) for address in HOSTS[:tasks]))

        return run(lambda _: together())(count) * count / (each * tasks)

    wrapped = P0fASGIMiddleware(asgi_app, client, hold=0)
    contenders: dict[str, Contender] = {}
    for tasks in TASKS:
        label = f"AsyncP0f, {tasks} {'task' if tasks == 1 else 'tasks'}, {name}"
        contenders[label] = functools.partial(with_tasks, tasks)
    contenders[f"ASGI, bare, {name}"] = run(lambda count: _call(asgi_app, count))
    contenders[f"ASGI, wrapped, {name}"] = run(lambda count: _call(wrapped, count))
    for suffix, options in HELD.items():
        held = P0fASGIMiddleware(asgi_app, client, **options)
        contenders[f"ASGI, held{suffix}, {name}"] = run(functools.partial(_call, held))
    return contenders


@contextlib.contextmanager
def event_loops(socket_path: str) -> Iterator[dict[str, Contender]]:
    """`on_loop` for each of `LOOPS`."""
    with contextlib.ExitStack() as stack:
        contenders: dict[str, Contender] = {}
        for name, make in LOOPS.items():
            loop = stack.enter_context(contextlib.closing(make()))
            contenders |= on_loop(loop, name, AsyncP0f(socket_path, timeout=TIMEOUT))
        yield contenders


@contextlib.contextmanager
def all_contenders(socket_path: str, folder: Path) -> Iterator[dict[str, Contender]]:
    """Everybody by name; the names are those in the table."""
    with c_client(socket_path, folder, HOSTS[:64]) as c, event_loops(socket_path) as asynchronous:
        python = bare_python(socket_path) | package_of_2014(socket_path) | blocking(socket_path)
        yield c | python | asynchronous


def repeat(work: Callable[[], object]) -> Contender:
    def run(count: int) -> float:
        began = perf_counter()
        for _ in range(count):
            work()
        return perf_counter() - began

    return run


def _read(info: P0fInfo | None) -> None:
    """What an application does with a fingerprint."""
    assert info is not None
    assert info.os_name


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
    return None


async def _call(app: Callable[..., Coroutine[Any, Any, None]], count: int) -> None:
    for _ in range(count):
        await app({**SCOPE}, _receive, _send)


async def _receive() -> MutableMapping[str, Any]:
    return {"type": "http.request"}


async def _send(message: MutableMapping[str, Any]) -> None:
    pass
