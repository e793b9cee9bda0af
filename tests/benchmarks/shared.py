"""What shared SYNs cost: `python -m tests.benchmarks.shared [lookups | tap | memory | latency]`.

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
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import redis

from p0f_middleware import AsyncP0f, AsyncSharedSyn, P0f, SharedSyn
from tests.real.edges import Agent, namespaces, run
from tests.shared.stores import RealStore
from tests.shared.syns import FakeVisitor, syn

from .p0f_here import introduce, loopback_addresses, placed, placements, running_p0f

CLIENT, PORT = "127.0.0.1", 54321
TASKS = 64
CLIENTS = loopback_addresses(TASKS, "127.64.0.1")
"""One for each task: AsyncP0f asks once for all who ask the same."""
LATER = float("inf")
MOST_OF_A_GET, MOST_OF_P0F = 3.0, 2.0
"""Bars: a lookup beside a bare GET, a task's lookup beside AsyncP0f's."""
MOST_CPU, MOST_MEMORY = 12.0, 200.0
"""Bars: microseconds of CPU for a SYN, bytes of the store for an entry."""


class Row(NamedTuple):
    """A line of a table; `bar` is the most that `value` may be."""

    what: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def missed(self) -> bool:
        return self.bar is not None and self.value > self.bar

    def __str__(self) -> str:
        bar = (
            ""
            if self.bar is None
            else f"  (at most {self.bar:g}{' MISSED' if self.missed else ''})"
        )
        return f"{self.what:<58} {self.value:10.2f} {self.unit}{bar}"


@contextlib.contextmanager
def running_store() -> Iterator[tuple[RealStore, Path]]:
    with tempfile.TemporaryDirectory(prefix="p0f-shared-") as name:
        store = RealStore(Path(name)).start()
        try:
            yield store, Path(name)
        finally:
            store.kill()


def microseconds(work: Callable[[], object], times: int = 300) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times * 1e6


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


# The tap


def tap(arguments: argparse.Namespace) -> list[Row]:
    """SYNs at a rate, over a link between two network namespaces, into a store."""
    here, there = (f"p0f-{os.getpid()}-{end}" for end in ("tap", "gen"))
    with running_store() as (store, folder), namespaces(here, there):
        run("ip", "-n", there, "link", "add", "out", "type", "veth", "peer", "in", "netns", here)
        for space, name in ((there, "out"), (here, "in")):
            run("ip", "-n", space, "link", "set", name, "up")
        options = ("--interface", "in", "--port", "443", "--store", store.unix_url)
        with Agent(folder, *options, runner=["ip", "netns", "exec", here]) as agent:
            before = _cpu_seconds(agent.pid)
            count = arguments.rate * arguments.seconds
            run(
                *("ip", "netns", "exec", there, sys.executable, "-m", __spec__.name, "send"),
                *(str(arguments.rate), str(count)),
            )
            counts = agent.counts_once(f"{count} SYNs seen") if arguments.check else agent.counts()
            cpu = _cpu_seconds(agent.pid) - before
    print(counts)
    written = [int(word) for word in counts.split() if word.isdigit()][1]
    return [
        Row(f"SYNs sent in {arguments.seconds} s", count, ""),
        Row("written", written, ""),
        Row("CPU of the agent, a SYN", cpu / max(1, written) * 1e6, "us", MOST_CPU),
        Row("not seen, dropped or lost", count - written, "", 0.0),
    ]


def send(rate: int, count: int) -> None:
    """Send SYNs of many addresses and ports over the interface `out`, at a rate."""
    head = b"\xff" * 6 + b"\x02" * 6 + b"\x08\x00"
    frames = []
    for number in range(20_000):
        address = socket.inet_ntoa(struct.pack("!I", 0x0A000000 + number * 7))
        frames.append(head + syn(address, 1024 + number % 60_000))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("out", 0))
        began = time.monotonic()
        for number in range(count):
            if number % 20 == 0:
                ahead = began + number / rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
            sock.send(frames[number % len(frames)])


def _cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


# Memory


def memory(arguments: argparse.Namespace) -> list[Row]:
    """Bytes of the store for an entry, of a connection and of an address."""
    rows = []
    for kind, address in (
        ("IPv4", "203.0.{}.{}"),
        ("IPv6", "2001:db8:1234:5678:9abc:def0:{:x}:{:x}"),
    ):
        for what in ("connection", "address"):
            with running_store() as (store, _), redis.Redis(port=store.port) as client:
                used = _fill(client, arguments.entries, address, what)
            bar = MOST_MEMORY if kind == "IPv4" else None
            rows.append(Row(f"an entry of {kind}, of {what}", used, "bytes", bar))
    return rows


def _fill(client: redis.Redis, entries: int, form: str, what: str) -> float:
    info: Any = client.info("memory")
    before = info["used_memory"]
    pipeline = client.pipeline(transaction=False)
    for number in range(entries):
        address = (
            form.format(number >> 8 & 0xFF, number & 0xFF)
            if what == "connection"
            else (_many(number) if ":" not in form else form.format(number >> 16, number & 0xFFFF))
        )
        port = 1024 + number // 65536 * 7000 + number % 7000
        suffix = f":{port}" if what == "connection" else ""
        pipeline.set(f"p0f:{{{address}}}{suffix}", syn(address, port), ex=600)
        if number % 1000 == 0:
            pipeline.execute()
    pipeline.execute()
    info = client.info("memory")
    size: Any = client.dbsize()
    return float((info["used_memory"] - before) / size)


def _many(number: int) -> str:
    return socket.inet_ntoa(struct.pack("!I", 0xC6000000 + number))


# Latency


def latency(arguments: argparse.Namespace) -> list[Row]:
    """From connect() to the SYN in the store, on lo."""
    times = []
    with (
        running_store() as (store, folder),
        socket.create_server(("127.0.0.1", 0)) as server,
        redis.Redis(port=store.port) as client,
    ):
        port = server.getsockname()[1]
        options = ("--interface", "lo", "--port", str(port), "--store", store.url)
        with Agent(folder, *options):
            for _ in range(arguments.connections):
                with socket.socket() as sock:
                    sock.bind(("127.0.0.1", 0))
                    key = f"p0f:{{127.0.0.1}}:{sock.getsockname()[1]}"
                    began = time.perf_counter()
                    sock.connect(("127.0.0.1", port))
                    while client.get(key) is None:
                        pass
                    times.append((time.perf_counter() - began) * 1e3)
                server.accept()[0].close()
    return [
        Row("from connect() to the SYN in the store, median", statistics.median(times), "ms"),
        Row("99 of 100 within", sorted(times)[len(times) * 99 // 100], "ms"),
    ]


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="python -m tests.benchmarks.shared", description=__doc__)
    main.add_argument("--check", action="store_true", help="exit with 1 where a bar was missed")
    kinds = main.add_subparsers(dest="kind", required=True)
    for kind, option, default in (
        (lookups, "--rounds", 50),
        (memory, "--entries", 100_000),
        (latency, "--connections", 500),
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
    if sys.argv[1:2] == ["send"]:
        send(int(sys.argv[2]), int(sys.argv[3]))
        sys.exit()
    assert shutil.which("redis-server"), "redis-server is missing"
    options = parser().parse_args()
    measured = options.measure(options)
    if options.measure is not lookups:
        print(*measured, sep="\n")
    sys.exit(options.check and any(row.missed for row in measured))
