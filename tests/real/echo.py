"""A server of p0f's API that answers every query with the address that was asked for.

    python -m tests.real.echo SOCKET_PATH [SEED]

It puts the address into os_name, so that a client sees whether an answer is its own, and it
misbehaves at random: late answers, answers in single bytes, stalls of 0.15 s, garbage, connections
that end in the middle of an answer. It shares no code with the library.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

QUERY_SIZE = 21
STALL = 0.15
FAULTS_IN = 10_000
"""The faults' odds below are out of this many answers."""


def answer(query: bytes) -> bytes:
    """p0f's answer about a host whose os_name is its address."""
    packed = query[5:9] if query[4] == 4 else query[5:21]
    name = str(ip_address(packed)).encode()
    return struct.pack("=II7IhBB32s160x", 0x50304602, 0x10, *range(1, 8), 3, 0, 0, name)


def _late(connection: socket.socket, whole: bytes) -> None:
    time.sleep(0.003)
    connection.sendall(whole)


def _stall(connection: socket.socket, whole: bytes) -> None:
    time.sleep(STALL)
    connection.sendall(whole)


def _in_single_bytes(connection: socket.socket, whole: bytes) -> None:
    for position in range(len(whole)):
        connection.sendall(whole[position : position + 1])


def _garbage(connection: socket.socket, whole: bytes) -> None:
    connection.sendall(random.randbytes(random.randrange(1, 500)))


def _end_in_mid_answer(connection: socket.socket, whole: bytes) -> None:
    connection.sendall(whole[: random.randrange(len(whole))])
    raise ConnectionAbortedError


_FAULTS: tuple[tuple[int, Callable[[socket.socket, bytes], None]], ...] = (
    (10, _late),
    (3, _stall),
    (8, _in_single_bytes),
    (3, _garbage),
    (3, _end_in_mid_answer),
)


def _serve(connection: socket.socket) -> None:
    pending = b""
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(65536):
            pending += data
            ready = b""
            while len(pending) >= QUERY_SIZE:
                query, pending = pending[:QUERY_SIZE], pending[QUERY_SIZE:]
                fault = _draw()
                if fault is None:
                    ready += answer(query)
                else:
                    connection.sendall(ready)
                    ready = b""
                    fault(connection, answer(query))
            connection.sendall(ready)


def _draw() -> Callable[[socket.socket, bytes], None] | None:
    number = random.randrange(FAULTS_IN)
    for odds, fault in _FAULTS:
        if number < odds:
            return fault
        number -= odds
    return None


@contextlib.contextmanager
def echo_server(folder: Path) -> Iterator[str]:
    """The server in a process of its own; gives the path of its socket."""
    path = folder / "echo.sock"
    process = subprocess.Popen([sys.executable, "-m", __spec__.name, str(path)])
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield str(path)
        assert process.poll() is None, "the server ended"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    random.seed(sys.argv[2] if len(sys.argv) > 2 else None)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1] + "~")
        listener.listen(64)
        os.rename(sys.argv[1] + "~", sys.argv[1])
        while True:
            threading.Thread(target=_serve, args=listener.accept()[:1], daemon=True).start()
