"""Whose fingerprint is asked for: the peer's, or what a trusted proxy says of its client."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p0f_middleware._address import client_address, endpoint
from p0f_middleware._request.proxies import Client, ProxyRules

from .middlewares import PROXY

PROXIES = ("10.0.0.0/8", "2001:db8:aaaa::/48")


def client_of(
    peer: object,
    *,
    headers: dict[str, str] | None = None,
    trusted: Any = PROXIES,
    unix: bool = False,
    **options: Any,
) -> Client:
    rules = ProxyRules(trusted, **options)
    return rules.client(*endpoint(peer), lambda: unix, (headers or {}).get)


def client_behind(
    name: str, value: str | None, proxy: object = PROXY, **options: Any
) -> str | None:
    """The client that a proxy names in the one header it writes."""
    headers = {} if value is None else {name: value}
    return client_of(proxy, headers=headers, client_header=name, **options).address


# Whom to trust


@pytest.mark.parametrize(
    "trusted",
    [
        *("10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104"),
        *(IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/8"), IPv6Address("::ffff:10.0.0.1")),
        *(["192.0.2.1", "10.0.0.1"], ("10.0.0.1",), {IPv4Network("10.0.0.0/30")}),
        *("2001:db8:aaaa::/48", IPv6Network("2001:db8:aaaa::/48"), ["::1", "2001:db8:aaaa::7"]),
    ],
    ids=str,
)
def test_a_proxy_is_trusted_however_it_is_named(trusted: Any) -> None:
    peers = ["2001:db8:aaaa::7"] if "db8" in str(trusted) else ["10.0.0.1", "::ffff:10.0.0.1"]
    for peer in peers:
        found = client_behind("X-Forwarded-For", "192.0.2.1", peer, trusted=trusted)
        assert found == "192.0.2.1"


def test_proxies_may_come_from_an_iterator() -> None:
    trusted = iter(["192.0.2.7", PROXY])

    assert client_behind("X-Forwarded-For", "192.0.2.1", trusted=trusted) == "192.0.2.1"


@pytest.mark.parametrize(
    "entry",
    [
        *("", "localhost", "unix", "*", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1, 10.0.0.2"),
        *("10.0.0.1:80", "[2001:db8::1]", None, 167772161, b"10.0.0.1", b"\x0a\0\0\1"),
        ("10.0.0.0", 8),
    ],
    ids=repr,
)
def test_an_entry_that_names_no_network_is_an_error(entry: Any) -> None:
    with pytest.raises(ValueError, match="trusted_proxies takes IP addresses, networks"):
        ProxyRules([entry])


@pytest.mark.parametrize("trusted", ["proxy", None, 7, b"10.0.0.1", bytearray(b"x"), 1.5, object])
def test_what_is_no_collection_is_an_error_that_shows_it(trusted: Any) -> None:
    with pytest.raises(ValueError, match=rf"^trusted_proxies .* not {re.escape(repr(trusted))}"):
        ProxyRules(trusted)


def never_called(_: str = "") -> Any:
    raise AssertionError("what belongs to an untrusted peer was looked at")


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        *((peer, PROXIES) for peer in ("11.0.0.1", "2001:db8::7", "", None, "localhost")),
        ("192.0.2.7", "unix:"),
    ],
)
def test_the_headers_of_an_untrusted_peer_are_not_even_read(peer: object, trusted: Any) -> None:
    client = ProxyRules(trusted).client(*endpoint(peer), never_called, never_called)

    assert client == Client(client_address(peer), None)


@pytest.mark.parametrize("peer", ["", None, "localhost", ("", 0), "0.0.0.0"])
@pytest.mark.parametrize(("on_unix", "client"), [(True, "192.0.2.1"), (False, None)])
def test_unix_trusts_who_is_known_to_be_on_a_unix_socket_and_not_who_merely_has_no_address(
    peer: object, on_unix: bool, client: str | None
) -> None:
    for header, named in (("192.0.2.1", client), (None, None)):
        found = client_behind("X-Forwarded-For", header, peer, trusted="unix:", unix=on_unix)
        assert found == named


@pytest.mark.parametrize(
    ("peer", "trusted", "client"),
    [
        *((peer, ["unix:", PROXY], "203.0.113.9") for peer in ("", PROXY)),
        (PROXY, PROXY, None),
    ],
)
@pytest.mark.parametrize("header", ["203.0.113.9, unix:", 'for=203.0.113.9, for="unix:"'])
def test_a_unix_hop_is_walked_past_where_unix_is_trusted_and_else_ends_the_trail(
    peer: str, trusted: Any, client: str | None, header: str
) -> None:
    name = "Forwarded" if "for=" in header else "X-Forwarded-For"

    assert client_behind(name, header, peer, trusted=trusted, unix=True) == client


@pytest.mark.parametrize(
    ("name", "value", "client"),
    [
        ("X-Forwarded-For", "198.51.100.7:51008, 10.0.0.2:7", Client("198.51.100.7", 51008, True)),
        ("X-Forwarded-For", "[2001:db8::7]:51008", Client("2001:db8::7", 51008, True)),
        ("X-Forwarded-For", "198.51.100.7", Client("198.51.100.7", None, True)),
        ("X-Forwarded-For", "198.51.100.7:0", Client("198.51.100.7", None, True)),
        ("Forwarded", 'for="[2001:db8::7]:51008"', Client("2001:db8::7", 51008, True)),
        ("CF-Connecting-IP", "2001:db8::7", Client("2001:db8::7", None, True)),
    ],
)
def test_the_named_header_tells_address_and_port(name: str, value: str, client: Client) -> None:
    assert client_of(PROXY, headers={name: value}, client_header=name) == client


@pytest.mark.parametrize(
    ("value", "port"),
    [
        *((value, 51008) for value in ("51008", " 51008\t", "666, 51008", "666,51008")),
        *((value, None) for value in ("65536", "x", "")),
    ],
)
def test_the_port_comes_from_the_header_named_for_it(value: str, port: int | None) -> None:
    headers = {"X-Forwarded-For": "198.51.100.7", "X-Client-Port": value}
    client = client_of(PROXY, headers=headers, client_port_header="X-Client-Port")

    assert client == Client("198.51.100.7", port, True)


@pytest.mark.parametrize("option", ["client_header", "client_port_header"])
@pytest.mark.parametrize("name", ["", "X Real IP", "X-R\xe9al", "X-\u20ac", "X:", b"X-Real-IP", 7])
def test_a_name_that_no_header_can_have_is_an_error(option: str, name: Any) -> None:
    with pytest.raises(ValueError, match=f"^{option} is the name of a header"):
        ProxyRules(PROXIES, **{option: name})


header_texts = st.none() | st.text() | st.text('for=";,\\[]:.0123456789 \t')
peers = st.none() | st.text() | st.ip_addresses().map(str) | st.just(PROXY) | st.binary()


@given(peers, st.sampled_from(["X-Forwarded-For", "Forwarded"]), header_texts)
@example(PROXY, "X-Forwarded-For", "192.0.2.1%" + "x" * 80)
def test_whatever_comes_in_an_address_or_none_comes_out(
    peer: object, name: str, value: str | None
) -> None:
    for trusted in ((), PROXIES, "unix:", "0.0.0.0/0"):
        client = client_behind(name, value, peer, trusted=trusted)
        assert client is None or str(ip_address(client)) == client
