"""Many connections of clients whose stacks differ: none is told another's SYN, and memory is flat.

P0F_SOAK_CONNECTIONS is how many connections to make, to each server; 2,000 if not set.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import BIN, free_port, serve

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

ROOT = Path(__file__).parents[2]
CONNECTIONS = int(os.environ.get("P0F_SOAK_CONNECTIONS", "2000"))
CLIENTS = 8
TCP_MAXSEG = 2
MOST_GROWTH = 3 * 2**20
"""Bytes after the first quarter of the connections: what is kept goes with a connection."""

SERVERS = {
    "gunicorn": "gunicorn -k gthread --threads 4 -b 127.0.0.1:{port} tests.real.app:wsgi",
    "uvicorn": "uvicorn --no-access-log --port {port} tests.real.app:asgi",
}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    program, *arguments = SERVERS[request.param].format(port=port).split()
    command = [str(BIN / program), *arguments]
    with serve(command, port, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}):
        yield port


def get(port: int, mss: int, requests: int) -> list[bytes]:
    """The answers to some requests over one connection from a client with this MSS."""
    with socket.socket() as sock:
        sock.settimeout(30)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_MAXSEG, mss)
        # Many addresses, so that ports in TIME_WAIT do not run out.
        sock.bind((f"127.0.0.{random.randrange(1, 255)}", 0))
        sock.connect(("127.0.0.1", port))
        return [_ask(sock) for _ in range(requests)]


def _ask(sock: socket.socket) -> bytes:
    sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        data = sock.recv(65536)
        assert data, answer
        answer += data
    return answer


def soak(port: int, connections: int) -> tuple[int, list[str]]:
    """Make connections from several threads; the server's process, and what was wrong."""
    counter = itertools.count()
    wrong: list[str] = []
    pids: set[int] = set()

    def visit() -> None:
        while next(counter) < connections and len(wrong) < 10:
            mss = random.choice((536, 900, 1220, 1460))
            for answer in get(port, mss, random.choice((1, 1, 1, 2))):
                if f'"raw_sig": "4:64+0:0:{mss}:'.encode() not in answer:
                    wrong.append(f"MSS {mss}: {answer.decode()}")
                pids.update(map(int, re.findall(rb'"pid": (\d+)', answer)))

    threads = [threading.Thread(target=visit) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 1
    return pids.pop(), wrong


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def test_every_connection_is_told_its_own_syn_in_flat_memory(server: int) -> None:
    pid, _ = soak(server, 200)  # of which the first may have come before the listener was armed
    before = memory_of(pid)
    _, wrong = soak(server, CONNECTIONS // 4)
    filled = memory_of(pid)
    wrong += soak(server, CONNECTIONS - CONNECTIONS // 4)[1]
    after = memory_of(pid)
    print(f"{CONNECTIONS} connections; memory {before:,}, {filled:,}, {after:,} bytes")
    assert wrong == []
    assert after - filled < MOST_GROWTH
