"""Lookups and requests inside of processes, in alternation: C's, this checkout's and another's."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import redis

from tests.needs import find
from tests.shared.stores import RealStore
from tests.shared.syns import syn

from . import subject
from .figures import BEFORE, Bar, Round, against, ratio, spread, table

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
BLOCK = 0.02  # seconds to spend on one contender in a round: a few hundred lookups or more
HOSTS = [f"127.0.0.{number}" for number in range(1, 65)]  # one for each task
C, C_64 = "C", "C, 64 in flight"
YARDSTICKS = {
    "P0f": (C, 1.25),
    "AsyncP0f, 64 tasks": (C_64, 2.0),
    "SharedSyn": ("mget", 3.0),
    "AsyncSharedSyn, 64 tasks": ("mget, 64 in a pipeline", 1.5),
}
"""What each lookup is compared with, and the most that it may be of that."""
OURS = [*subject.CONTENDERS]
Contender = Callable[[int], float]
"""Does its work that many times and returns the seconds that took."""


def measure(
    socket_path: str, store: RealStore, folder: Path, rounds: int, other: Path | None
) -> list[Round]:
    """The seconds that each contender needed for one piece of work, for each round."""
    with contenders(socket_path, store, folder, other) as everybody:
        counts = {name: _count_for(run) for name, run in everybody.items()}
        return [
            {name: everybody[name](counts[name]) / counts[name] for name in shuffled(everybody)}
            for _ in range(rounds)
        ]


def shuffled(names: Iterable[str]) -> list[str]:
    """In another order each time, so that nobody always runs after the same neighbour."""
    every = list(names)
    return random.sample(every, len(every))


def _count_for(run: Contender) -> int:
    """How often to run it to fill a block; the run that finds out also warms it up."""
    count = 16
    while (seconds := run(count)) < BLOCK / 2:
        count *= 2
    return max(1, round(count * BLOCK / seconds))


def checkouts(other: Path | None) -> list[tuple[Path, str]]:
    """What to measure, and what stands behind the names of its contenders."""
    return [(ROOT, ""), *([(other, BEFORE)] if other is not None else [])]


@contextlib.contextmanager
def contenders(
    socket_path: str, store: RealStore, folder: Path, other: Path | None
) -> Iterator[dict[str, Contender]]:
    """Everybody by name; the names are those in the table. The store knows a SYN of each host."""
    with redis.Redis(port=store.port) as client:
        for address in HOSTS:
            for key in subject.keys_of(address):
                client.set(key, syn(address, subject.PORT))
    program = str(folder / "client")
    subprocess.run([find("cc"), "-O2", "-Wall", "-o", program, HERE / "client.c"], check=True)
    with contextlib.ExitStack() as stack:
        c = stack.enter_context(_process([program, socket_path, *HOSTS]))
        found = {C: _asking(c, "1 {}"), C_64: _asking(c, "64 {}")}
        for checkout, suffix in checkouts(other):
            words = [sys.executable, str(HERE / "subject.py"), socket_path, store.url, *HOSTS]
            python = stack.enter_context(_process(words, PYTHONPATH=str(checkout)))
            found |= {name + suffix: _asking(python, f"{name}\t{{}}") for name in OURS}
        yield found


@contextlib.contextmanager
def _process(words: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """One that does the work it is told line by line, and prints the nanoseconds."""
    pipe, env = subprocess.PIPE, {**os.environ, **environment}
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=env, text=True, bufsize=1) as process:
        try:
            yield process
        finally:
            process.communicate()


def _asking(process: subprocess.Popen[str], order: str) -> Contender:
    """What has it work, by an order that has {} for the count."""

    def run(count: int) -> float:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{order.format(count)}\n")
        return int(process.stdout.readline()) / 1e9

    return run


def bars(rounds: Sequence[Round]) -> Iterable[Bar]:
    """What a lookup may cost beside its yardstick, and beside the other checkout."""
    for name, (yardstick, limit) in YARDSTICKS.items():
        yield Bar(f"{name} / {yardstick}", ratio(rounds, name, yardstick), limit)
    yield from against(rounds, (name for name in OURS if "held" in name or "asked" in name))


def lookups_table(rounds: Sequence[Round]) -> str:
    """Microseconds for a lookup or request, here and in the other checkout, and the yardstick's."""

    def microseconds(name: str) -> str:
        known = name in rounds[0]
        return f"{spread([one[name] * 1e6 for one in rounds]).median:.1f}" if known else ""

    rows = []
    for name in [C, C_64, *OURS]:
        yardstick = YARDSTICKS[name][0] if name in YARDSTICKS else ""
        times = str(ratio(rounds, name, yardstick)) if yardstick else ""
        rows.append((name, microseconds(name), microseconds(name + BEFORE), yardstick, times))
    return table(("", "us", "us, other checkout", "beside", "times (95 %)"), rows)
