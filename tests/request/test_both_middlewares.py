"""What P0fWSGIMiddleware and P0fASGIMiddleware promise alike: whose fingerprint a request gets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from p0f_middleware import P0fStatus, check_claim
from p0f_middleware.testing import SAMPLE, FakeP0f

from .middlewares import HOST, OTHER, PORT, UNIX, KnownAfter, Middleware, Telling, known

Wrap = Callable[..., Middleware]

PROXY = "10.0.0.1"
WINDOWS_10 = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0"


def added(wrap: Wrap, source: Any = None, peer: Any = (HOST, PORT), **options: Any) -> Any:
    """What a request of `peer` gets: p0f.info and p0f.status."""
    keys = wrap(KnownAfter() if source is None else source, **options).request(peer)
    return keys["p0f.info"], keys["p0f.status"]


# The keys


def test_a_known_client_is_ok(wrap: Wrap, fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    keys = wrap(fake_p0f.socket_path).request()

    assert keys["p0f.status"] is P0fStatus.OK
    assert keys == {
        "p0f.info": SAMPLE,
        "p0f.status": P0fStatus.OK,
        "p0f.reason": None,
        "p0f.claim": check_claim(SAMPLE, None),
        "p0f.address": HOST,
    }


def test_an_unknown_client_is_no_match(wrap: Wrap, fake_p0f: FakeP0f) -> None:
    assert wrap(fake_p0f.socket_path).request() == {
        "p0f.info": None,
        "p0f.status": P0fStatus.NO_MATCH,
        "p0f.reason": "p0f has not seen this client",
        "p0f.claim": check_claim(None, None),
        "p0f.address": HOST,
    }


def test_without_p0f_it_is_unavailable_and_the_reason_says_why(wrap: Wrap) -> None:
    keys = wrap("/nonexistent/p0f.sock").request()

    assert (keys["p0f.info"], keys["p0f.status"]) == (None, "unavailable")
    assert "/nonexistent/p0f.sock" in keys["p0f.reason"]


def test_without_an_address_it_is_no_address_and_the_reason_says_so(wrap: Wrap) -> None:
    keys = wrap(KnownAfter()).request(None)

    assert (keys["p0f.info"], keys["p0f.status"]) == (None, "no_address")
    assert keys["p0f.reason"] == "the request has no client address"


def test_the_claim_is_what_the_headers_say_of_the_fingerprint(wrap: Wrap) -> None:
    headers = [("User-Agent", WINDOWS_10), ("Sec-CH-UA-Platform", '"Windows"')]
    keys = wrap(KnownAfter()).request(headers=headers)

    assert keys["p0f.claim"] == check_claim(SAMPLE, WINDOWS_10, '"Windows"')


def test_without_claims_there_is_no_key_for_one(wrap: Wrap) -> None:
    keys = wrap(KnownAfter(), claims=False).request(headers=[("User-Agent", WINDOWS_10)])

    assert keys.keys() == {"p0f.info", "p0f.status", "p0f.reason", "p0f.address"}


# The peer


@pytest.mark.parametrize(
    "address",
    [None, "", "localhost", "testclient", "0.0.0.0", "::", "None", "unix:", 7, b"192.0.2.1"],
)
def test_without_an_address_nothing_is_asked(wrap: Wrap, address: Any) -> None:
    source = KnownAfter()

    assert added(wrap, source, (address, PORT)) == (None, "no_address")
    assert source.asked == []


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:51008", "[::ffff:192.0.2.1]:51008"]
)
@pytest.mark.parametrize(
    "port", [(), (PORT,), (str(PORT),), (None,), (0,), ("",), ("None",), ("9" * 5000,), ([],)]
)
def test_the_client_is_asked_for_however_the_server_puts_it(
    wrap: Wrap, address: str, port: tuple[Any, ...]
) -> None:
    source = KnownAfter()
    added(wrap, source, (address, *port))

    assert source.asked == [HOST]


# Proxies


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-For", "6.6.6.6, 192.0.2.1")],
        [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.1")],
        [("X-Forwarded-For", "192.0.2.1:51008, 10.0.0.2")],
        [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=6.6.6.6")],
        [("X-Forwarded-For", "192.0.2.1, unix:")],
    ],
)
@pytest.mark.parametrize("peer", [(PROXY, 1), UNIX], ids=["TCP", "Unix"])
def test_behind_a_trusted_proxy_its_client_is_asked_for(
    wrap: Wrap, headers: Any, peer: Any
) -> None:
    source = KnownAfter()
    wrap(source, trusted_proxies=["10.0.0.0/8", "unix:"]).request(peer, headers)

    assert source.asked == [HOST]


@pytest.mark.parametrize("trusted_proxies", [(), ["10.0.0.0/8"], "unix:"])
def test_from_anybody_else_a_header_is_not_believed(wrap: Wrap, trusted_proxies: Any) -> None:
    source = KnownAfter()
    headers = [("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")]
    wrap(source, trusted_proxies=trusted_proxies).request(headers=headers)

    assert source.asked == [HOST]


@pytest.mark.parametrize("peer", [None, ("0.0.0.0", PORT), ("localhost", None)], ids=str)
def test_a_missing_address_is_not_taken_for_a_unix_socket(wrap: Wrap, peer: Any) -> None:
    middleware = wrap(KnownAfter(), trusted_proxies="unix:")

    keys = middleware.request(peer, [("X-Forwarded-For", "6.6.6.6")])
    assert (keys["p0f.info"], keys["p0f.status"]) == (None, "no_address")


@pytest.mark.parametrize(
    ("client_header", "headers"),
    [
        ("Forwarded", [("Forwarded", "for=6.6.6.6"), ("Forwarded", "for=192.0.2.1")]),
        ("forwarded", [("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", "6.6.6.6")]),
        ("X-Real-IP", [("X-Real-IP", "192.0.2.1"), ("X-Forwarded-For", "6.6.6.6")]),
        ("CF-Connecting-IP", [("CF-Connecting-IP", "192.0.2.1")]),
    ],
)
def test_the_client_is_named_by_the_one_header_the_proxy_writes(
    wrap: Wrap, client_header: str, headers: Any
) -> None:
    source = KnownAfter()
    wrap(source, trusted_proxies=PROXY, client_header=client_header).request((PROXY, 1), headers)

    assert source.asked == [HOST]


def test_the_clients_port_comes_from_the_header_named_for_it(wrap: Wrap) -> None:
    seen: list[tuple[str | None, int | None]] = []

    def answer(visitor: Any, deadline: float) -> Any:
        seen.append((visitor.address, visitor.port))
        return known(visitor, deadline)

    middleware = wrap(Telling(answer), trusted_proxies=PROXY, client_port_header="X-Client-Port")
    headers = [("X-Forwarded-For", HOST), ("X-Client-Port", "51008")]
    middleware.request((PROXY, 1), headers)
    middleware.request((OTHER, 7), headers)
    assert seen == [(HOST, 51008), (OTHER, 7)]


# A proxy that nobody has named


def test_a_proxy_that_nobody_has_named_is_warned_of_once(
    wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = wrap(KnownAfter())
    for _ in range(3):
        middleware.request((PROXY, 1), [("X-Forwarded-For", HOST)])

    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "trusted_proxies=['10.0.0.1']" in record.getMessage()


# The options


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": "0.1"}, "timeout"),
        ({"timeout": None}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"grace": -1}, "grace"),
        ({"grace": float("nan")}, "grace"),
        ({"grace": "0.01"}, "grace"),
        ({"hold": -1}, "hold"),
        ({"hold": "10"}, "hold"),
        ({"hold": None}, "hold"),
        ({"trusted_proxies": "proxy"}, "trusted_proxies"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "trusted_proxies"),
        ({"trusted_proxies": None}, "trusted_proxies"),
        ({"client_header": "X Real IP"}, "client_header"),
        ({"client_header": None}, "client_header"),
        ({"client_port_header": ""}, "client_port_header"),
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_an_error_that_names_it(
    wrap: Wrap, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        wrap("/run/p0f.sock", **options)
