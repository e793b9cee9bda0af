"""`p0f-middleware demo` as a user types it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware._commands.demo_app import WINDOWS
from tests.servers import BIN, fetch, free_port

from ..needs import unavailable
from .daemon import P0F, RealP0f

DEMO = [str(BIN / "p0f-middleware"), "demo"]
OWN_P0F = [*DEMO, "--source", "p0f"]


class Demo:
    """The demo's process. Its temporary files are in `folder`, by way of TMPDIR."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        environ = {name: value for name, value in os.environ.items() if name != "P0F_SOCKET"}
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            env=environ | {"TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.says = self.process.stdout.readline()
        """Where its fingerprints come from."""
        self.invites = self.process.stdout.readline()

    def children(self) -> list[str]:
        pid = self.process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@contextlib.contextmanager
def running(folder: Path, *command: str) -> Iterator[Demo]:
    demo = Demo([*command], folder)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.stop(signal.SIGTERM)
        assert demo.process.stdout is not None
        demo.process.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.fixture
def demo(folder: Path) -> Iterator[Demo]:
    """A demo with a p0f of its own."""
    with running(folder, *OWN_P0F) as demo:
        if "own" not in demo.says:
            unavailable(demo.says)
        yield demo


def test_it_shows_the_system_on_the_first_request(demo: Demo) -> None:
    assert f"http://127.0.0.1:{demo.port}/" in demo.invites
    status, page = fetch(demo.port)
    assert status == 200
    assert "<h1>Linux</h1>" in page


def test_without_p0f_and_privileges_it_reads_the_connections_own_syn(folder: Path) -> None:
    with running(folder, *DEMO) as demo:
        page = fetch(demo.port)[1]
        assert demo.children() == []
        answer = json.loads(fetch(demo.port, "/json")[1])
    assert "without p0f" in demo.says
    assert "<h1>Linux</h1>" in page
    assert "<dt>Raw signature</dt>" in page
    assert (answer["sample"], answer["info"]["source"]) == (False, "syn")


def test_a_user_agent_that_lies_is_seen(folder: Path) -> None:
    with running(folder, *DEMO) as demo:
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


def test_it_shows_how_often_which_families_sent_such_a_syn(folder: Path) -> None:
    with running(folder, *DEMO) as demo:
        page = fetch_over_ethernet(demo.port, "/")
        info = json.loads(fetch_over_ethernet(demo.port, "/json"))["info"]
    assert info["seen_as"], info["signature"]
    for family, count in info["seen_as"].items():
        assert f"<span>{family}</span>" in page
        assert f"<em>{count}</em>" in page


def test_it_tells_the_same_as_json(demo: Demo) -> None:
    answer = json.loads(fetch(demo.port, "/json")[1])
    assert (answer["sample"], answer["status"]) == (False, "ok")
    assert answer["info"]["os_name"] == "Linux"


def test_its_p0f_watches_no_other_port(demo: Demo) -> None:
    (child,) = demo.children()
    assert f"tcp port {demo.port}" in Path(f"/proc/{child}/cmdline").read_text().split("\0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_no_process_and_no_file_behind(demo: Demo, number: int) -> None:
    fetch(demo.port)
    (child,) = demo.children()
    assert list(demo.folder.iterdir())
    assert demo.stop(number) == 0
    assert not Path(f"/proc/{child}").exists()
    assert not list(demo.folder.iterdir())


def test_ctrl_c_over_and_over_interrupts_no_tidying_up(demo: Demo) -> None:
    (child,) = demo.children()
    while demo.process.poll() is None:
        demo.process.send_signal(signal.SIGINT)
    assert demo.process.returncode == 0
    assert not Path(f"/proc/{child}").exists()
    assert not list(demo.folder.iterdir())


def test_its_p0f_starts_under_a_long_tmpdir(folder: Path) -> None:
    long = folder / ("x" * (106 - len(str(folder))))
    long.mkdir()
    with running(long, *OWN_P0F) as demo:
        if "own" not in demo.says:
            unavailable(demo.says)
        assert "<h1>Linux</h1>" in fetch(demo.port)[1]
        assert demo.stop() == 0
    assert not list(Path("/tmp").glob("p0f-demo-*"))


def test_it_does_not_log_requests_nor_its_end(demo: Demo) -> None:
    fetch(demo.port)
    demo.stop()
    assert demo.process.stdout is not None
    assert demo.process.stdout.read() == ""


def test_it_asks_the_p0f_it_is_given(folder: Path, real_p0f: RealP0f) -> None:
    with running(folder, *DEMO, "--socket", real_p0f.socket_path) as demo:
        assert real_p0f.socket_path in demo.says
        assert "<h1>Linux</h1>" in fetch(demo.port)[1]
        assert demo.children() == []


def test_the_page_says_that_p0f_has_ended(folder: Path, real_p0f: RealP0f) -> None:
    with running(folder, *DEMO, "--socket", real_p0f.socket_path) as demo:
        real_p0f.kill()
        assert f"listens on {real_p0f.socket_path}" in fetch(demo.port)[1]


def assert_sample(demo: Demo, reason: str) -> None:
    assert "a sample" in demo.says
    assert reason in demo.says
    page = fetch(demo.port)[1]
    assert "This is a sample, not you." in page
    assert reason in page
    assert demo.stop() == 0
    assert not list(demo.folder.iterdir())


def test_without_p0f_it_shows_a_sample(folder: Path) -> None:
    command = OWN_P0F
    if P0F is not None:
        if shutil.which("unshare") is None or os.geteuid() != 0:
            unavailable("only root can hide an installed p0f")
        hide = f'mount --bind /dev/null {P0F} && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", hide, "-", *OWN_P0F]
    with running(folder, *command) as demo:
        assert_sample(demo, "apt-get install p0f")


def test_where_p0f_may_not_capture_it_shows_a_sample(folder: Path) -> None:
    if P0F is None or shutil.which("setpriv") is None or os.geteuid() != 0:
        unavailable("only root can give up the capability to capture")
    with running(folder, "setpriv", "--bounding-set=-net_raw", *OWN_P0F) as demo:
        assert_sample(demo, "run this as root")
