"""IP addresses as servers and proxies write them."""

from __future__ import annotations

from typing import Any

import pytest

from p0f_middleware._address import client_address, endpoint, port_number


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0201", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%", "fe80::1"),
        ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
    ],
)
def test_the_peer_is_asked_for_in_its_usual_form(peer: str, address: str) -> None:
    assert client_address(peer) == address


@pytest.mark.parametrize(
    "peer",
    [
        *(None, "", " ", "localhost", "None", "testclient", "@", "/run/app.sock", "unix:"),
        *("0.0.0.0", "::", "::ffff:0.0.0.0", "::%eth0", "%eth0", "192.0.2.1,192.0.2.2"),
        *(" 192.0.2.1", "192.0.2.1\n", "192.0.2.1/24", "01.2.3.4", "3221225985", "192.0.2.1\0"),
        *("\ud800", "1" * 1_000_000, b"192.0.2.1", 3221225985, ("192.0.2.1", 80), ["192.0.2.1"]),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_no_address_is_nobody(peer: object) -> None:
    assert client_address(peer) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", ("192.0.2.1", None)),
        ("192.0.2.1:51008", ("192.0.2.1", 51008)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("[2001:DB8:0::1]:51008", ("2001:db8::1", 51008)),
        ("[::ffff:192.0.2.1]:51008", ("192.0.2.1", 51008)),
        ("[fe80::1%eth0]:51008", ("fe80::1", 51008)),
        ("192.0.2.1:0", ("192.0.2.1", 0)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
        ("192.0.2.1:65536", ("192.0.2.1", 0)),
        *(
            (nothing, (None, None))
            for nothing in (
                *("192.0.2.1:", "192.0.2.1:x", "192.0.2.1:123456", "[192.0.2.1", "[]:51008"),
                *("0.0.0.0:51008", ":51008"),
            )
        ),
    ],
)
def test_an_endpoint_is_an_address_and_a_port(text: str, found: Any) -> None:
    assert endpoint(text) == found


@pytest.mark.parametrize(
    ("value", "port"), [(1, 1), (65535, 65535), ("51008", 51008), ("00080", 80)]
)
def test_a_port_is_a_number_or_its_digits(value: Any, port: int) -> None:
    assert port_number(value) == port


@pytest.mark.parametrize(
    "value",
    [
        *(0, -1, 65536, 10**20, "", "0", "65536", "9" * 5000, " 80", "+80", "8_0"),
        *("\u0661", "\u00b2", "None", None, 80.0, b"80", []),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_anything_else_is_no_port(value: Any) -> None:
    assert port_number(value) == 0
