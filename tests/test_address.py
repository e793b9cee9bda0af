"""IP addresses as servers and proxies write them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware._address import client_address, endpoint, port_number

# The peer


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
        None,
        "",
        " ",
        "localhost",
        "None",
        "testclient",
        "@",
        "/run/app.sock",
        "unix:",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "::%eth0",
        "%eth0",
        "192.0.2.1,192.0.2.2",
        " 192.0.2.1",
        "192.0.2.1\n",
        "192.0.2.1/24",
        "01.2.3.4",
        "3221225985",
        "192.0.2.1\0",
        "\ud800",
        "1" * 1_000_000,
        b"192.0.2.1",
        3221225985,
        ("192.0.2.1", 80),
        ["192.0.2.1"],
        {},
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
        ("[2001:db8::1]:51008", ("2001:db8::1", 51008)),
        ("[2001:DB8:0::1]:51008", ("2001:db8::1", 51008)),
        ("[::ffff:192.0.2.1]:51008", ("192.0.2.1", 51008)),
        ("[fe80::1%eth0]:51008", ("fe80::1", 51008)),
        ("192.0.2.1:0", ("192.0.2.1", 0)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
        ("192.0.2.1:65536", ("192.0.2.1", 0)),
        ("192.0.2.1:", (None, None)),
        ("192.0.2.1:x", (None, None)),
        ("192.0.2.1:123456", (None, None)),
        ("[192.0.2.1", (None, None)),
        ("[]:51008", (None, None)),
        ("0.0.0.0:51008", (None, None)),
        (":51008", (None, None)),
    ],
)
def test_an_endpoint_is_an_address_and_a_port(text: str, found: Any) -> None:
    assert endpoint(text) == found


@pytest.mark.parametrize(
    ("value", "port"),
    [
        (1, 1),
        (65535, 65535),
        ("51008", 51008),
        ("00080", 80),
        (0, 0),
        (-1, 0),
        (65536, 0),
        (10**20, 0),
        ("", 0),
        ("0", 0),
        ("65536", 0),
        ("9" * 5000, 0),
        (" 80", 0),
        ("+80", 0),
        ("8_0", 0),
        ("\u0661", 0),
        ("\u00b2", 0),
        ("None", 0),
        (None, 0),
        (80.0, 0),
        (b"80", 0),
        ([], 0),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_port_is_a_number_or_its_digits(value: Any, port: int) -> None:
    assert port_number(value) == port


@given(st.ip_addresses(), st.integers(1, 65535))
def test_whatever_address_and_port_are_written_is_read(address: Any, port: int) -> None:
    text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    named = client_address(str(address))

    assert endpoint(text) == ((None, None) if named is None else (named, port))


@given(st.text() | st.text("0123456789abcdef.:[]%") | st.binary() | st.integers() | st.none())
def test_whatever_a_server_gives_an_address_or_none_comes_out(value: Any) -> None:
    address, port = endpoint(value)

    assert address is None or (str(ip_address(address)) == address)
    assert address is None or not ip_address(address).is_unspecified
    assert port is None or 0 <= port <= 65535
