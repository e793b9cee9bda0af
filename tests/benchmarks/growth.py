"""What grows: the cost of a lookup as p0f knows more hosts, memory, and the time to import.

p0f keeps hosts in a hash table of a fixed number of chains, so with many hosts it is p0f that
needs longer: C's times beside ours tell whose cost it is.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from p0f_middleware import AsyncP0f, P0f

from .contenders import TIMEOUT, c_client, repeat
from .p0f_here import HOST, introduce, loopback_addresses, placed, placements, running_p0f
from .ratios import Spread, spread
from .rounds import Contender, alternate, progress

HOSTS = (10, 1_000, 100_000)
ASKED = 128
"""Hosts to ask for in turn, drawn from all that are known."""
IMPORTS = {
    "p0f_middleware": ("import asgiref", "import asgiref, p0f_middleware"),
    "with P0fASGIMiddleware": (
        "import asgiref.compatibility, asyncio",
        "import asgiref.compatibility, asyncio; from p0f_middleware import P0fASGIMiddleware",
    ),
}
"""The code that stands for what is there anyway, and the same with us."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=main)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--lookups", type=int, default=400_000, help="for the memory")
    parser.add_argument("--addresses", type=int, default=100_000, help="for the memory")
    parser.add_argument(
        "--full",
        action="store_true",
        help="10,000,000 lookups of 1,000,000 addresses for the memory; takes minutes",
    )


def main(arguments: argparse.Namespace) -> int:
    rounds = many_hosts(HOSTS, arguments.rounds)
    print(f"\n{'hosts known to p0f':20}{'C, us':>8}{'P0f, us':>9}   P0f / C (95 %)")
    for hosts in HOSTS:
        c, ours = (spread([one[f"{who} {hosts}"] * 1e6 for one in rounds]) for who in ("C", "P0f"))
        ratio = spread([one[f"P0f {hosts}"] / one[f"C {hosts}"] for one in rounds])
        print(f"{hosts:<20,}{c.median:8.2f}{ours.median:9.2f}   {ratio}")
    lookups, addresses = arguments.lookups, arguments.addresses
    if arguments.full:
        lookups, addresses = 10_000_000, 1_000_000
    print(f"\nResident memory for {lookups:,} lookups of {addresses:,} addresses, MiB:")
    for client, (before, after) in memory(lookups, addresses).items():
        print(f"    {client:10} before {before / 2**20:.1f}, after {after / 2**20:.1f}")
    print("\nTime to import beside what is there anyway, ms (95 %):")
    for what, milliseconds in import_times(arguments.rounds).items():
        print(f"    {what:24}{milliseconds}")
    return 0


def many_hosts(sizes: Iterable[int], rounds: int) -> list[dict[str, float]]:
    """Rounds of 'C 10', 'P0f 10', ...: one p0f for each size, which sees its own hosts only."""
    with contextlib.ExitStack() as stack:
        contenders: dict[str, Contender] = {}
        for number, size in enumerate(sizes, 1):
            contenders |= stack.enter_context(_knowing(size, f"127.{number * 16}.0.1"))
        return alternate(contenders, rounds)


@contextlib.contextmanager
def _knowing(size: int, first: str) -> Iterator[dict[str, Contender]]:
    net = f"{first.removesuffix('.0.1')}.0.0/12"
    rule = f"tcp[tcpflags] & tcp-syn != 0 and (src net {net} or src host {HOST})"
    addresses = loopback_addresses(size, first)
    with running_p0f("-m", f"1000,{size + 1000}", rule) as (p0f, folder):
        introduce(addresses, p0f.socket_path)
        asked = random.sample(addresses, min(size, ASKED))
        place = next(iter(placements().values()))
        with (
            placed(p0f, *place),
            c_client(p0f.socket_path, folder, asked) as c,
            P0f(p0f.socket_path) as client,
        ):
            endless = itertools.cycle(asked)
            yield {f"C {size}": c["C"], f"P0f {size}": repeat(lambda: _name(client, next(endless)))}


def _name(client: P0f, address: str) -> str | None:
    info = client.lookup(address)
    assert info is not None
    return info.os_name


def memory(lookups: int, addresses: int) -> dict[str, tuple[int, int]]:
    """Bytes of resident memory before and after the lookups, for each client.

    Before is after some first lookups, when the caches of addresses are full.
    """
    with running_p0f() as (p0f, _):
        return {"P0f": _of_p0f(p0f.socket_path, lookups, addresses)} | {
            "AsyncP0f": asyncio.run(_of_async_p0f(p0f.socket_path, lookups, addresses))
        }


def _endless(addresses: int) -> Iterator[str]:
    """Addresses that p0f does not know."""
    numbers = (number % addresses for number in itertools.count())  # cycle() would keep them all
    return (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in numbers)


def _of_p0f(socket_path: str, lookups: int, addresses: int) -> tuple[int, int]:
    endless = _endless(addresses)
    with P0f(socket_path, timeout=TIMEOUT) as client:
        for address in itertools.islice(endless, lookups // 20):
            client.lookup(address)
        before = _resident()
        for _ in progress(range(19), "memory, P0f"):
            for address in itertools.islice(endless, lookups // 20):
                client.lookup(address)
        return before, _resident()


async def _of_async_p0f(socket_path: str, lookups: int, addresses: int) -> tuple[int, int]:
    endless = _endless(addresses)

    async def look_up(count: int) -> None:
        for address in itertools.islice(endless, count):
            await client.lookup(address)

    async def with_tasks(count: int) -> None:
        await asyncio.gather(*(look_up(count // 64) for _ in range(64)))

    async with AsyncP0f(socket_path, timeout=TIMEOUT) as client:
        await with_tasks(lookups // 20)
        before = _resident()
        for _ in progress(range(19), "memory, AsyncP0f"):
            await with_tasks(lookups // 20)
        return before, _resident()


def _resident() -> int:
    """Bytes of memory this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def import_times(rounds: int) -> dict[str, Spread]:
    """Milliseconds that the import takes beyond what is there anyway, by what is imported."""
    results: dict[str, Spread] = {}
    for what, (without, with_us) in IMPORTS.items():
        _run(with_us)  # so that bytecode is there
        pairs = [(_run(without), _run(with_us)) for _ in progress(range(rounds), f"import, {what}")]
        results[what] = spread([(long - short) * 1e3 for short, long in pairs])
    return results


def _run(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began
