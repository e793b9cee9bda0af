"""What claims cost: `python -m tests.benchmarks.claims [--check]`. Needs no p0f.

A request's cost is the time of the middleware with claims less its time without, both called in
turns. The bars are those of a quiet machine: a remembered pair of fingerprint and User-Agent at
most 1 us, a new one at most 5 us. The memory is what a million different User-Agents of 8 kB leave.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import islice, repeat
from typing import Any
from wsgiref.util import setup_testing_defaults

from p0f_middleware import P0fInfo, P0fWSGIMiddleware
from p0f_middleware.claim import check_request, read_headers

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}"
FINGERPRINT = {
    "os_name": "Linux",
    "os_flavor": "4.20 or newer",
    "raw_sig": "4:58+6:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0",
    "signature": "s:unix:Linux:4.20 or newer",
    "source": "syn",
}
ROUNDS = 15
BARS = {"remembered": 1.0, "new": 5.0}  # microseconds


class Known:
    """A source that knows everybody."""

    info = P0fInfo(**FINGERPRINT)  # type: ignore[arg-type]

    def lookup(self, ip_address: str) -> P0fInfo:
        return self.info


def request(hold: float, claims: bool) -> Callable[[str], object]:
    """Calls a middleware with a request of that User-Agent."""
    # Without grace nothing is confirmed by asking again, as with Syn, which is asked each time.
    middleware = P0fWSGIMiddleware(lambda *_: [], Known(), hold=hold, grace=0, claims=claims)
    environ: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "40000"}
    environ["HTTP_SEC_CH_UA_PLATFORM"] = '"Linux"'
    setup_testing_defaults(environ)

    def call(user_agent: str) -> object:
        environ["HTTP_USER_AGENT"] = user_agent
        return middleware(environ, lambda *_: lambda _: None)

    return call


def new_user_agents(start: int) -> Iterable[str]:
    """Endless different ones, as long as a browser's."""
    return (f"{LINUX} {number}" for number in range(start, sys.maxsize))


def microseconds(call: Callable[[str], object], values: Iterable[str], calls: int) -> float:
    """The time of one call, once the values are there."""
    ready = list(islice(values, calls))
    began = time.perf_counter_ns()
    for value in ready:
        call(value)
    return (time.perf_counter_ns() - began) / calls / 1000


def added(hold: float, values: Callable[[int], Iterable[str]], calls: int) -> float:
    """What claims add to a request: the least over rounds, with and without in turns."""
    with_claims, without = request(hold, claims=True), request(hold, claims=False)
    best_with = best_without = float("inf")
    for number in range(ROUNDS):
        start = number * calls
        best_with = min(best_with, microseconds(with_claims, values(start), calls))
        best_without = min(best_without, microseconds(without, values(start), calls))
    return best_with - best_without


def costs(calls: int) -> dict[str, float]:
    """Microseconds that claims add to a request."""
    return {
        "remembered, held connection": added(3600, lambda _: repeat(LINUX), calls),
        "remembered, asked each time": added(0, lambda _: repeat(LINUX), calls),
        "remembered, mismatch": added(0, lambda _: repeat(WINDOWS), calls),
        "new User-Agent": added(0, new_user_agents, calls),
        "new User-Agent of 8 kB": added(
            0, lambda start: (agent.ljust(8192, "x") for agent in new_user_agents(start)), calls
        ),
    }


def megabytes(user_agents: int) -> float:
    """What is kept of that many different User-Agents of 8 kB, each on a connection of its own, all
    of them lies."""
    tracemalloc.start()
    try:
        for number in range(user_agents):
            info = P0fInfo(**FINGERPRINT, total_conn=number)  # type: ignore[arg-type]
            check_request(info, read_headers(f"{number} {WINDOWS}".ljust(8192, "x"), None))
        return tracemalloc.get_traced_memory()[0] / 1e6
    finally:
        tracemalloc.stop()


def main(arguments: list[str]) -> int:
    """Prints it; 1 if --check is given and a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.claims", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar was missed")
    parser.add_argument("--calls", type=int, default=20_000, help="in a round (%(default)s)")
    parser.add_argument("--user-agents", type=int, default=1_000_000, help="(%(default)s)")
    given = parser.parse_args(arguments)
    missed = False
    for name, cost in costs(given.calls).items():
        bar = BARS[name.replace(",", "").split()[0].lower()]
        missed |= cost > bar
        print(f"{name:<32}{cost:8.2f} us (bar: {bar:.0f})")
    print(f"memory of {given.user_agents:,} User-Agents{megabytes(given.user_agents):8.2f} MB")
    return int(given.check and missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
