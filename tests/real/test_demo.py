"""`p0f-middleware demo` as a user types it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from p0f_middleware._commands.demo import WINDOWS
from tests.servers import BIN, fetch, free_port

from .daemon import RealP0f


class Demo(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    says: str
    """Where its fingerprints come from."""
    invites: str

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


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


@pytest.fixture
def demo() -> Iterator[Demo]:
    with running() as demo:
        yield demo


def test_it_shows_the_system_on_the_first_request(demo: Demo) -> None:
    assert "without p0f" in demo.says
    assert f"http://127.0.0.1:{demo.port}/" in demo.invites
    status, page = fetch(demo.port)
    answer = json.loads(fetch(demo.port, "/json")[1])
    assert status == 200
    assert "<h1>Linux</h1>" in page
    assert "<dt>Raw signature</dt>" in page
    assert (answer["status"], answer["info"]["source"]) == ("ok", "syn")


def test_a_user_agent_that_lies_is_seen(demo: Demo) -> None:
    page = fetch(demo.port, headers={"User-Agent": WINDOWS})[1]
    honest = fetch(demo.port, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"})[1]
    pretended = fetch(demo.port, "/lie")[1]
    assert "They disagree." in page
    assert "They agree." in honest
    assert "They disagree." in pretended


def fetch_over_ethernet(port: int, path: str) -> str:
    """Fetch a page with the SYN that Linux sends over Ethernet, not that of the loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    with socket.socket() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", port))
        connection.sock = sock
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def test_it_shows_how_often_which_families_sent_such_a_syn(demo: Demo) -> None:
    page = fetch_over_ethernet(demo.port, "/")
    info = json.loads(fetch_over_ethernet(demo.port, "/json"))["info"]
    assert info["seen_as"], info["signature"]
    for family, count in info["seen_as"].items():
        assert f"<span>{family}</span>" in page
        assert f"<em>{count}</em>" in page


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(demo: Demo, number: signal.Signals) -> None:
    fetch(demo.port)
    assert demo.stop(number) == 0
    assert demo.process.stdout is not None
    assert demo.process.stdout.read() == "", "it logs requests, or its end"


def test_ctrl_c_over_and_over_interrupts_no_tidying_up(demo: Demo) -> None:
    while demo.process.poll() is None:
        demo.process.send_signal(signal.SIGINT)
    assert demo.process.returncode == 0


def test_it_asks_the_p0f_it_is_given_and_says_when_it_has_ended(real_p0f: RealP0f) -> None:
    with running("--source", real_p0f.socket_path) as demo:
        assert real_p0f.socket_path in demo.says
        assert "<h1>Linux</h1>" in fetch(demo.port)[1]
        real_p0f.kill()
        assert f"listens on {real_p0f.socket_path}" in fetch(demo.port)[1]
