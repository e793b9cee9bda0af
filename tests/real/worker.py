"""A process that asks p0f without pause and gives up at random.

    python -m tests.real.worker KIND SOCKET_PATH SECONDS

KIND is "threads", "tasks", or "naive": a client that does what this library never does, closing on
a timeout. The first two print their counters as JSON. Retries are due at once, for many timeouts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import socket
import sys
import threading
import time

from p0f_middleware import AsyncP0f, P0f, P0fException, _outage
from p0f_middleware._daemon.protocol import make_query


def address() -> str:
    return f"127.0.{random.randrange(256)}.{random.randrange(1, 255)}"


def threads(socket_path: str, ends: float) -> None:
    client = P0f(socket_path, timeout=0.02)

    def ask() -> None:
        while time.monotonic() < ends:
            with contextlib.suppress(P0fException):
                client.lookup(address())
            if random.random() < 0.001:
                client.close()

    workers = [threading.Thread(target=ask) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(json.dumps(client.stats.as_dict()))  # and no close(): the end of the process sees to it


def tasks(socket_path: str, ends: float) -> None:
    client = AsyncP0f(socket_path, timeout=0.02)

    async def ask() -> None:
        while time.monotonic() < ends:
            patience = random.random() * 0.02 if random.random() < 0.2 else 1.0
            with contextlib.suppress(P0fException, asyncio.TimeoutError):
                await asyncio.wait_for(client.lookup(address()), patience)
            await asyncio.sleep(0)

    async def main() -> None:
        asking = [asyncio.ensure_future(ask()) for _ in range(16)]
        while time.monotonic() < ends:
            await asyncio.sleep(random.random() * 0.1)
            asking.pop(0).cancel()
            asking.append(asyncio.ensure_future(ask()))
            if random.random() < 0.02:
                await client.close()
        for task in asking:  # and the loop is closed with queries under way
            task.cancel()

    asyncio.run(main())
    print(json.dumps(client.stats.as_dict()))


def naive(socket_path: str, ends: float) -> None:
    while time.monotonic() < ends:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(0.02)
            try:
                sock.connect(socket_path)
                while time.monotonic() < ends:
                    sock.sendall(make_query(address()))
                    sock.recv(4096)
            except ConnectionRefusedError:
                return  # p0f has ended
            except OSError:
                continue


if __name__ == "__main__":
    _outage.FIRST_DELAY = _outage.LONGEST_DELAY = 0.001
    logging.getLogger("p0f_middleware").addHandler(logging.NullHandler())
    kind = {"threads": threads, "tasks": tasks, "naive": naive}[sys.argv[1]]
    kind(sys.argv[2], time.monotonic() + float(sys.argv[3]))
