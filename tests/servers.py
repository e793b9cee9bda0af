"""Starts web servers as a user does, from the command line, and fetches pages from them.

The place where a server listens identifies it: a TCP port of this machine, or a socket's path.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]
Place: TypeAlias = int | str
"""A TCP port, or the path of a Unix socket."""
Command: TypeAlias = str | list[str]
_AT_ONCE = 10
_LISTENS_IN_PROC_NET_UNIX = "00010000"
_IPV6_AUTOFLOWLABEL = 70  # <linux/in6.h>; `socket` has no name for it


def free_port(host: str = "127.0.0.1") -> int:
    """A free TCP port outside the range that the kernel gives to clients."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in random.sample(range(20_000, 30_000), 1000):
        with contextlib.suppress(OSError):
            socket.create_server((host, port), family=family, dualstack_ipv6=host == "::").close()
            return port
    raise OSError("no port is free")


@contextlib.contextmanager
def serve(
    command: Command, port: int, *, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server's command line, wait until it listens on `port`, and end it with SIGTERM.

    The server's output is in `cwd`/server.log.
    """
    with serve_all({port: command}, cwd=cwd, env=env) as processes:
        yield processes[0]


@contextlib.contextmanager
def serve_all(
    commands: Mapping[int, Command] | Mapping[Place, Command],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """As `serve`, for several servers by place; some of them start at the same time.

    A command may begin with variables of its own, NAME=value, as in a shell, and may import these
    tests. Its program may be one of the environment's that runs the tests.
    """
    log = cwd / "server.log"
    processes: list[subprocess.Popen[bytes]] = []
    awaited: Iterator[Place] = iter(commands)
    try:
        for command in commands.values():
            processes.append(_start(command, cwd, env or {}, log))
            if len(processes) > _AT_ONCE:  # a busy processor would make each slow to listen
                _wait_for(processes[-1 - _AT_ONCE], next(awaited), log)
        for process, place in zip(processes[-_AT_ONCE:], awaited, strict=True):
            _wait_for(process, place, log)
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(
    command: Command, cwd: Path, env: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    words = command.split() if isinstance(command, str) else command
    settings = list(itertools.takewhile(lambda word: re.match(r"\w+=", word), words))
    program, *arguments = words[len(settings) :]
    own = dict(word.split("=", 1) for word in settings)
    # Coverage would cost a third of their time, and other tests reach what they run.
    outside = {name: os.environ[name] for name in os.environ if not name.startswith("COVERAGE")}
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(BIN / program) if (BIN / program).is_file() else program, *arguments],
            cwd=cwd,
            env={**outside, "PYTHONPATH": str(ROOT), **env, **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _wait_for(process: subprocess.Popen[bytes], place: Place, log: Path) -> None:
    """Wait until a server listens, without connecting: p0f would see the connection."""
    deadline = time.monotonic() + 90  # many servers may start at once, on a busy machine
    while not is_listening(place):
        assert process.poll() is None, f"the server ended: {log.read_text()}"
        assert time.monotonic() < deadline, f"the server does not listen: {log.read_text()}"
        time.sleep(0.02)


def is_listening(place: Place) -> bool:
    """Whether a socket listens at `place` (Linux: state 0A in /proc/net/tcp)."""
    if isinstance(place, str):
        return any(
            fields[3] == _LISTENS_IN_PROC_NET_UNIX and fields[-1] == place
            for fields in map(str.split, Path("/proc/net/unix").read_text().splitlines()[1:])
        )
    return any(
        fields[1].endswith(f":{place:04X}") and fields[3] == "0A"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
    )


class Response(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def fetch(
    port: int,
    path: str = "/",
    *,
    host: str = "127.0.0.1",
    source: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """GET a page over a new connection, from a loopback address; returns status and body."""
    response = exchange(port, path, host=host, source=source, headers=headers)
    return response.status, response.body.decode()


def exchange(
    place: Place | socket.socket,
    path: str = "/",
    *,
    host: str = "127.0.0.1",
    source: str | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
) -> Response:
    """Send one request; returns the whole response.

    Args:
        place: where to connect to, or a connection, which is left open.
    """
    connection = http.client.HTTPConnection(host, place if isinstance(place, int) else 80)
    kept = isinstance(place, socket.socket)
    connection.sock = place if isinstance(place, socket.socket) else _connect(place, host, source)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Response(response.status, response.getheaders(), response.read())
    finally:
        if not kept:
            connection.close()


def _connect(place: Place, host: str, source: str | None) -> socket.socket:
    """Connect. IPv6 without a flow label: p0f's stock database knows no system that sends one."""
    address: str | tuple[str, int] = (host, place) if isinstance(place, int) else place
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family if isinstance(place, int) else socket.AF_UNIX)
    try:
        sock.settimeout(10)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_AUTOFLOWLABEL, 0)
        if source:
            sock.bind((source, 0))
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
