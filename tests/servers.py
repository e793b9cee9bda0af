"""Starts web servers as a user would, from the command line, and fetches pages from them."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

BIN = Path(sys.executable).parent


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that is free now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as sock:
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def serve(
    command: list[str], port: int, *, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server's command line until it listens on `port`; end it as Ctrl-C does afterwards.

    The server's output is in `cwd`/server.log.
    """
    with (cwd / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(process, port, cwd / "server.log")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until something listens, without connecting: p0f would see that."""
    deadline = time.monotonic() + 30
    while not _is_listening(port):
        assert process.poll() is None, f"the server ended: {log.read_text()}"
        assert time.monotonic() < deadline, f"the server does not listen: {log.read_text()}"
        time.sleep(0.02)


def _is_listening(port: int) -> bool:
    """Whether a TCP socket listens on the port (Linux: state 0A in /proc/net/tcp)."""
    return any(
        fields[1].endswith(f":{port:04X}") and fields[3] == "0A"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
    )


def fetch(
    port: int,
    path: str = "/",
    *,
    host: str = "127.0.0.1",
    source: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """GET a page over a new connection; returns status and body.

    Args:
        source: the loopback address to come from.
    """
    connection = http.client.HTTPConnection(
        host, port, timeout=10, source_address=(source, 0) if source else None
    )
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
