"""Whole requests: gunicorn and uvicorn under wrk, bare and with each source, in alternation, over
kept connections and with a connection for each request.

wrk, the server and p0f (which reads every packet that wrk sends, in all cases) share the machine's
cores, so these ratios are worse than those of a server whose clients are elsewhere.
"""

from __future__ import annotations

import contextlib
import importlib.util
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
        ports = {
            kind: stack.enter_context(_running(command, app, socket_path, folder))
            for kind, app in KINDS.items()
        }
        for number in progress(range(rounds), f"{name}, rounds"):
            order = list(ports.items())[:: 1 if number % 2 else -1]
            loads = {kind: press(port, seconds) for kind, port in order}
            loads |= {
                kind + CLOSING: press(port, seconds, close=True)
                for kind, port in order
                if kind in CLOSED_KINDS
            }
            results.append({kind: loads[kind] for kind in all_kinds()})
    return results


@contextlib.contextmanager
def _running(command: list[str], app: str, socket_path: str, folder: Path) -> Iterator[int]:
    port = free_port()
    place = folder / f"{port}"
    place.mkdir()
    words = [word.format(port=port, app=app) for word in command]
    environment = {"P0F_SOCKET": socket_path, "PYTHONPATH": str(ROOT)}
    with serve([str(BIN / words[0]), *words[1:]], port, cwd=place, env=environment):
        fetch(port)
        yield port


def press(port: int, seconds: int, *, close: bool = False) -> Load:
    """Have wrk send requests over `CONNECTIONS` connections, kept or `close`d after each request.

    They carry the headers of a browser, so that there is a claim to compare.
    """
    headers = [f"User-Agent: {USER_AGENT}", 'Sec-CH-UA-Platform: "Linux"']
    headers += ["Connection: close"] if close else []
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
    return read_wrk(run.stdout)


def read_wrk(output: str) -> Load:
    """The figures in what wrk prints.

    Raises:
        ValueError: there were failed requests, or it is not wrk's output.
    """
    found = {
        name: re.search(pattern, output)
        for name, pattern in (
            ("rate", r"Requests/sec:\s+([\d.]+)"),
            ("p50", r"50%\s+([\d.]+)(us|ms|s)"),
            ("p99", r"99%\s+([\d.]+)(us|ms|s)"),
        )
    }
    rate, p50, p99 = found.values()
    if rate is None or p50 is None or p99 is None or "Non-2xx" in output:
        raise ValueError(f"wrk says: {output}")
    return Load(float(rate[1]), _seconds(p50), _seconds(p99))


def _seconds(match: re.Match[str]) -> float:
    return float(match[1]) / {"us": 1e6, "ms": 1e3, "s": 1.0}[match[2]]
