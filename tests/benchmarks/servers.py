"""Whole requests: gunicorn and uvicorn under wrk, bare and with each source, in alternation, over
kept connections and with a connection for each request.

The server has a processor for itself, if there are two; wrk and p0f (which reads every packet that
wrk sends, in all cases) share another one. Where that one is busier than the server's, wrk's rate
tells little: so what counts is the processor time that the server spends on a request.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.servers import BIN, fetch, free_port, serve

from .figures import BEFORE, Bar, Round, against, ratio, spread, table
from .lookups import HERE, checkouts, shuffled
from .subject import USER_AGENT

CONNECTIONS = 64
APPS = {
    "bare": "",
    "p0f": "p0f_",
    "p0f, hold=0": "p0f_hold_0_",
    "Syn": "syn_",
    "Syn, hold=0": "syn_hold_0_",
}
"""The prefixes of the applications' names in `subject`."""
EACH = ", a connection each"  # stands behind the kinds where wrk opens one for each request
KINDS = [*APPS, *(f"{kind}{EACH}" for kind in ("bare", "p0f", "Syn"))]
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


def available() -> list[str]:
    """The servers that can be measured here."""
    if shutil.which("wrk") is None:
        print("wrk is missing (apt-get install wrk): no web servers are measured", file=sys.stderr)
        return []
    return [*SERVERS]


def measure(
    name: str,
    socket_path: str,
    folder: Path,
    processor: int,
    rounds: int,
    seconds: int,
    other: Path | None = None,
) -> list[dict[str, Load]]:
    """The load of each kind, in this checkout and in the other, for each round."""
    with contextlib.ExitStack() as stack:
        servers = {}
        for checkout, suffix in checkouts(other):
            path = f"{checkout}{os.pathsep}{HERE}"
            environment = {"P0F_SOCKET": socket_path, "PYTHONPATH": path}
            for kind, app in APPS.items():
                server = _running(SERVERS[name], app, folder, processor, environment)
                servers[kind + suffix] = stack.enter_context(server)
        kinds = [kind + suffix for kind in KINDS for _, suffix in checkouts(other)]
        return [
            {
                kind: press(*servers[kind.replace(EACH, "")], seconds, close=EACH in kind)
                for kind in shuffled(kinds)
            }
            for _ in range(rounds)
        ]


@contextlib.contextmanager
def _running(
    command: str, app: str, folder: Path, processor: int, environment: Mapping[str, str]
) -> Iterator[tuple[int, int]]:
    """A server on a processor, by its port and process ID."""
    port = free_port()
    place = folder / f"{port}"
    place.mkdir()
    program, *arguments = command.format(port=port, app=app).split()
    words = ["taskset", "--cpu-list", str(processor), str(BIN / program), *arguments]
    with serve(words, port, cwd=place, env=environment) as process:
        fetch(port)
        yield port, process.pid


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process and its children have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            fields = stat.read_text().rpartition(")")[2].split()
            if pid in (int(stat.parent.name), int(fields[1])):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def press(port: int, pid: int, seconds: int, *, close: bool) -> Load:
    """Have wrk send requests over `CONNECTIONS` connections, kept or closed after each request.

    They carry the headers of a browser, so that there is a claim to compare.
    """
    headers = [f"User-Agent: {USER_AGENT}", 'Sec-CH-UA-Platform: "Linux"']
    headers += ["Connection: close"] if close else []
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS)]
    command += [word for header in headers for word in ("--header", header)]
    command += ["--duration", f"{seconds}s", f"http://127.0.0.1:{port}/"]
    before = processor_time(pid)
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return read_wrk(run.stdout, processor_time(pid) - before)


def read_wrk(output: str, processor_seconds: float) -> Load:
    """The figures in what wrk prints; ValueError if there were failed requests."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    requests = re.search(r"(\d+) requests in", output)
    if rate is None or requests is None or "Non-2xx" in output:
        raise ValueError(f"wrk says: {output}")
    return Load(float(rate[1]), processor_seconds / int(requests[1]))


def bars(loads: Loads) -> Iterable[Bar]:
    """That no kind needs more processor time than in the other checkout."""
    for server, rounds in loads.items():
        for bar in against(_processor(rounds), (kind for kind in KINDS if "bare" not in kind)):
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
            shares = [
                f"{ratio(rates, kind + each, f'bare{each}').median:.0%}"
                if kind + each in KINDS
                else ""
                for kind in head[2:]
            ]
            rows.append((f"{server}{each}", f"{bare:,.0f}", *shares))
    return table(head, rows)


def processor_table(loads: Loads) -> str:
    """Microseconds of processor time for a request, here and in the other checkout."""
    rows = []
    for server, rounds in loads.items():
        times = _processor(rounds)
        for kind in KINDS:
            here = spread([one[kind] * 1e6 for one in times]).median
            before = str(ratio(times, kind, kind + BEFORE)) if kind + BEFORE in times[0] else ""
            rows.append((f"{server}, {kind}", f"{here:.1f}", before))
    return table(("processor time of a request", "us", "times the other checkout's (95 %)"), rows)
