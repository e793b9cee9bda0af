"""Whole requests: gunicorn and uvicorn under wrk, bare and with each source, in alternation, over
kept connections and with a connection for each request.

The server has a processor for itself, if there are two; wrk and p0f (which reads every packet that
wrk sends, in all cases) share another one. Where that one is busier than the server's, wrk's rate
tells little: so what counts is the processor time that the server spends on a request.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.servers import BIN, fetch, free_port, serve

from .figures import Bar, Round, against, ratio, spread, table
from .lookups import BEFORE, HERE, ROOT, progress, shuffled
from .subject import USER_AGENT

CONNECTIONS = 64
KINDS = {
    "bare": "",
    "p0f": "p0f_",
    "p0f, hold=0": "p0f_hold_0_",
    "Syn": "syn_",
    "Syn, hold=0": "syn_hold_0_",
}
"""The prefixes of the applications' names in `subject`."""
EACH = ", a connection each"
"""Stands behind the names of the kinds where wrk opens a connection for each request."""
CLOSED_KINDS = ("bare", "p0f", "Syn")
_UVICORN = "uvicorn --no-access-log --host 127.0.0.1 --port {port} subject:{app}asgi_app"
SERVERS = {
    "gunicorn, 8 threads": "gunicorn --worker-class gthread --threads 8 --keep-alive 60"
    " --bind 127.0.0.1:{port} subject:{app}wsgi_app",
    "uvicorn": f"{_UVICORN} --loop asyncio --http h11",
    "uvicorn, uvloop and httptools": f"{_UVICORN} --loop uvloop --http httptools",
}


class Load(NamedTuple):
    """What wrk saw of a server, and the processor time that the server needed for a request."""

    requests_per_second: float
    processor: float


Loads = Mapping[str, Sequence[Mapping[str, Load]]]
"""For each server its rounds, each with the load of every kind."""


def available() -> dict[str, str]:
    """The servers that can be measured here."""
    if shutil.which("wrk") is None:
        print("wrk is missing (apt-get install wrk): no web servers are measured", file=sys.stderr)
        return {}
    fast = all(map(importlib.util.find_spec, ("uvloop", "httptools")))
    return {name: command for name, command in SERVERS.items() if fast or "uvloop" not in name}


def measure(
    name: str, socket_path: str, folder: Path, rounds: int, seconds: int, other: Path | None = None
) -> list[dict[str, Load]]:
    """The loads of each kind, this checkout's and the other's, for each round."""
    results = []
    with contextlib.ExitStack() as stack:
        servers = {}
        for checkout, suffix in ((ROOT, ""), (other, BEFORE)):
            for kind, app in KINDS.items() if checkout is not None else ():
                server = _running(SERVERS[name], app, socket_path, folder, checkout or ROOT)
                servers[kind + suffix] = stack.enter_context(server)
        runs = {kind: (server, False) for kind, server in servers.items()}
        runs |= {
            kind + EACH + suffix: (servers[kind + suffix], True)
            for kind in CLOSED_KINDS
            for suffix in ("", BEFORE)
            if kind + suffix in servers
        }
        for _ in progress(range(rounds), f"{name}, rounds"):
            loads = {kind: press(*runs[kind][0], seconds, runs[kind][1]) for kind in shuffled(runs)}
            results.append({kind: loads[kind] for kind in runs})
    return results


@contextlib.contextmanager
def _running(
    command: str, app: str, socket_path: str, folder: Path, checkout: Path
) -> Iterator[tuple[int, int]]:
    """A server on the first processor, by its port and process ID."""
    port = free_port()
    place = folder / f"{port}"
    place.mkdir()
    words = command.format(port=port, app=app).split()
    environment = {"P0F_SOCKET": socket_path, "PYTHONPATH": f"{checkout}{os.pathsep}{HERE}"}
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
    every = sorted(os.sched_getaffinity(0))
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


def press(port: int, pid: int, seconds: int, each: bool = False) -> Load:
    """Have wrk send requests over `CONNECTIONS` connections, kept or closed after `each` request.

    They carry the headers of a browser, so that there is a claim to compare.
    """
    headers = [f"User-Agent: {USER_AGENT}", 'Sec-CH-UA-Platform: "Linux"']
    headers += ["Connection: close"] if each else []
    before = processor_time(pid)
    run = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
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

    Raises:
        ValueError: there were failed requests, or it is not wrk's output.
    """
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    requests = re.search(r"(\d+) requests in", output)
    if rate is None or requests is None or "Non-2xx" in output:
        raise ValueError(f"wrk says: {output}")
    return Load(float(rate[1]), processor_seconds / int(requests[1]))


def bars(loads: Loads) -> Iterable[Bar]:
    """That no kind needs more processor time than in the other checkout."""
    for server, rounds in loads.items():
        times = _processor(rounds)
        for bar in against(times, (kind for kind in times[0] if "bare" not in kind), BEFORE):
            yield bar._replace(what=f"{server}, {bar.what}")


def _processor(rounds: Sequence[Mapping[str, Load]]) -> list[Round]:
    return [{kind: load.processor for kind, load in one.items()} for one in rounds]


def page_table(loads: Loads) -> str:
    """The manual's: the bare rate, and the share of it that each source keeps."""
    head = ("64 connections of wrk", "requests/s, bare", "p0f", "Syn", "p0f, hold=0", "Syn, hold=0")
    rows = []
    for server, rounds in loads.items():
        rates = [{kind: one[kind].requests_per_second for kind in one} for one in rounds]
        for each in ("", EACH):
            bare = spread([one[f"bare{each}"] for one in rates]).median
            kinds = [f"{kind}{each}" for kind in head[2:]]
            shares = [
                f"{ratio(rates, kind, f'bare{each}').median:.0%}" if kind in rates[0] else ""
                for kind in kinds
            ]
            rows.append((f"{server}{each}", f"{bare:,.0f}", *shares))
    return table(head, rows)


def processor_table(loads: Loads) -> str:
    """Microseconds of processor time for a request, here and in the other checkout."""
    rows = []
    for server, rounds in loads.items():
        times = _processor(rounds)
        for kind in (kind for kind in times[0] if not kind.endswith(BEFORE)):
            here = spread([one[kind] * 1e6 for one in times]).median
            before = kind + BEFORE in times[0] and ratio(times, kind, kind + BEFORE)
            rows.append((f"{server}, {kind}", f"{here:.1f}", str(before or "")))
    return table(("processor time of a request", "us", "times the other checkout's (95 %)"), rows)
