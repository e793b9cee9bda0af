"""Every server as a user starts it, with the real p0f: who the client is, and what it runs.

What is recorded here becomes the table in docs/maintaining.md.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
from websockets.sync.client import connect

from tests.matrix import SERVERS, Server
from tests.servers import Place, exchange, free_port, serve_all

from ..needs import unavailable
from .daemon import RealP0f

ROOT = Path(__file__).parents[2]
Record: TypeAlias = Callable[[str, str], None]


class Site(NamedTuple):
    """A server that listens in three places; `unix` is None if it cannot."""

    server: Server
    ipv4: int
    every_address: int
    unix: str | None


@pytest.fixture(scope="module")
def p0f(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealP0f]:
    daemon = RealP0f(tmp_path_factory.mktemp("p0f"))
    try:
        yield daemon.start()
    finally:
        daemon.kill()


@pytest.fixture(scope="module", params=SERVERS, ids=[server.name for server in SERVERS])
def site(
    request: pytest.FixtureRequest, p0f: RealP0f, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    server: Server = request.param
    try:
        server.version  # noqa: B018
    except importlib.metadata.PackageNotFoundError:
        unavailable(f"{server.package} is not installed")
    folder = tmp_path_factory.mktemp("server")
    ipv4, every_address = free_port(), free_port("::")
    commands: dict[Place, list[str]] = {
        ipv4: server.command_line(server.options.ipv4, ipv4),
        every_address: server.command_line(server.options.every_address, every_address),
    }
    unix = str(folder / "http.sock") if server.unix else None
    if unix:
        commands[unix] = server.command_line(server.options.unix, unix)
    options = {"timeout": 5, "grace": 5, "trusted_proxies": ["unix:"]}
    env = {
        "P0F_TEST_SOURCE": p0f.socket_path,
        "P0F_TEST_MIDDLEWARE": json.dumps(options),
        "PYTHONPATH": str(ROOT),
    }
    with serve_all(commands, cwd=folder, env=env):
        yield Site(server, ipv4, every_address, unix)


_hosts = itertools.count(2)


@pytest.fixture
def stranger() -> str:
    """A loopback address that p0f has not seen."""
    return f"127.9.{next(_hosts) // 250}.{next(_hosts) % 250 + 1}"


def told(place: Place, path: str = "/", **options: Any) -> dict[str, Any]:
    """What the application knows of its client: the server's word, the status, the system."""
    response = exchange(place, path, **options)
    assert response.status == 200, response.body
    return in_short(response.body)


def in_short(answer: str | bytes) -> dict[str, Any]:
    found = json.loads(answer)
    system = found["info"] and found["info"]["os_name"]
    return {"peer": found["peer"], "status": found["status"], "os_name": system}


def linux_at(peer: str | None) -> dict[str, Any]:
    return {"peer": peer, "status": "ok", "os_name": "Linux"}


def test_first_request_over_ipv4(site: Site, stranger: str, record_property: Record) -> None:
    assert told(site.ipv4, source=stranger) == linux_at(stranger)
    record_property("IPv4", "yes")


def test_ipv6(site: Site, record_property: Record) -> None:
    assert told(site.every_address, host="::1") == linux_at("::1")
    record_property("IPv6", "yes")


def test_ipv4_client_of_a_socket_for_all_addresses(
    site: Site, stranger: str, record_property: Record
) -> None:
    if site.server.mapped is None:
        with pytest.raises(ConnectionRefusedError):
            told(site.every_address, source=stranger)
        record_property("IPv4 over `[::]`", "listens for IPv6 only")
        return
    mapped = site.server.mapped.replace("127.0.0.1", stranger)
    assert told(site.every_address, source=stranger) == linux_at(mapped)
    record_property("IPv4 over `[::]`", f"yes, as `{site.server.mapped}`")


def test_unix_socket_has_no_address(site: Site, record_property: Record) -> None:
    if site.unix is None:
        record_property("Unix socket", "none")
        return
    found = told(site.unix)
    assert found == {"peer": site.server.unix_peer, "status": "no_address", "os_name": None}
    record_property("Unix socket", "`no_address`")


def test_trusted_proxy_behind_a_unix_socket_names_the_client(
    site: Site, p0f: RealP0f, stranger: str, record_property: Record
) -> None:
    if site.unix is None:
        record_property("proxy on it", "none")
        return
    p0f.introduce(stranger)
    found = told(site.unix, headers={"X-Forwarded-For": f"192.0.2.1, {stranger}"})
    assert (found["status"], found["os_name"]) == ("ok", "Linux")
    option = site.server.needs_for_proxy
    record_property("proxy on it", f"yes, with `{option}`" if option else "yes")


def test_response_is_the_applications_own(site: Site, record_property: Record) -> None:
    def pages(path: str) -> list[tuple[int, list[tuple[str, str]], bytes]]:
        get = exchange(site.ipv4, path)
        post = exchange(site.ipv4, path, method="POST", body=b"field=value")
        return [
            (status, [(name, value) for name, value in headers if name.lower() != "date"], body)
            for status, headers, body in (get, post)
        ]

    bare = pages("/bare/page")
    assert [status for status, _, _ in bare] == [409, 409]
    assert pages("/page") == bare
    record_property("response untouched", "yes")


def test_websocket(site: Site, stranger: str, record_property: Record) -> None:
    if "websocket" not in site.server.protocols:
        record_property("websocket", "none")
        return
    url = f"ws://127.0.0.1:{site.ipv4}/"
    with connect(url, proxy=None, source_address=(stranger, 0)) as websocket:
        assert in_short(websocket.recv(timeout=10)) == linux_at(stranger)
    record_property("websocket", "yes")
