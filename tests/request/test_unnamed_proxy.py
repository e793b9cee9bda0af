"""A proxy that nobody has named: one warning."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from p0f_middleware._request.proxies import ProxyRules
from p0f_middleware._request.unnamed_proxy import UnnamedProxy
from p0f_middleware._request.visitor import WSGIVisitor

FORWARDED = {"HTTP_X_FORWARDED_FOR": "198.51.100.7"}


def look(
    peer: Any,
    headers: dict[str, str] = FORWARDED,
    client_header: str = "X-Forwarded-For",
    trusted: Any = (),
    watch: UnnamedProxy | None = None,
) -> None:
    watch = watch or UnnamedProxy(client_header)
    rules = ProxyRules(trusted, client_header)
    watch.look(WSGIVisitor({"REMOTE_ADDR": peer, "REMOTE_PORT": "1", **headers}, rules))


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "p0f_middleware")
    return caplog


@pytest.mark.parametrize(
    "peer", ["127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "192.168.1.1", "172.17.0.2", "fd00::1"]
)
def test_the_warning_names_the_peer_the_header_and_the_remedy(
    peer: str, log: pytest.LogCaptureFixture
) -> None:
    look(peer)

    [record] = log.records
    assert record.levelno == logging.WARNING
    for named in (peer, "X-Forwarded-For", f"trusted_proxies=[{peer!r}]"):
        assert named in record.getMessage()


@pytest.mark.parametrize("name", ["X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP"])
def test_every_usual_header_tells_of_a_proxy(name: str, log: pytest.LogCaptureFixture) -> None:
    look("127.0.0.1", {f"HTTP_{name}": "x"})

    assert len(log.records) == 1


def test_the_header_of_the_option_tells_of_a_proxy(log: pytest.LogCaptureFixture) -> None:
    look("127.0.0.1", {"HTTP_CF_CONNECTING_IP": "x"}, "CF-Connecting-IP")

    assert len(log.records) == 1


@pytest.mark.parametrize("trusted", [(), "192.168.0.0/16", "unix:"])
def test_it_is_said_once(trusted: Any, log: pytest.LogCaptureFixture) -> None:
    watch = UnnamedProxy("X-Forwarded-For")
    for peer in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        look(peer, trusted=trusted, watch=watch)

    assert len(log.records) == 1


@pytest.mark.parametrize(
    ("peer", "headers", "trusted"),
    [
        ("8.8.8.8", FORWARDED, ()),  # a client that sends the header itself
        ("2606:4700::1111", FORWARDED, ()),
        ("10.0.0.1", {}, ()),
        ("10.0.0.1", FORWARDED, "10.0.0.1"),
        ("10.0.0.1", {"HTTP_USER_AGENT": "x"}, ()),
        (None, FORWARDED, ()),
        ("", FORWARDED, ()),
        ("localhost", FORWARDED, ()),
    ],
)
def test_nothing_is_said_of_anybody_else(
    peer: Any, headers: dict[str, str], trusted: Any, log: pytest.LogCaptureFixture
) -> None:
    look(peer, headers, trusted=trusted)

    assert not log.records


@pytest.mark.parametrize("value", ["\x1b[2J", "\n", "\0", "x" * 100_000])
def test_nothing_that_a_client_writes_is_in_the_log(
    value: str, log: pytest.LogCaptureFixture
) -> None:
    look("10.0.0.1", {"HTTP_X_FORWARDED_FOR": value})

    [record] = log.records
    assert value not in record.getMessage()
    assert record.getMessage().isprintable()
