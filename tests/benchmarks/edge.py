"""What an edge costs: `python -m tests.benchmarks edge` (as root, with redis-server).

SYNs come at a rate over the loopback of a network namespace of their own, and the agent writes them
into a store.
"""

from __future__ import annotations

import argparse
import socket
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from tests import own_network
from tests.real.edges import Agent
from tests.shared.stores import RealStore
from tests.shared.syns import syn

from .figures import Bar, bars_table, spread
from .servers import processor_time

MOST_CPU, MOST_MEMORY = 12.0, 200.0
"""Bars: microseconds of CPU for a SYN, bytes of the store for a key."""


def add_command(commands: Any) -> None:
    command = commands.add_parser("edge", help="processor time and memory of an edge")
    command.add_argument("--rate", type=int, default=20_000, help="SYNs a second (%(default)s)")
    command.add_argument("--seconds", type=int, default=10, help="(default: %(default)s)")
    command.set_defaults(run=main)


def main(options: argparse.Namespace) -> int:
    """Measure and print; 1 if --check is given and a bar was missed."""
    assert own_network.enter(), "it needs root on Linux"
    count = options.rate * options.seconds
    with (
        tempfile.TemporaryDirectory() as folder,
        RealStore(Path(folder)) as store,
        redis.Redis(port=store.port) as client,
    ):
        arguments = ("--interface", "lo", "--port", "443", "--store", store.unix_url)
        empty = _memory(client)
        with Agent(Path(folder), *arguments) as agent:
            before = processor_time(agent.pid)
            send(options.rate, count)
            counts = agent.counts_once(f"{count} SYNs seen, {count} written")
            cpu = processor_time(agent.pid) - before
            memory = (_memory(client) - empty) / max(1, client.dbsize())
    bars = [
        Bar("CPU of the agent for a SYN, us", spread([cpu / count * 1e6]), MOST_CPU),
        Bar("memory of the store for a key, bytes", spread([memory]), MOST_MEMORY),
    ]
    print(counts, bars_table(bars), sep="\n\n")
    return int(options.check and any(bar.verdict == "MISSED" for bar in bars))


def _memory(client: redis.Redis) -> float:
    info: Any = client.info("memory")
    return float(info["used_memory"])


def send(rate: int, count: int) -> None:
    """Send SYNs of many addresses and ports over the loopback, at a rate."""
    head = bytes(12) + b"\x08\x00"
    frames = []
    for number in range(20_000):
        address = socket.inet_ntoa(struct.pack("!I", 0x0A000000 + number * 7))
        frames.append(head + syn(address, 1024 + number % 60_000))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("lo", 0))
        began = time.monotonic()
        for number in range(count):
            if number % 20 == 0:
                time.sleep(max(0.0, began + number / rate - time.monotonic()))
            sock.send(frames[number % len(frames)])
