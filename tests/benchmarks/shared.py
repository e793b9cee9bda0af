"""What shared SYNs cost: `python -m tests.benchmarks.shared KIND`; see `--help`.

Each kind prints a table; with --check the exit status is 1 where a bar was missed. `lookups` runs
beside p0f (as root), `tap` and `latency` need root, all need redis-server. CPU time is that of the
process, so it hardly depends on what else runs; ratios are of medians in one run, in alternation.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import redis

from p0f_middleware import AsyncP0f, AsyncSharedSyn, P0f, P0fError, SharedSyn
from tests.shared.stores import RealStore
from tests.shared.syns import FakeVisitor, syn

from .p0f_here import introduce, loopback_addresses, placed, placements, running_p0f
from .shared_edge import latency, memory, tap
from .shared_rows import Row, microseconds, running_store

CLIENT, PORT = "127.0.0.1", 54321
TASKS = 64
CLIENTS = loopback_addresses(TASKS, "127.64.0.1")
"""One for each task: AsyncP0f asks once for all who ask the same."""
LATER = float("inf")
MOST_OF_A_GET, MOST_OF_P0F = 3.0, 2.0
"""Bars: a lookup beside a bare GET, a task's lookup beside AsyncP0f's."""


# Lookups


def lookups(arguments: argparse.Namespace) -> list[Row]:
    """A lookup beside a bare GET and beside p0f, blocking and in many tasks."""
    with running_store() as (store, _), running_p0f() as (p0f, _):
        introduce(CLIENTS, p0f.socket_path)
        with redis.Redis(port=store.port) as client:
            for address in (CLIENT, *CLIENTS):
                client.set(f"p0f:{{{address}}}:{PORT}", syn(address, PORT))
                client.set(f"p0f:{{{address}}}", syn(address, PORT))
            rows = []
            for place, (ours, its) in placements().items():
                print(place.replace("p0f", "p0f and the store"))
                os.sched_setaffinity(store.pid, {its})
                with placed(p0f, ours, its):
                    found = _blocking(arguments.rounds, store, client, p0f.socket_path)
                    found += _tasks(arguments.rounds, store, p0f.socket_path)
                print(*found, sep="\n")
                rows += found
        return rows


def _blocking(rounds: int, store: RealStore, client: redis.Redis, p0f: str) -> list[Row]:
    visitor: Any = FakeVisitor(CLIENT, PORT)
    shared, daemon = SharedSyn(store.url, timeout=5), P0f(p0f, timeout=5)
    bare = socket.create_connection(("127.0.0.1", store.port))
    bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = f"p0f:{{{CLIENT}}}"
    query = f"*2\r\n$3\r\nGET\r\n${len(key)}\r\n{key}\r\n".encode()

    def get() -> None:
        bare.sendall(query)
        bare.recv(4096)

    contenders: dict[str, Callable[[], object]] = {
        "a bare GET: send and recv of a socket": get,
        "redis-py's GET": lambda: client.get(key),
        "SharedSyn.fingerprint": lambda: shared.fingerprint(visitor, LATER),
        "P0f.fingerprint": lambda: daemon.fingerprint(visitor, LATER),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            times[name].append(microseconds(work))
    bare.close()
    shared.close()
    daemon.close()
    rows = [Row(name, statistics.median(each), "us") for name, each in times.items()]
    bare_get, client_get, lookup, _ = rows
    return [
        *rows,
        Row("SharedSyn / a bare GET", lookup.value / bare_get.value, "", MOST_OF_A_GET),
        Row("SharedSyn / redis-py's GET", lookup.value / client_get.value, ""),
    ]


def _tasks(rounds: int, store: RealStore, p0f: str) -> list[Row]:
    visitors: list[Any] = [FakeVisitor(address, PORT) for address in CLIENTS]

    async def measure() -> list[Row]:
        sources: dict[str, Any] = {
            f"AsyncSharedSyn, {TASKS} tasks": AsyncSharedSyn(store.url, timeout=5),
            f"AsyncP0f, {TASKS} tasks": AsyncP0f(p0f, timeout=5),
        }
        times: dict[str, list[float]] = {name: [] for name in sources}

        async def ask(source: Any, visitor: Any) -> None:
            for _ in range(20):
                await source.fingerprint(visitor, LATER)

        for _ in range(rounds):
            for name, source in sources.items():
                began = time.perf_counter()
                await asyncio.gather(*(ask(source, visitor) for visitor in visitors))
                times[name].append((time.perf_counter() - began) / 20 / TASKS * 1e6)
        for source in sources.values():
            await source.close()
        shared, daemon = (Row(name, statistics.median(t), "us") for name, t in times.items())
        return [
            shared,
            daemon,
            Row("AsyncSharedSyn / AsyncP0f", shared.value / daemon.value, "", MOST_OF_P0F),
        ]

    return asyncio.run(measure())


# A stopped store


def outage(arguments: argparse.Namespace) -> list[Row]:
    """What a stopped store costs the first lookup, and those after it."""
    visitor: Any = FakeVisitor(CLIENT, PORT)
    rows = []
    for connected in (True, False):
        first: list[float] = []
        later: list[float] = []
        for _ in range(arguments.trials):
            with running_store() as (store, _):
                _stopped(store, visitor, first, later, connected=connected)
        state = "connected" if connected else "not yet connected"
        rows += [
            Row(
                f"first lookup, {state}, beyond its timeout, median",
                statistics.median(first),
                "ms",
                5.0,
            ),
            Row("at most", max(first), "ms"),
            Row("the next ones, median", statistics.median(later), "us", 20.0),
        ]
    return rows


def _stopped(
    store: RealStore, visitor: Any, first: list[float], later: list[float], *, connected: bool
) -> None:
    source = SharedSyn(store.url)
    if connected:
        source.fingerprint(visitor, LATER)
    store.stop()
    began = time.perf_counter()
    with contextlib.suppress(P0fError):
        source.fingerprint(visitor, LATER)
    first.append((time.perf_counter() - began - source.timeout) * 1e3)

    def ask() -> None:
        with contextlib.suppress(P0fError):
            source.fingerprint(visitor, LATER)

    later.append(microseconds(ask))
    source.close()


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="python -m tests.benchmarks.shared", description=__doc__)
    main.add_argument("--check", action="store_true", help="exit with 1 where a bar was missed")
    kinds = main.add_subparsers(dest="kind", required=True)
    for kind, option, default in (
        (lookups, "--rounds", 50),
        (memory, "--entries", 100_000),
        (latency, "--connections", 500),
        (outage, "--trials", 20),
    ):
        sub = kinds.add_parser(kind.__name__, help=kind.__doc__)
        sub.add_argument(option, type=int, default=default)
        sub.set_defaults(measure=kind)
    sub = kinds.add_parser("tap", help=tap.__doc__)
    sub.add_argument("--rate", type=int, default=20_000)
    sub.add_argument("--seconds", type=int, default=30)
    sub.set_defaults(measure=tap)
    return main


if __name__ == "__main__":
    assert shutil.which("redis-server"), "redis-server is missing"
    options = parser().parse_args()
    measured = options.measure(options)
    if options.measure is not lookups:
        print(*measured, sep="\n")
    sys.exit(options.check and any(row.missed for row in measured))
