"""An edge and an application on two machines, IPv6, VLAN tags: in network namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.shared.stores import SERVER, RealStore

from .edges import ROOT, Agent, cable, ended, environment, namespaces, proxy, run, servers

pytestmark = pytest.mark.needs("root", "ip", SERVER)
SENDERS = ["198.51.100.7", "2001:db8::7"]
CLIENT, EDGE, APP = (f"p0f-{os.getpid()}-{name}" for name in ("cl", "ed", "ap"))


def inside(namespace: str) -> list[str]:
    """What runs a command there."""
    return ["ip", "netns", "exec", namespace]


def fetch(host: str) -> Any:
    """Fetch a page from the client's machine, as soon as there is one."""
    patience = ("-m", "10", "--retry", "50", "--retry-all-errors", "--retry-delay", "1")
    return json.loads(run(*inside(CLIENT), "curl", "-s", *patience, f"http://{host}:8080/"))


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **(env or {})})
    try:
        yield
    finally:
        ended(process)


@pytest.fixture
def machines() -> Iterator[None]:
    """A client, an edge and an application's machine, cabled in a row."""
    with namespaces(CLIENT, EDGE, APP):
        cable(CLIENT, EDGE, 1)
        cable(EDGE, APP, 2)
        yield


@pytest.mark.needs("haproxy", "curl")
@pytest.mark.usefixtures("machines")
def test_an_application_on_another_machine_is_told_the_clients_syn(tmp_path: Path) -> None:
    store_url = "redis://10.9.2.2:6379/0"
    options = {"trusted_proxies": ["10.9.2.1"], "client_port_header": "X-Client-Port", "hold": 0}
    gunicorn, _ = servers("10.9.2.2:8000", 1)
    store = [SERVER, "--bind", "10.9.2.2", "--protected-mode", "no", "--save", "", "--dir",
             str(tmp_path)]  # fmt: skip
    edge = proxy("haproxy", tmp_path, "10.9.1.2:8080,[fd09:1::2]:8080", "10.9.2.2:8000")
    agent = ("--interface", "any", "--port", "8080", "--store", store_url)
    with (
        running([*inside(APP), *store]),
        running([*inside(APP), *gunicorn], environment(store_url, **options)),
        running([*inside(EDGE), *edge]),
        Agent(tmp_path, *agent, runner=inside(EDGE)),
    ):
        fetch("10.9.1.2")
        infos = [fetch(host)["info"] for host in ("10.9.1.2", "[fd09:1::2]")]

    told = [info and (info["source"], info["raw_sig"][0], info["link_mtu"]) for info in infos]
    assert told == [("syn", "4", 1500), ("syn", "6", 1500)]


@pytest.mark.usefixtures("machines")
def test_syns_with_a_vlan_tag_and_without_are_seen(tmp_path: Path) -> None:
    script = tmp_path / "send.py"
    script.write_text(_SEND)
    run(*inside(EDGE), "ip", "link", "set", "lo", "up")
    # the agent taps the edge's interface and writes to a store of this machine, by its Unix socket
    with RealStore(tmp_path) as store:
        options = ("--interface", f"to{CLIENT[-6:]}", "--port", "443", "--store", store.unix_url)
        with Agent(tmp_path, *options, runner=inside(EDGE)) as agent:
            to = run(*inside(EDGE), "cat", f"/sys/class/net/to{CLIENT[-6:]}/address")
            run(*inside(CLIENT), sys.executable, str(script), f"to{EDGE[-6:]}", to.strip())
            agent.counts_once("4 SYNs seen, 4 written")
        with redis.Redis(port=store.port) as client:
            keys = [f"p0f:{{{address}}}:{port}" for address in SENDERS for port in (1024, 1025)]
            sizes = [client.strlen(key) for key in keys]

    assert sizes == [60, 60, 80, 80]


def test_an_interface_that_is_made_again_ends_the_edge(tmp_path: Path) -> None:
    again = ["add p0f0 type veth peer name p0f1", "set p0f0 up"]
    with namespaces(EDGE):
        for words in again:
            run("ip", "-n", EDGE, "link", *words.split())
        options = ("--interface", "p0f0", "--port", "443", "--store", "redis://127.0.0.1:1/0")
        with Agent(tmp_path, *options, runner=inside(EDGE)) as agent:
            for words in ("del p0f0", *again):
                run("ip", "-n", EDGE, "link", *words.split())
            agent.wait_for("p0f-middleware: the")  # "... interface p0f0 was", or "there is no ..."


_SEND = f"""
import socket, struct, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.shared.syns import syn
interface, to = sys.argv[1:]
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
    sock.bind((interface, 0))
    for address, kind in zip({SENDERS}, (b"\\x08\\x00", b"\\x86\\xdd")):
        for port, tag in ((1024, b""), (1025, b"\\x81\\x00\\x00\\x07")):
            frame = tag + kind + syn(address, port) + b"data of TCP Fast Open"
            sock.send(bytes.fromhex(to.replace(":", "")) + b"\\x02" * 6 + frame)
"""
