"""Whether AsyncP0f's short wait for the answer to a lone query holds the event loop up.

A ticker wants to wake every millisecond; how much later it wakes is the loop's lag. It is measured
without lookups, with them, and with them but without the short wait (`Connection.spin`), in
alternation, beside 1,000 idle connections. On a busy loop tasks also compute between their lookups.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import resource
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import quantiles

from p0f_middleware import AsyncP0f
from p0f_middleware._daemon.connection import opened

from .contenders import LOOPS, TIMEOUT
from .p0f_here import HOST, running_p0f
from .rounds import progress

TICK = 0.001
IDLE_CONNECTIONS = 1000
WORK = 0.0002
"""Seconds that a task of the busy loop computes for each lookup."""
BUSY_TASKS = 4
KINDS = ("no lookups", "lookups", "lookups, no short wait")


@dataclass
class Watch:
    """What was seen of one kind of loop."""

    lags: list[float] = field(default_factory=list)
    """Seconds."""
    lookups: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        cuts = quantiles(self.lags, n=100)
        p50, p99, most = (f"{lag * 1e3:8.2f}" for lag in (cuts[49], cuts[98], max(self.lags)))
        return f"{p50}{p99}{most}{self.lookups / self.seconds:12.0f}"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=main)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one measurement")


def main(arguments: argparse.Namespace) -> int:
    print(f"{'lag of a 1 ms ticker, ms':44}{'p50':>8}{'p99':>8}{'max':>8}{'lookups/s':>12}")
    with running_p0f() as (p0f, _):
        for name, make in LOOPS.items():
            with contextlib.closing(make()) as loop:
                work = watch(p0f.socket_path, arguments.rounds, arguments.seconds)
                for what, seen in loop.run_until_complete(work).items():
                    print(f"{f'{name}, {what}':44}{seen}")
    return 0


async def watch(socket_path: str, rounds: int, seconds: float) -> dict[str, Watch]:
    """All kinds in alternation, on an idle and on a busy loop."""
    seen = {f"{state}: {kind}": Watch() for state in ("idle", "busy") for kind in KINDS}
    loop = asyncio.get_running_loop()
    async with AsyncP0f(socket_path, timeout=TIMEOUT) as client:
        await client.lookup(HOST)  # connects while there are descriptors that select(2) takes
        with idle_connections(loop, IDLE_CONNECTIONS):
            for _ in progress(range(rounds), "lag, rounds"):
                for what, watched in seen.items():
                    state, kind = what.split(": ")
                    short_wait(on=kind == "lookups")
                    users = _users(client, busy=state == "busy", asking=kind != "no lookups")
                    await _measure(users, watched, seconds)
    return seen


def short_wait(*, on: bool) -> None:
    """Whether the client busy-polls for a lone query's answer, from now on."""
    for connection in opened():
        connection.spin_after = 0.0 if on else math.inf


@contextlib.contextmanager
def idle_connections(loop: asyncio.AbstractEventLoop, count: int) -> Iterator[None]:
    """Connections that the loop waits for and that say nothing, as WebSockets mostly do."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * count + 256), hard))
    pairs = [socket.socketpair() for _ in range(count)]
    for ours, _ in pairs:
        ours.setblocking(False)
        loop.add_reader(ours, lambda: None)
    try:
        yield
    finally:
        for pair in pairs:
            loop.remove_reader(pair[0])
            for sock in pair:
                sock.close()


Users = list[Callable[[Watch], "asyncio.Task[None]"]]


def _users(client: AsyncP0f, *, busy: bool, asking: bool) -> Users:
    """What goes on in the loop beside the ticker."""

    async def use(watched: Watch) -> None:
        while True:
            if asking:
                await client.lookup(HOST)
                watched.lookups += 1
            if busy:
                _compute(WORK)
            await asyncio.sleep(0 if busy else 2 * TICK)

    return [lambda watched: asyncio.ensure_future(use(watched))] * (BUSY_TASKS if busy else 1)


def _compute(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def _measure(users: Users, watched: Watch, seconds: float) -> None:
    tasks = [start(watched) for start in users]
    began = now = time.perf_counter()
    while now - began < seconds:
        await asyncio.sleep(TICK)
        woke = time.perf_counter()
        watched.lags.append(woke - now - TICK)
        now = woke
    watched.seconds += now - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
