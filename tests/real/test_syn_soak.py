"""Many connections of clients whose stacks differ: none is told another's SYN, and memory is flat.

P0F_SOAK_CONNECTIONS is how many connections to make, to each server; 1,200 if not set.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import exchange, free_port, serve

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

CONNECTIONS = int(os.environ.get("P0F_SOAK_CONNECTIONS", "1200"))
CLIENTS = 8
MOST_GROWTH = 3 * 2**20
"""Bytes after the first quarter of the connections: what is kept goes with a connection."""

SERVERS = {
    "gunicorn": "gunicorn -k gthread --threads 4 -b 127.0.0.1:{port} tests.real.app:wsgi",
    "uvicorn": "uvicorn --no-access-log --port {port} tests.real.app:asgi",
}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with serve(SERVERS[request.param].format(port=port), port, cwd=tmp_path):
        yield port


def get(port: int, mss: int, requests: int = 1) -> list[dict[str, Any]]:
    """The answers to some requests over one connection from a client with this MSS."""
    with socket.socket() as sock:
        sock.settimeout(30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        # Many addresses, so that ports in TIME_WAIT do not run out.
        sock.bind((f"127.0.0.{random.randrange(1, 255)}", 0))
        sock.connect(("127.0.0.1", port))
        return [json.loads(exchange(sock).body) for _ in range(requests)]


def soak(port: int, connections: int) -> list[str]:
    """Make connections from several threads; what was wrong."""
    counter = itertools.count()
    wrong: list[str] = []

    def visit() -> None:
        while next(counter) < connections and len(wrong) < 10:
            mss = random.choice((536, 900, 1220, 1460))
            for answer in get(port, mss, random.choice((1, 1, 1, 2))):
                if not (answer["info"] or {}).get("raw_sig", "").startswith(f"4:64+0:0:{mss}:"):
                    wrong.append(f"MSS {mss}: {answer}")

    threads = [threading.Thread(target=visit) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def test_every_connection_is_told_its_own_syn_in_flat_memory(server: int) -> None:
    deadline = time.monotonic() + 20  # the first may come before the listener is enabled
    while (first := get(server, 900)[0])["status"] != "ok":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    wrong = soak(server, CONNECTIONS // 4)
    filled = memory_of(first["pid"])
    wrong += soak(server, CONNECTIONS - CONNECTIONS // 4)
    after = memory_of(first["pid"])
    print(f"{CONNECTIONS} connections; memory {filled:,}, {after:,} bytes")
    assert wrong == []
    assert after - filled < MOST_GROWTH
