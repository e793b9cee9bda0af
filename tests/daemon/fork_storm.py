"""Threads fork at the same time while others make lookups, on both clients; so does each child.

    python fork_storm.py SOCKET

The p0f at SOCKET answers with the query's address as os_name. The program exits with 0 if every
lookup, in the parent and in the children, got its own answer, and every child has ended.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  its lock for forks is not safe while a thread imports it
import faulthandler
import gc
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable

from p0f_middleware import AsyncP0f, P0f

FORKERS, FORKS = 4, 10
socket_path = sys.argv[1]
client = P0f(socket_path, timeout=20)
async_client = AsyncP0f(socket_path, timeout=20)
forgotten_by_children = [P0f(socket_path, timeout=20)]
over = threading.Event()
failures: list[str] = []


def is_right(ip_address: str) -> bool:
    info = client.lookup(ip_address)
    return info is not None and info.os_name == ip_address


def is_right_in_a_loop(ip_address: str) -> bool:
    info = asyncio.run(async_client.lookup(ip_address))
    return info is not None and info.os_name == ip_address


def until_over(ask: Callable[[str], bool], network: str) -> None:
    for number in itertools.count():
        forgotten_by_children[0].lookup("198.53.0.1")
        if not ask(f"{network}.{number % 250}"):
            failures.append(f"a wrong answer in {network}")
        if over.is_set():
            return


def fork(network: str) -> None:
    for number in range(FORKS):
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            ip_address = f"{network}.{number}"
            right = all(is_right(ip_address) for _ in range(3)) and is_right_in_a_loop(ip_address)
            forgotten_by_children.clear()
            gc.collect()
            client.close()
            os._exit(0 if right else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status:
            failures.append(f"a child has ended with {status}")


faulthandler.dump_traceback_later(100, exit=True)
asking = [
    threading.Thread(target=until_over, args=(ask, f"198.51.{number}"))
    for number, ask in enumerate([is_right] * 2 + [is_right_in_a_loop] * 5)
]
forking = [threading.Thread(target=fork, args=(f"203.0.{number}",)) for number in range(FORKERS)]
for thread in (*asking, *forking):
    thread.start()
for thread in forking:
    thread.join()
over.set()
for thread in asking:
    thread.join()
sys.exit("\n".join(failures) or 0)
