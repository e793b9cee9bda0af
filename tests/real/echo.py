"""A server of p0f's API that answers every query with the address that was asked for.

    python -m tests.real.echo SOCKET_PATH

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
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

QUERY_SIZE = 21
FAULTS = {"late": 10, "stall": 3, "single bytes": 8, "garbage": 3, "end": 3}
"""How many of 10,000 answers."""


def answer(query: bytes) -> bytes:
    """p0f's answer about a host whose os_name is its address."""
    packed = query[5:9] if query[4] == 4 else query[5:21]
    name = str(ip_address(packed)).encode()
    return struct.pack("=II7IhBB32s160x", 0x50304602, 0x10, *range(1, 8), 3, 0, 0, name)


def send_with(fault: str, connection: socket.socket, whole: bytes) -> None:
    if fault == "garbage":
        whole = random.randbytes(random.randrange(1, 500))
    elif fault == "end":
        connection.sendall(whole[: random.randrange(len(whole))])
        raise ConnectionAbortedError
    elif fault != "single bytes":
        time.sleep({"late": 0.003, "stall": 0.15}[fault])
    size = 1 if fault == "single bytes" else len(whole)
    for start in range(0, len(whole), size):
        connection.sendall(whole[start : start + size])


def serve(connection: socket.socket) -> None:
    odds = [*FAULTS.values(), 10_000 - sum(FAULTS.values())]
    pending = b""
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(65536):
            pending += data
            ready = b""
            while len(pending) >= QUERY_SIZE:
                query, pending = pending[:QUERY_SIZE], pending[QUERY_SIZE:]
                (fault,) = random.choices([*FAULTS, None], odds)
                if fault is None:
                    ready += answer(query)
                else:
                    connection.sendall(ready)
                    ready = b""
                    send_with(fault, connection, answer(query))
            connection.sendall(ready)


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
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1] + "~")
        listener.listen(64)
        os.rename(sys.argv[1] + "~", sys.argv[1])
        while True:
            threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
