"""What P0fWSGIMiddleware and P0fASGIMiddleware promise alike: whose fingerprint a request gets."""

from __future__ import annotations

from typing import Any

import pytest

from p0f_middleware import P0fInfo, P0fStatus, check_claim
from p0f_middleware.testing import SAMPLE, FakeP0f

from .middlewares import HOST, PORT, PROXY, UNIX, KnownAfter, Wrap

FORWARDED = [("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")]


@pytest.mark.parametrize(
    ("info", "status", "reason"),
    [(SAMPLE, P0fStatus.OK, None), (None, P0fStatus.NO_MATCH, "p0f has not seen this client")],
)
def test_a_request_gets_five_keys(
    wrap: Wrap, fake_p0f: FakeP0f, info: P0fInfo | None, status: P0fStatus, reason: str | None
) -> None:
    fake_p0f.default = info
    keys = wrap(fake_p0f.socket_path).request()

    assert keys["p0f.status"] is status
    assert keys == {
        "p0f.info": info,
        "p0f.status": status,
        "p0f.reason": reason,
        "p0f.claim": check_claim(info, None),
        "p0f.address": HOST,
    }


def test_without_p0f_it_is_unavailable_the_reason_says_why_and_the_log_once(
    wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = wrap("/nonexistent/p0f.sock")
    for _ in range(3):
        keys = middleware.request()
        assert (keys["p0f.info"], keys["p0f.status"]) == (None, "unavailable")
        assert "/nonexistent/p0f.sock" in keys["p0f.reason"]
    assert [record.name for record in caplog.records].count("p0f_middleware") == 1


@pytest.mark.parametrize(
    "peer",
    [
        None,
        *((address, PORT) for address in (None, "localhost", "testclient", "0.0.0.0", "::")),
        *((address, PORT) for address in ("None", "unix:", 7, b"192.0.2.1")),
    ],
    ids=str,
)
@pytest.mark.parametrize("trusted_proxies", [(), "unix:"])
def test_without_an_address_nothing_is_asked_and_the_reason_says_so(
    wrap: Wrap, peer: Any, trusted_proxies: Any
) -> None:
    """Nor is it taken for a peer on a Unix socket, whose header would be believed."""
    source = KnownAfter()
    keys = wrap(source, trusted_proxies=trusted_proxies).request(peer, FORWARDED)

    assert keys["p0f.info"] is keys["p0f.address"] is None
    assert keys["p0f.status"] == "no_address"
    assert keys["p0f.reason"] == "the request has no client address"
    assert source.asked == []


@pytest.mark.parametrize(
    "peer",
    [
        *((HOST, PORT), (f"::ffff:{HOST}",), (f"{HOST}:51008",), (f"[::ffff:{HOST}]:51008", None)),
        *((HOST, "None"), (HOST, "9" * 5000), (HOST, [])),
    ],
    ids=lambda peer: str(peer)[:40],
)
def test_the_client_is_asked_for_however_the_server_puts_it(wrap: Wrap, peer: Any) -> None:
    source = KnownAfter()
    keys = wrap(source).request(peer)

    assert source.asked == [keys["p0f.address"]] == [HOST]


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
    wrap(source, trusted_proxies=trusted_proxies).request(headers=FORWARDED)

    assert source.asked == [HOST]


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


# The options


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("timeout", value) for value in (0, "0.1")),
        *(("grace", value) for value in (-1, "0.01")),
        *(("hold", value) for value in (-1, None)),
        *(("trusted_proxies", value) for value in ("proxy", ["10.0.0.1/8"], None)),
        *(("client_header", value) for value in ("X Real IP", None)),
        ("client_port_header", ""),
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_an_error_that_names_it(
    wrap: Wrap, option: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=option):
        wrap("/run/p0f.sock", **{option: value})
