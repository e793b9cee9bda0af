"""Whose fingerprint is asked for: the peer's, or what a trusted proxy says of its client."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p0f_middleware._address import client_address
from p0f_middleware._request.proxies import LONGEST_FORWARDED, TrustedProxies

PROXY = "10.0.0.1"
PROXIES = ("10.0.0.0/8", "2001:db8:aaaa::/48")


def client_behind(
    proxy: object = PROXY,
    *,
    x_forwarded_for: str | None = None,
    forwarded: str | None = None,
    trusted: Any = PROXIES,
) -> str | None:
    return TrustedProxies(trusted).client(proxy, lambda: (x_forwarded_for, forwarded))


def never_called() -> tuple[str | None, str | None]:
    raise AssertionError("the header of a peer that is not trusted was read")


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
        "192.0.2.1:80",
        "[2001:db8::1]",
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


# Whom to trust


@pytest.mark.parametrize(
    "trusted",
    [
        "10.0.0.1",
        "10.0.0.0/8",
        "::ffff:10.0.0.1",
        "::ffff:10.0.0.0/104",
        IPv4Address("10.0.0.1"),
        IPv4Network("10.0.0.0/8"),
        IPv6Address("::ffff:10.0.0.1"),
        ["192.0.2.1", "10.0.0.1"],
        ("10.0.0.1",),
        {IPv4Network("10.0.0.0/30")},
    ],
    ids=str,
)
@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_a_proxy_is_trusted_however_it_is_named(trusted: Any, peer: str) -> None:
    assert client_behind(peer, x_forwarded_for="192.0.2.1", trusted=trusted) == "192.0.2.1"


def test_proxies_may_come_from_an_iterator() -> None:
    trusted = iter(["192.0.2.7", "10.0.0.1"])

    assert client_behind(x_forwarded_for="192.0.2.1", trusted=trusted) == "192.0.2.1"


@pytest.mark.parametrize("trusted", ["2001:db8:aaaa::/48", IPv6Network("2001:db8:aaaa::/48")])
def test_an_ipv6_network_is_trusted(trusted: Any) -> None:
    peer = "2001:db8:aaaa::7"

    assert client_behind(peer, x_forwarded_for="192.0.2.1", trusted=trusted) == "192.0.2.1"


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "localhost",
        "unix",
        "*",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.1, 10.0.0.2",
        "10.0.0.1:80",
        "[2001:db8::1]",
        None,
        167772161,
        b"10.0.0.1",
        b"\x0a\0\0\1",
        ("10.0.0.0", 8),
    ],
    ids=repr,
)
def test_an_entry_that_names_no_network_is_an_error(entry: Any) -> None:
    with pytest.raises(ValueError, match="trusted_proxies takes IP addresses, networks"):
        TrustedProxies([entry])


def test_a_bare_string_is_one_entry() -> None:
    with pytest.raises(ValueError, match="not 'proxy'"):
        TrustedProxies("proxy")


@pytest.mark.parametrize("trusted", [(), [], set()])
def test_without_entries_nobody_is_trusted(trusted: Any) -> None:
    assert not TrustedProxies(trusted)


@pytest.mark.parametrize("trusted", ["10.0.0.1", "unix:"])
def test_with_an_entry_somebody_is_trusted(trusted: str) -> None:
    assert TrustedProxies(trusted)


@pytest.mark.parametrize("peer", ["192.0.2.7", "11.0.0.1", "2001:db8::7", "", None, "localhost"])
def test_the_headers_of_an_untrusted_peer_are_not_even_read(peer: object) -> None:
    assert TrustedProxies(PROXIES).client(peer, never_called) == client_address(peer)


@pytest.mark.parametrize("peer", ["", None, "localhost", ("", 0), "0.0.0.0"])
def test_unix_trusts_a_peer_without_an_address(peer: object) -> None:
    assert client_behind(peer, x_forwarded_for="192.0.2.1", trusted="unix:") == "192.0.2.1"


def test_unix_trusts_nobody_who_has_an_address() -> None:
    assert TrustedProxies("unix:").client("192.0.2.7", never_called) == "192.0.2.7"


def test_a_unix_peer_without_headers_is_nobody() -> None:
    assert client_behind("", trusted="unix:") is None


def test_a_proxy_without_headers_is_the_client_itself() -> None:
    assert client_behind(PROXY) == PROXY


# X-Forwarded-For


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("  192.0.2.1\t", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        # walked from the right, past proxies that are trusted
        ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("192.0.2.1,10.0.0.3:80,10.0.0.2", "192.0.2.1"),
        ("192.0.2.1, 2001:db8:aaaa::5", "192.0.2.1"),
        ("192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # what stands left of the client is the client's own claim
        ("192.0.2.66, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.66, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.66, 192.0.2.1", "192.0.2.1"),
        ("garbage, 192.0.2.1", "192.0.2.1"),
        ('"192.0.2.66", for="\\", 192.0.2.1', "192.0.2.1"),
        # empty elements are nothing at all
        ("192.0.2.1,", "192.0.2.1"),
        (",,192.0.2.1, ,10.0.0.2,,", "192.0.2.1"),
        ("", PROXY),
        (" , ,", PROXY),
        # a hop that is no address is where the trail ends
        ("garbage", None),
        ("unknown", None),
        ("192.0.2.1, garbage", None),
        ("192.0.2.1, unknown, 10.0.0.2", None),
        ("192.0.2.1, 0.0.0.0", None),
        ("192.0.2.1:http", None),
        ("192.0.2.1:123456", None),
        ("192.0.2.1:", None),
        ("[2001:db8::1", None),
        ("2001:db8::1]", None),
        ("[2001:db8::1]x", None),
        ("[[2001:db8::1]]", None),
        ("[]", None),
        ('"192.0.2.1"', None),
        ("192.0.2.1 192.0.2.2", None),
        ("192.0.2.1;192.0.2.2", None),
        ("192.0.2.1\u00a0", None),
        ("192.0.2.1\0", None),
        ("\xff\xfe", None),
    ],
)
def test_x_forwarded_for(header: str, client: str | None) -> None:
    assert client_behind(x_forwarded_for=header) == client


@pytest.mark.parametrize(("hops", "client"), [(99, "192.0.2.1"), (10_000, None)])
def test_a_chain_that_is_too_long_was_made_up(hops: int, client: str | None) -> None:
    header = "192.0.2.1" + ", 10.0.0.2" * hops

    assert client_behind(x_forwarded_for=header) == client


def test_a_long_claim_left_of_the_client_is_no_matter() -> None:
    assert client_behind(x_forwarded_for="6.6.6.6," * 10_000 + "192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize("piece", ["x", ",", " ", "1", "[", "192.0.2.1, ", "10.0.0.2,", "1:", '"'])
def test_a_megabyte_of_x_forwarded_for_is_dealt_with(piece: str) -> None:
    header = piece * (1_000_000 // len(piece))

    assert client_behind(x_forwarded_for=header) in (None, PROXY, "192.0.2.1")


# Forwarded (RFC 7239)


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1", "192.0.2.1"),
        ('for="192.0.2.1"', "192.0.2.1"),
        ("for=192.0.2.1:4711", "192.0.2.1"),
        ('for="192.0.2.1:4711"', "192.0.2.1"),
        ('for="[2001:db8::1]"', "2001:db8::1"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="\\192.0.2.\\1"', "192.0.2.1"),
        ("by=10.0.0.1;for=192.0.2.1;proto=https;host=example.org", "192.0.2.1"),
        ('for=192.0.2.1;host="a,b;for=6.6.6.6"', "192.0.2.1"),
        ('host="\\"";for=192.0.2.1', "192.0.2.1"),
        (" for=192.0.2.1 ; proto=http , for=10.0.0.2 ", "192.0.2.1"),
        # walked from the right, past proxies that are trusted
        ("for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
        ('for=192.0.2.1, for="[2001:db8:aaaa::5]:80", for=10.0.0.2', "192.0.2.1"),
        ("for=10.0.0.3, for=10.0.0.2", "10.0.0.3"),
        # what stands left of the client is the client's own claim
        ("for=192.0.2.66, for=192.0.2.1", "192.0.2.1"),
        ("for=garbage, for=192.0.2.1", "192.0.2.1"),
        ('for="6.6.6.6", for=192.0.2.1', "192.0.2.1"),
        # empty elements are nothing at all
        ("", PROXY),
        (" ,, ", PROXY),
        ("for=192.0.2.1,,", "192.0.2.1"),
        (";for=192.0.2.1;", "192.0.2.1"),
        # a hop that is no address is where the trail ends
        ("for=unknown", None),
        ("for=_hidden", None),
        ("for=192.0.2.1, for=unknown", None),
        ("for=192.0.2.1, proto=https", None),
        ("for=192.0.2.1, by=10.0.0.1", None),
        ('for=""', None),
        ("for=0.0.0.0", None),
        # a header that breaks the grammar names nobody
        ("192.0.2.1", None),
        ("for", None),
        ("for=", None),
        ("for =192.0.2.1", None),
        ("for= 192.0.2.1", None),
        ("=192.0.2.1", None),
        ("for=192.0.2.1 for=192.0.2.1", None),
        ("for=192.0.2.1;for=192.0.2.2", None),
        ("for=192.0.2.1;FOR=192.0.2.1", None),
        ('for="192.0.2.1', None),
        ('for="192.0.2.1\\"', None),
        ('for=192.0.2.1"', None),
        ('for="192.0.2.1"x', None),
        ('for=192.0.2.1, x="', None),
        ("for=192.0.2.1\n", None),
        ("for=192.0.2.1\0", None),
        ("\xff", None),
    ],
)
def test_forwarded(header: str, client: str | None) -> None:
    assert client_behind(forwarded=header) == client


@pytest.mark.parametrize(
    "claim",
    [
        'for="',
        'for="6.6.6.6',
        'for=6.6.6.6;x="',
        'for="6.6.6.6, for=\\',
        'for=6.6.6.6, x="\\',
        '"',
        "for=6.6.6.6;",
        "for=6.6.6.6\\",
        "for=6.6.6.6,for=6.6.6.6",
    ],
)
@pytest.mark.parametrize(
    "appended", ["for=192.0.2.1", 'for="192.0.2.1"', 'for="[2001:db8::1]";proto=https']
)
def test_a_client_cannot_swallow_what_its_proxy_appends(claim: str, appended: str) -> None:
    client = client_behind(forwarded=f"{claim}, {appended}")

    assert client in (None, "192.0.2.1", "2001:db8::1")


def test_a_forwarded_header_that_is_too_long_was_made_up() -> None:
    header = "for=10.0.0.2, " * (LONGEST_FORWARDED // 14 + 1) + "for=192.0.2.1"

    assert client_behind(forwarded=header) is None


@pytest.mark.parametrize("piece", ["x", ",", ";", " ", '"', "\\", 'for="', "for=1,", 'a="\\"'])
@pytest.mark.parametrize("size", [LONGEST_FORWARDED, 1_000_000])
def test_a_megabyte_of_forwarded_is_dealt_with(piece: str, size: int) -> None:
    header = piece * (size // len(piece))

    assert client_behind(forwarded=header) in (None, PROXY)


# Both headers


@pytest.mark.parametrize(
    ("x_forwarded_for", "forwarded", "client"),
    [
        ("192.0.2.1", "for=192.0.2.1", "192.0.2.1"),
        ("192.0.2.66, 192.0.2.1", 'for="192.0.2.1:80", for=10.0.0.2', "192.0.2.1"),
        ("192.0.2.1", "for=192.0.2.66", None),
        ("192.0.2.66", "for=192.0.2.1", None),
        ("192.0.2.1", "for=unknown", None),
        ("192.0.2.1", 'for="', None),
        ("garbage", "for=192.0.2.1", None),
        ("garbage", "for=garbage", None),
        ("", "for=192.0.2.1", None),
    ],
)
def test_both_headers_have_to_agree(
    x_forwarded_for: str, forwarded: str, client: str | None
) -> None:
    assert client_behind(x_forwarded_for=x_forwarded_for, forwarded=forwarded) == client


# Anything at all

header_texts = st.none() | st.text() | st.text('for=";,\\[]:.0123456789 \t')
peers = st.none() | st.text() | st.ip_addresses().map(str) | st.just(PROXY) | st.binary()


@given(peers, header_texts, header_texts, st.sampled_from([(), PROXIES, "unix:", "0.0.0.0/0"]))
@example(PROXY, "192.0.2.1%" + "x" * 80, None, PROXIES)
def test_whatever_comes_in_an_address_or_none_comes_out(
    peer: object, x_forwarded_for: str | None, forwarded: str | None, trusted: Any
) -> None:
    client = client_behind(
        peer, x_forwarded_for=x_forwarded_for, forwarded=forwarded, trusted=trusted
    )

    assert client is None or str(ip_address(client)) == client


@given(st.ip_addresses(v=4), header_texts, header_texts)
def test_no_header_moves_an_untrusted_peer(
    peer: IPv4Address, x_forwarded_for: str | None, forwarded: str | None
) -> None:
    client = client_behind(
        str(peer), x_forwarded_for=x_forwarded_for, forwarded=forwarded, trusted="unix:"
    )

    assert client == (None if peer.is_unspecified else str(peer))


@given(st.text(st.characters(codec="latin-1")))
def test_no_claim_of_a_client_moves_what_its_proxy_appends(claim: str) -> None:
    assert client_behind(x_forwarded_for=f"{claim}, 192.0.2.1") == "192.0.2.1"


@given(st.text('for=";,\\[]:.0123456789 \t'))
@example('for="')
def test_no_claim_of_a_client_gets_around_what_its_proxy_appends(claim: str) -> None:
    assert client_behind(forwarded=f"{claim}, for=192.0.2.1") in ("192.0.2.1", None)
