"""Whole requests: gunicorn and uvicorn under wrk, bare and with each source, in alternation, over
kept connections and with a connection for each request.

The server has a processor for itself, if there are two; wrk and p0f (which reads every packet that
wrk sends, in all cases) share another one. Where that one is busier than the server's, wrk's rate
tells little: the processor time that the server spends on a request is measured as well.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers import BIN, fetch, free_port, serve

from .rounds import progress

CONNECTIONS = 64
USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
    " Safari/537.36"
)
KINDS = {
    "bare": "",
    "p0f": "p0f_",
    "p0f, hold=0": "p0f_hold_0_",
    "p0f, claims=False": "p0f_no_claims_",
    "Syn": "syn_",
    "Syn, hold=0": "syn_hold_0_",
    "Syn, claims=False": "syn_no_claims_",
}
"""The prefixes of the applications' names in `apps`."""
CLOSING = ", a connection each"
"""Stands behind the names of the kinds where wrk opens a connection for each request."""
CLOSED_KINDS = ("bare", "p0f", "Syn")
ROOT = Path(__file__).parents[2]
SERVERS = {
    "gunicorn gthread": [
        *("gunicorn", "--worker-class", "gthread", "--threads", "8", "--bind", "127.0.0.1:{port}"),
        *("--keep-alive", "60", "tests.benchmarks.apps:{app}wsgi_app"),
    ],
    "uvicorn": [
        *("uvicorn", "--loop", "asyncio", "--http", "h11", "--no-access-log"),
        *("--host", "127.0.0.1", "--port", "{port}", "tests.benchmarks.apps:{app}asgi_app"),
    ],
    "uvicorn, uvloop and httptools": [
        *("uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
        *("--host", "127.0.0.1", "--port", "{port}", "tests.benchmarks.apps:{app}asgi_app"),
    ],
}


def all_kinds() -> list[str]:
    """What is compared, in the order of the table."""
    return [*KINDS, *(kind + CLOSING for kind in CLOSED_KINDS)]


@dataclass(frozen=True)
class Load:
    """What wrk saw of a server."""

    requests_per_second: float
    p50: float
    """Seconds."""
    p99: float
    """Seconds."""
    processor: float
    """Seconds of processor time that the server needed for a request."""


def available() -> dict[str, list[str]]:
    """The servers that can be measured here."""
    if shutil.which("wrk") is None:
        print("wrk is missing (apt-get install wrk): no web servers are measured", file=sys.stderr)
        return {}
    fast = all(map(importlib.util.find_spec, ("uvloop", "httptools")))
    servers = {name: command for name, command in SERVERS.items() if fast or "uvloop" not in name}
    return {name: command for name, command in servers.items() if (BIN / command[0]).exists()}


def measure(
    name: str, command: list[str], socket_path: str, folder: Path, rounds: int, seconds: int
) -> list[dict[str, Load]]:
    """The loads of each of `all_kinds()`, for each round."""
    results = []
    with contextlib.ExitStack() as stack:
        servers = {
            kind: stack.enter_context(_running(command, app, socket_path, folder))
            for kind, app in KINDS.items()
        }
        for number in progress(range(rounds), f"{name}, rounds"):
            order = list(servers.items())[:: 1 if number % 2 else -1]
            loads = {kind: press(*server, seconds) for kind, server in order}
            loads |= {
                kind + CLOSING: press(*server, seconds, close=True)
                for kind, server in order
                if kind in CLOSED_KINDS
            }
            results.append({kind: loads[kind] for kind in all_kinds()})
    return results


@contextlib.contextmanager
def _running(
    command: list[str], app: str, socket_path: str, folder: Path
) -> Iterator[tuple[int, int]]:
    """A server on the first processor, by its port and process ID."""
    port = free_port()
    place = folder / f"{port}"
    place.mkdir()
    words = [word.format(port=port, app=app) for word in command]
    environment = {"P0F_SOCKET": socket_path, "PYTHONPATH": str(ROOT)}
    ours = os.sched_getaffinity(0)
    with contextlib.ExitStack() as stack:
        os.sched_setaffinity(0, {processors()[0]})  # which the server inherits
        try:
            server = serve([str(BIN / words[0]), *words[1:]], port, cwd=place, env=environment)
            process = stack.enter_context(server)
        finally:
            os.sched_setaffinity(0, ours)
        fetch(port)
        yield port, process.pid


def processors() -> tuple[int, int]:
    """Of this machine one for the servers, and another, if there is one, for their clients."""
    every = range(os.cpu_count() or 1)
    return every[0], every[-1]


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process and its children have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            fields = stat.read_text().rpartition(")")[2].split()
            if pid in (int(stat.parent.name), int(fields[1])):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def press(port: int, pid: int, seconds: int, *, close: bool = False) -> Load:
    """Have wrk send requests over `CONNECTIONS` connections, kept or `close`d after each request.

    They carry the headers of a browser, so that there is a claim to compare.

    Args:
        port, pid: the server's.
    """
    headers = [f"User-Agent: {USER_AGENT}", 'Sec-CH-UA-Platform: "Linux"']
    headers += ["Connection: close"] if close else []
    before = processor_time(pid)
    run = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
            *(word for header in headers for word in ("--header", header)),
            *("--duration", f"{seconds}s", f"http://127.0.0.1:{port}/"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return read_wrk(run.stdout, processor_time(pid) - before)


def read_wrk(output: str, processor_seconds: float) -> Load:
    """The figures in what wrk prints.

    Args:
        processor_seconds: the processor time of the server meanwhile.

    Raises:
        ValueError: there were failed requests, or it is not wrk's output.
    """
    found = {
        name: re.search(pattern, output)
        for name, pattern in (
            ("rate", r"Requests/sec:\s+([\d.]+)"),
            ("requests", r"(\d+) requests in"),
            ("p50", r"50%\s+([\d.]+)(us|ms|s)"),
            ("p99", r"99%\s+([\d.]+)(us|ms|s)"),
        )
    }
    rate, requests, p50, p99 = found.values()
    if not (rate and requests and p50 and p99) or "Non-2xx" in output:
        raise ValueError(f"wrk says: {output}")
    processor = processor_seconds / int(requests[1])
    return Load(float(rate[1]), _seconds(p50), _seconds(p99), processor)


def _seconds(match: re.Match[str]) -> float:
    return float(match[1]) / {"us": 1e6, "ms": 1e3, "s": 1.0}[match[2]]
