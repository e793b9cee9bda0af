"""Proxies whose visitors cannot be told from the proxy: one warning of each kind."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from .middlewares import HOST, PROXY, KnownAfter, Wrap

Log = pytest.LogCaptureFixture

FORWARDED = [("X-Forwarded-For", "198.51.100.7")]


def messages(log: Log) -> list[str]:
    assert {record.levelno for record in log.records} <= {logging.WARNING}
    return [record.getMessage() for record in log.records]


@pytest.mark.parametrize(
    "peer",
    [
        *("127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "192.168.1.1", "172.17.0.2", "fd00::1"),
        "100.64.0.7",  # a cloud's load balancer
    ],
)
def test_of_a_local_peer_the_warning_names_the_peer_the_header_and_the_remedy(
    wrap: Wrap, caplog: Log, peer: str
) -> None:
    wrap(KnownAfter()).request((peer, 1), FORWARDED)

    [message] = messages(caplog)
    for named in (peer, "X-Forwarded-For", f"trusted_proxies=[{peer!r}]"):
        assert named in message


@pytest.mark.parametrize("peer", ["35.191.0.9", "8.8.8.8", "2606:4700::1111"])
def test_a_public_peer_may_be_a_visitor_and_is_not_advised_to_be_trusted(
    wrap: Wrap, caplog: Log, peer: str
) -> None:
    middleware = wrap(KnownAfter())
    middleware.request((peer, 1), FORWARDED)

    [message] = messages(caplog)
    assert peer in message
    assert "load balancer" in message
    assert "trusted_proxies=[" not in message

    middleware.request((PROXY, 1), FORWARDED)
    assert PROXY in messages(caplog)[-1], "a visitor who sends the header hides no proxy"


def test_of_a_proxy_on_a_unix_socket_the_warning_names_the_option(wrap: Wrap, caplog: Log) -> None:
    middleware = wrap(KnownAfter())
    keys = middleware.request(("", 1))  # as gunicorn, cheroot and granian have it
    middleware.request(("", 1))

    [message] = messages(caplog)
    assert "Unix socket" in message
    assert "trusted_proxies=['unix:']" in message
    assert keys["p0f.reason"] in message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")),
        ("CF-Connecting-IP", {"client_header": "CF-Connecting-IP"}),
    ],
)
def test_every_usual_header_and_that_of_the_option_tells_of_a_proxy(
    wrap: Wrap, caplog: Log, name: str, options: Any
) -> None:
    wrap(KnownAfter(), **options).request((PROXY, 1), [(name, "x")])

    assert len(messages(caplog)) == 1


@pytest.mark.parametrize("trusted", [(), "192.168.0.0/16", "unix:"])
def test_it_is_logged_once(wrap: Wrap, caplog: Log, trusted: Any) -> None:
    middleware = wrap(KnownAfter(), trusted_proxies=trusted)
    for peer in ("10.0.0.1", "10.0.0.1", "10.0.0.2", "8.8.8.8", "8.8.4.4"):
        middleware.request((peer, 1), FORWARDED)

    assert len(messages(caplog)) == 2


@pytest.mark.parametrize("peer", [("203.0.113.7", 0), ("198.51.100.7", 51008)], ids=str)
def test_a_server_that_has_put_the_header_in_the_peers_place_is_named(
    wrap: Wrap, caplog: Log, peer: Any
) -> None:
    wrap(KnownAfter()).request(peer, FORWARDED)  # where no proxy is named, that is right
    assert messages(caplog) == []

    wrap(KnownAfter(), trusted_proxies="127.0.0.1").request(peer, FORWARDED)
    [message] = messages(caplog)
    assert "--no-proxy-headers" in message
    assert peer[0] not in message


def test_a_trusted_proxy_that_sends_no_header_is_warned_of_once(wrap: Wrap, caplog: Log) -> None:
    middleware = wrap(KnownAfter(), trusted_proxies=PROXY)
    silent = [middleware.request((PROXY, 1)) for _ in range(2)]

    assert [keys["p0f.status"] for keys in silent] == ["no_address"] * 2
    assert "10.0.0.1 sent no X-Forwarded-For" in silent[0]["p0f.reason"]
    [message] = messages(caplog)
    assert "10.0.0.1 sent no X-Forwarded-For" in message


@pytest.mark.parametrize(
    ("peer", "headers", "trusted"),
    [
        ("8.8.8.8", [], ()),
        (PROXY, [], ()),
        (PROXY, FORWARDED, PROXY),
        (PROXY, [("User-Agent", "x")], ()),
        *((peer, FORWARDED, ()) for peer in (None, "localhost")),
    ],
)
def test_there_is_no_warning_of_anybody_else(
    wrap: Wrap, caplog: Log, peer: Any, headers: Any, trusted: Any
) -> None:
    wrap(KnownAfter(), trusted_proxies=trusted).request((peer, 1), headers)

    assert messages(caplog) == []


@pytest.mark.parametrize("value", ["\x1b[2J", "\n", "\0", "x" * 100_000])
def test_nothing_that_a_client_writes_is_in_the_log(wrap: Wrap, caplog: Log, value: str) -> None:
    wrap(KnownAfter()).request((HOST, 1), [("X-Forwarded-For", value)])

    [message] = messages(caplog)
    assert value not in message
    assert message.isprintable()
