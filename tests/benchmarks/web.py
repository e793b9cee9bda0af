"""Whole requests: gunicorn and uvicorn under wrk, bare, wrapped, and with a cache, in alternation.

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
KINDS = {"bare": "", "wrapped": "wrapped_", "wrapped, cached": "cached_"}
"""The prefixes of the applications' names in `apps`."""
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
    """The loads of each of `KINDS`, for each round."""
    results = []
    with contextlib.ExitStack() as stack:
        ports = {
            kind: stack.enter_context(_running(command, app, socket_path, folder))
            for kind, app in KINDS.items()
        }
        for number in progress(range(rounds), f"{name}, rounds"):
            order = list(ports.items())[:: 1 if number % 2 else -1]
            loads = {kind: press(port, seconds) for kind, port in order}
            results.append({kind: loads[kind] for kind in KINDS})
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


def press(port: int, seconds: int) -> Load:
    """Have wrk send requests over `CONNECTIONS` kept connections."""
    run = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
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
