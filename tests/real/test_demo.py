"""`p0f-middleware demo` as a user types it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from p0f_middleware._commands.demo import WINDOWS
from tests.servers import BIN, exchange, fetch, free_port

from .daemon import RealP0f


class Demo(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    says: str
    """Where its fingerprints come from."""
    invites: str


@contextlib.contextmanager
def running(*options: str) -> Iterator[Demo]:
    port = free_port()
    command = [str(BIN / "p0f-middleware"), "demo", *options, "--port", str(port)]
    environ = {name: value for name, value in os.environ.items() if name != "P0F_SOCKET"}
    pipe, same = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, env=environ, text=True, stdout=pipe, stderr=same) as process:
        assert process.stdout is not None
        try:
            yield Demo(process, port, process.stdout.readline(), process.stdout.readline())
        finally:
            process.terminate()


def fetch_over_ethernet(port: int, path: str) -> str:
    """Fetch a page with the SYN that Linux sends over Ethernet, not that of the loopback."""
    with socket.socket() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", port))
        return exchange(sock, path).body.decode()


def test_it_shows_the_system_and_whether_it_is_the_browsers_on_the_first_request() -> None:
    with running() as demo:
        page = fetch(demo.port, headers={"User-Agent": WINDOWS})[1]
        honest = fetch(demo.port, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"})[1]
        pretended = fetch(demo.port, "/lie")[1]
        seen = fetch_over_ethernet(demo.port, "/")
        answer = json.loads(fetch_over_ethernet(demo.port, "/json"))
    assert "without p0f" in demo.says
    assert f"http://127.0.0.1:{demo.port}/" in demo.invites
    assert "<h1>Linux</h1>" in page
    assert "<dt>Raw signature</dt>" in page
    assert "They disagree." in page
    assert "They agree." in honest
    assert "They disagree." in pretended
    assert (answer["status"], answer["info"]["source"]) == ("ok", "syn")
    assert answer["info"]["seen_as"], answer
    for family, count in answer["info"]["seen_as"].items():
        assert f"<span>{family}</span>" in seen
        assert f"<em>{count}</em>" in seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    with running() as demo:
        fetch(demo.port)
        demo.process.send_signal(number)
        assert demo.process.wait(15) == 0
        assert demo.process.stdout is not None
        assert demo.process.stdout.read() == "", "it logs requests, or its end"


def test_ctrl_c_over_and_over_interrupts_no_tidying_up() -> None:
    with running() as demo:
        while demo.process.poll() is None:
            demo.process.send_signal(signal.SIGINT)
    assert demo.process.returncode == 0


def test_it_asks_the_p0f_it_is_given_and_says_when_it_has_ended(real_p0f: RealP0f) -> None:
    with running("--source", real_p0f.socket_path) as demo:
        assert real_p0f.socket_path in demo.says
        assert "<h1>Linux</h1>" in fetch(demo.port)[1]
        real_p0f.kill()
        assert f"listens on {real_p0f.socket_path}" in fetch(demo.port)[1]
