"""What the edge of shared SYNs costs: its processor time, the store's memory, and how soon it is.

Run as `python -m tests.benchmarks.shared tap`, `memory` and `latency`.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import struct
import sys
import time
from pathlib import Path
from typing import Any

import redis

from tests.real.edges import Agent, namespaces, run
from tests.shared.syns import syn

from .shared_rows import Row, running_store

MOST_CPU, MOST_MEMORY = 12.0, 200.0
"""Bars: microseconds of CPU for a SYN, bytes of the store for an entry."""


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
                *(
                    "ip",
                    "netns",
                    "exec",
                    there,
                    sys.executable,
                    "-m",
                    "tests.benchmarks.shared_edge",
                ),
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


if __name__ == "__main__":
    send(int(sys.argv[1]), int(sys.argv[2]))
