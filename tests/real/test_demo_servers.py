"""What a visitor sees of a User-Agent that lies, through web servers, TLS and HTTP/2.

The demo's page runs behind each server with `Syn`, so it compares the User-Agent with the SYN of
the visitor's own connection. These visitors run Linux.
"""

from __future__ import annotations

import importlib.util
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trustme

from p0f_middleware._commands.demo_app import MACOS, WINDOWS
from tests.servers import BIN, Place, free_port, serve_all

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

ROOT = Path(__file__).parents[2]
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WSGI, ASGI = "tests.real.demo_site:wsgi", "tests.real.demo_site:asgi"


class Server(NamedTuple):
    """A command line with {port} and {cert}, and what a visitor speaks with it."""

    command: str
    scheme: str
    http_version: str


SERVERS = {
    "gunicorn": Server(f"gunicorn -b 127.0.0.1:{{port}} {WSGI}", "http", "HTTP/1.1"),
    "uvicorn": Server(
        f"uvicorn --port {{port}} --ssl-certfile {{cert}} --ssl-keyfile {{cert}} {ASGI}",
        "https",
        "HTTP/1.1",
    ),
    "hypercorn": Server(
        f"hypercorn -b 127.0.0.1:{{port}} --certfile {{cert}} --keyfile {{cert}} {ASGI}",
        "https",
        "HTTP/2",
    ),
}


class Sites(NamedTuple):
    """The servers' ports by name, and the certificate authority that visitors trust."""

    ports: dict[str, int]
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder = tmp_path_factory.mktemp("sites")
    authority, cert = trustme.CA(), folder / "cert.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        cert
    )
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    ports = {name: free_port() for name in SERVERS if importlib.util.find_spec(name)}
    commands: dict[Place, list[str]] = {}
    for name, port in ports.items():
        program, *arguments = SERVERS[name].command.format(port=port, cert=cert).split()
        commands[port] = [str(BIN / program), *arguments]
    with serve_all(commands, cwd=folder, env={"PYTHONPATH": str(ROOT)}):
        for name, port in ports.items():
            wait_until_syns_are_kept(f"{SERVERS[name].scheme}://127.0.0.1:{port}/json", trust)
        yield Sites(ports, trust)


def wait_until_syns_are_kept(url: str, trust: ssl.SSLContext) -> None:
    """A server that was just started may get connections before it keeps their SYNs."""
    deadline = time.monotonic() + 20
    while httpx.get(url, verify=trust, trust_env=False, timeout=20).json()["status"] != "ok":
        assert time.monotonic() < deadline, f"{url} keeps no SYNs"


@pytest.fixture(params=SERVERS)
def visitor(request: pytest.FixtureRequest, sites: Sites) -> Iterator[httpx.Client]:
    """A visitor's browser, with a connection of its own to one of the servers."""
    if request.param not in sites.ports:
        pytest.skip(f"{request.param} is not installed")
    server = SERVERS[request.param]
    with httpx.Client(
        base_url=f"{server.scheme}://127.0.0.1:{sites.ports[request.param]}",
        http2=server.http_version == "HTTP/2",
        verify=sites.trust,
        trust_env=False,
        timeout=20,
    ) as client:
        reply = client.get("/json", headers={"User-Agent": LINUX})
        assert (reply.status_code, reply.http_version) == (200, server.http_version)
        assert reply.json()["status"] == "ok", reply.text
        yield client


@pytest.mark.parametrize(("lie", "claimed"), [(WINDOWS, "Windows"), (MACOS, "Apple")])
def test_a_lying_user_agent_is_seen_on_the_page(
    visitor: httpx.Client, lie: str, claimed: str
) -> None:
    page = visitor.get("/", headers={"User-Agent": lie}).text
    assert "They disagree." in page
    assert f"The User-Agent says {claimed}" in page
    claim = visitor.get("/json", headers={"User-Agent": lie}).json()["claim"]
    assert (claim["verdict"], claim["claimed"], claim["seen"]) == ("mismatch", claimed, "Linux")


def test_an_honest_user_agent_agrees(visitor: httpx.Client) -> None:
    assert "They agree." in visitor.get("/", headers={"User-Agent": LINUX}).text
    claim = visitor.get("/json", headers={"User-Agent": LINUX}).json()["claim"]
    assert claim["verdict"] == "agree"


def test_an_honest_visitor_sees_what_a_lie_would_get(visitor: httpx.Client) -> None:
    page = visitor.get("/lie", headers={"User-Agent": LINUX}).text
    assert "Your browser did not send this User-Agent." in page
    assert "They disagree." in page
    assert f"{visitor.base_url}/json" in page.replace("//json", "/json")


def test_headers_that_contradict_each_other_are_seen_on_the_page(visitor: httpx.Client) -> None:
    headers = {"User-Agent": LINUX, "Sec-CH-UA-Platform": '"Windows"'}
    assert "The browser contradicts itself." in visitor.get("/", headers=headers).text
