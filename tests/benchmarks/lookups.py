"""Lookups and requests inside of processes, in alternation: C's, this checkout's and another's."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import redis

from tests.shared.stores import RealStore
from tests.shared.syns import syn

from . import subject
from .figures import Bar, Contender, Round, against, ratio, spread, table
from .p0f_here import HOST, loopback_addresses

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
BLOCK = 0.02
"""Seconds to spend on one contender in a round: a few hundred lookups or more."""
TASKS = 64
HOSTS = loopback_addresses(TASKS, HOST)
C, C_64 = "C", "C, 64 in flight"
YARDSTICKS = {
    "P0f": (C, 1.25),
    "AsyncP0f, 64 tasks": (C_64, 2.0),
    "SharedSyn": ("mget", 3.0),
    "AsyncSharedSyn, 64 tasks": ("mget, 64 in a pipeline", 1.5),
}
"""What each lookup is compared with, and the most that it may be of that."""
OURS = [*subject.BLOCKING, *subject.ON_A_LOOP]
BEFORE = " (other)"
"""Stands behind the names of the other checkout's contenders."""
T = TypeVar("T")


def progress(steps: Sequence[T], what: str) -> Iterator[T]:
    """The steps, with a line on the terminal that says how far they are."""
    began = time.monotonic()
    for number, step in enumerate(steps, 1):
        if sys.stderr.isatty() or number == len(steps):
            end = "\n" if number == len(steps) else ""
            seconds = time.monotonic() - began
            print(f"\r{what}: {number}/{len(steps)}, {seconds:.0f} s ", end=end, file=sys.stderr)
            sys.stderr.flush()
        yield step


def alternate(
    contenders: Mapping[str, Contender], rounds: int, block: float = BLOCK
) -> list[Round]:
    """The seconds that each contender needed for one piece of work, for each round."""
    counts = {name: _count_for(run, block) for name, run in contenders.items()}
    results: list[Round] = []
    for _ in progress(range(rounds), "lookups and requests, rounds"):
        order = shuffled(contenders)
        results.append({name: contenders[name](counts[name]) / counts[name] for name in order})
    return results


def shuffled(names: Iterable[str]) -> list[str]:
    """In another order each time, so that nobody always runs after the same neighbour; the other
    checkout's contender stands beside ours, so that both have the machine in the same state."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.removesuffix(BEFORE), []).append(name)
    return [
        name
        for group in random.sample(list(groups.values()), len(groups))
        for name in random.sample(group, len(group))
    ]


def _count_for(run: Contender, block: float) -> int:
    """How often to run it to fill a block; the run that finds out also warms it up."""
    count = 16
    while (seconds := run(count)) < block / 2:
        count *= 2
    return max(1, round(count * block / seconds))


@contextlib.contextmanager
def contenders(
    socket_path: str, store: RealStore, folder: Path, other: Path | None
) -> Iterator[dict[str, Contender]]:
    """Everybody by name; the names are those in the table."""
    fill(store)
    with contextlib.ExitStack() as stack:
        c = stack.enter_context(process([compile_c(folder), socket_path, *HOSTS]))
        found = {C: asking(c, "1 {}"), C_64: asking(c, "64 {}")}
        for checkout, suffix in ((ROOT, ""), (other, BEFORE)):
            if checkout is not None:
                words = [sys.executable, str(HERE / "subject.py"), socket_path, store.url, *HOSTS]
                python = stack.enter_context(process(words, PYTHONPATH=str(checkout)))
                found |= {name + suffix: asking(python, f"{name}\t{{}}") for name in OURS}
        yield found


def fill(store: RealStore) -> None:
    """Have the store know a SYN of each host."""
    with redis.Redis(port=store.port) as client:
        for address in HOSTS:
            for key in subject.keys_of(address):
                client.set(key, syn(address, subject.PORT))


def compile_c(folder: Path) -> str:
    """The path of the program that client.c makes."""
    compiler, program = shutil.which("cc"), folder / "client"
    assert compiler is not None, "a C compiler is needed: apt-get install gcc libc6-dev"
    source = str(HERE / "client.c")
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(program), source], check=True)
    return str(program)


@contextlib.contextmanager
def process(words: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """One that does the work it is told line by line, and prints the nanoseconds."""
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
        text=True,
        bufsize=1,
    ) as process:
        try:
            yield process
        finally:
            process.communicate()


def asking(process: subprocess.Popen[str], order: str) -> Contender:
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
    yield from against(rounds, (name for name in OURS if "held" in name or "asked" in name), BEFORE)


def lookups_table(rounds: Sequence[Round]) -> str:
    """Microseconds for a lookup or request, here and in the other checkout, and the yardstick's."""

    def microseconds(name: str) -> str:
        known = name in rounds[0]
        return f"{spread([one[name] * 1e6 for one in rounds]).median:.1f}" if known else ""

    rows = []
    for name in [C, C_64, *OURS]:
        yardstick, _ = YARDSTICKS.get(name, (None, None))
        times = str(ratio(rounds, name, yardstick)) if yardstick else ""
        rows.append((name, microseconds(name), microseconds(name + BEFORE), yardstick or "", times))
    return table(("", "us", "us, other checkout", "beside", "times (95 %)"), rows)
