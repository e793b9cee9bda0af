"""What an edge costs: `python -m tests.benchmarks edge` (as root, with ip and redis-server).

SYNs come at a rate over a link between two network namespaces, and the agent writes them into a
store.
"""

from __future__ import annotations

import argparse
import os
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from tests.real.edges import Agent, namespaces, run
from tests.shared.syns import syn

from .figures import Bar, bars_table, spread
from .p0f_here import running_store

MOST_CPU, MOST_MEMORY = 12.0, 200.0
"""Bars: microseconds of CPU for a SYN, bytes of the store for a key."""


def add_command(commands: Any) -> None:
    command = commands.add_parser("edge", help="processor time and memory of an edge")
    command.add_argument("--rate", type=int, default=20_000, help="SYNs a second (%(default)s)")
    command.add_argument("--seconds", type=int, default=10, help="(default: %(default)s)")
    command.set_defaults(run=main)


def main(options: argparse.Namespace) -> int:
    """Measure and print; 1 if --check is given and a bar was missed."""
    here, there = (f"p0f-{os.getpid()}-{end}" for end in ("tap", "gen"))
    count = options.rate * options.seconds
    inside = ["ip", "netns", "exec"]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_store() as store,
        redis.Redis(port=store.port) as client,
        namespaces(here, there),
    ):
        run("ip", "-n", there, "link", "add", "out", "type", "veth", "peer", "in", "netns", here)
        for space, name in ((there, "out"), (here, "in")):
            run("ip", "-n", space, "link", "set", name, "up")
        arguments = ("--interface", "in", "--port", "443", "--store", store.unix_url)
        empty = _memory(client)
        with Agent(Path(folder), *arguments, runner=[*inside, here]) as agent:
            generator = [*inside, there, sys.executable, "-m", "tests.benchmarks.edge"]
            while agent.counts().startswith("0 SYNs"):  # the link may take a moment
                run(*generator, "10", "1")
            before, first = _cpu_seconds(agent.pid), int(agent.counts().split()[0])
            run(*generator, str(options.rate), str(count))
            counts, before_that = agent.counts(), ""
            while counts != before_that:  # until all is written that comes at all
                time.sleep(0.5)
                counts, before_that = agent.counts(), counts
            cpu = _cpu_seconds(agent.pid) - before
            memory = (_memory(client) - empty) / max(1, _size(client))
    written = [int(word) for word in counts.split() if word.isdigit()][1] - first
    bars = [
        Bar("CPU of the agent for a SYN, us", spread([cpu / max(1, written) * 1e6]), MOST_CPU),
        Bar("memory of the store for a key, bytes", spread([memory]), MOST_MEMORY),
        Bar("SYNs not written", spread([count - written]), 0.0),
    ]
    print(counts, bars_table(bars), sep="\n\n")
    return int(options.check and any(bar.verdict == "MISSED" for bar in bars))


def _memory(client: redis.Redis) -> float:
    info: Any = client.info("memory")
    return float(info["used_memory"])


def _size(client: redis.Redis) -> int:
    size: Any = client.dbsize()
    return int(size)


def _cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


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
                time.sleep(max(0.0, began + number / rate - time.monotonic()))
            sock.send(frames[number % len(frames)])


if __name__ == "__main__":
    send(int(sys.argv[1]), int(sys.argv[2]))
