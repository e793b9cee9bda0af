"""Proxies whose visitors cannot be told from the proxy: one warning of each kind."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from p0f_middleware._request.proxies import ProxyRules
from p0f_middleware._request.proxy_warnings import ProxyWarnings
from p0f_middleware._request.visitor import ASGIVisitor, WSGIVisitor

FORWARDED = {"HTTP_X_FORWARDED_FOR": "198.51.100.7"}


class Site:
    """A middleware's warnings, and the options that they are about."""

    def __init__(self, trusted: Any = (), client_header: str = "X-Forwarded-For") -> None:
        self.rules = ProxyRules(trusted, client_header)
        self.warnings = ProxyWarnings(self.rules)

    def request(self, peer: Any, headers: dict[str, str] = FORWARDED) -> None:
        environ = {"REMOTE_ADDR": peer, "REMOTE_PORT": "1", **headers}
        self.warnings.check(WSGIVisitor(environ, self.rules))


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "p0f_middleware")
    return caplog


@pytest.mark.parametrize(
    "peer",
    [
        *("127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "192.168.1.1", "172.17.0.2", "fd00::1"),
        "100.64.0.7",  # a cloud's load balancer
    ],
)
def test_of_a_local_peer_the_warning_names_the_peer_the_header_and_the_remedy(
    peer: str, log: pytest.LogCaptureFixture
) -> None:
    Site().request(peer)

    [record] = log.records
    assert record.levelno == logging.WARNING
    for named in (peer, "X-Forwarded-For", f"trusted_proxies=[{peer!r}]"):
        assert named in record.getMessage()


@pytest.mark.parametrize("peer", ["35.191.0.9", "8.8.8.8", "2606:4700::1111"])
def test_a_public_peer_may_be_a_visitor_and_is_not_advised_to_be_trusted(
    peer: str, log: pytest.LogCaptureFixture
) -> None:
    Site().request(peer)

    [record] = log.records
    assert peer in record.getMessage()
    assert "load balancer" in record.getMessage()
    assert "trusted_proxies=[" not in record.getMessage()


def test_of_a_proxy_on_a_unix_socket_the_warning_names_the_option(
    log: pytest.LogCaptureFixture,
) -> None:
    site = Site()
    site.request("")  # as gunicorn, cheroot and granian have it
    site.request("")

    [record] = log.records
    assert "Unix socket" in record.getMessage()
    assert "trusted_proxies=['unix:']" in record.getMessage()


def test_a_visitor_who_sends_the_header_hides_no_proxy(log: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.request("8.8.8.8")
    site.request("10.0.0.1")

    assert "10.0.0.1" in log.records[-1].getMessage()


def test_not_every_request_of_a_site_is_looked_at(log: pytest.LogCaptureFixture) -> None:
    site = Site()
    for _ in range(10_000):
        site.request("8.8.8.8", {})
    site.request("8.8.8.8")

    assert not log.records


@pytest.mark.parametrize("name", ["X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP"])
def test_every_usual_header_tells_of_a_proxy(name: str, log: pytest.LogCaptureFixture) -> None:
    Site().request("127.0.0.1", {f"HTTP_{name}": "x"})

    assert len(log.records) == 1


def test_the_header_of_the_option_tells_of_a_proxy(log: pytest.LogCaptureFixture) -> None:
    Site(client_header="CF-Connecting-IP").request("127.0.0.1", {"HTTP_CF_CONNECTING_IP": "x"})

    assert len(log.records) == 1


@pytest.mark.parametrize("trusted", [(), "192.168.0.0/16", "unix:"])
def test_it_is_logged_once(trusted: Any, log: pytest.LogCaptureFixture) -> None:
    site = Site(trusted)
    for peer in ("10.0.0.1", "10.0.0.1", "10.0.0.2", "8.8.8.8", "8.8.4.4"):
        site.request(peer)

    assert len(log.records) == 2


@pytest.mark.parametrize("client", [("203.0.113.7", 0), ("198.51.100.7", 51008)], ids=str)
def test_a_server_that_has_put_the_header_in_the_peers_place_is_named(
    client: Any, log: pytest.LogCaptureFixture
) -> None:
    rules = ProxyRules("127.0.0.1")
    scope = {"client": client, "headers": [(b"x-forwarded-for", b"198.51.100.7")]}
    ProxyWarnings(rules).check(ASGIVisitor(scope, None, None, rules))

    [record] = log.records
    assert "--no-proxy-headers" in record.getMessage()
    assert client[0] not in record.getMessage()


def test_a_server_that_names_visitors_itself_is_right_where_no_proxy_is_named(
    log: pytest.LogCaptureFixture,
) -> None:
    rules = ProxyRules()
    scope = {"client": ("203.0.113.7", 0), "headers": [(b"x-forwarded-for", b"203.0.113.7")]}
    ProxyWarnings(rules).check(ASGIVisitor(scope, None, None, rules))

    assert not log.records


def test_a_trusted_proxy_that_sends_no_header_is_warned_of_once(
    log: pytest.LogCaptureFixture,
) -> None:
    site = Site("10.0.0.1")
    site.request("10.0.0.1", {})
    site.request("10.0.0.1", {})

    [record] = log.records
    assert "10.0.0.1 sent no X-Forwarded-For" in record.getMessage()


@pytest.mark.parametrize(
    ("peer", "headers", "trusted"),
    [
        ("8.8.8.8", {}, ()),
        ("10.0.0.1", {}, ()),
        ("10.0.0.1", FORWARDED, "10.0.0.1"),
        ("10.0.0.1", {"HTTP_USER_AGENT": "x"}, ()),
        (None, FORWARDED, ()),
        ("localhost", FORWARDED, ()),
    ],
)
def test_there_is_no_warning_of_anybody_else(
    peer: Any, headers: dict[str, str], trusted: Any, log: pytest.LogCaptureFixture
) -> None:
    Site(trusted).request(peer, headers)

    assert not log.records


@pytest.mark.parametrize("value", ["\x1b[2J", "\n", "\0", "x" * 100_000])
def test_nothing_that_a_client_writes_is_in_the_log(
    value: str, log: pytest.LogCaptureFixture
) -> None:
    Site().request("10.0.0.1", {"HTTP_X_FORWARDED_FOR": value})

    [record] = log.records
    assert value not in record.getMessage()
    assert record.getMessage().isprintable()
