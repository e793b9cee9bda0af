"""Hops: what a forwarding header says of the machines that a request came through."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p0f_middleware._request.hops import MOST_HOPS, Hop, hops_reader

from .test_proxies import PROXY, client_behind

UNKNOWN, ON_UNIX = Hop(None), Hop(None, unix=True)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "X-Anything"])
@pytest.mark.parametrize(
    ("value", "hops"),
    [
        ("192.0.2.1:80, [2001:db8::1]:81", [Hop("2001:db8::1", 81), Hop("192.0.2.1", 80)]),
        ("unix:, 192.0.2.1", [Hop("192.0.2.1"), ON_UNIX]),
        ("unknown, 192.0.2.1", [Hop("192.0.2.1"), UNKNOWN]),
        ("", []),
    ],
)
def test_any_header_but_forwarded_is_a_list_read_from_the_right(
    name: str, value: str, hops: list[Hop]
) -> None:
    assert list(hops_reader(name)(value)) == hops


@pytest.mark.parametrize("name", ["Forwarded", "forwarded", "FORWARDED"])
@pytest.mark.parametrize(
    ("value", "hops"),
    [
        (
            'for="192.0.2.1:80", for="[2001:db8::1]:81"',
            [Hop("2001:db8::1", 81), Hop("192.0.2.1", 80)],
        ),
        ('for="unix:", for=192.0.2.1', [Hop("192.0.2.1"), ON_UNIX]),
        ("for=unknown, for=192.0.2.1", [Hop("192.0.2.1"), UNKNOWN]),
        ("for=6.6.6.6, ??, for=192.0.2.1", [Hop("192.0.2.1"), UNKNOWN]),
        ("", []),
    ],
)
def test_forwarded_is_a_list_of_elements_read_from_the_right(
    name: str, value: str, hops: list[Hop]
) -> None:
    assert list(hops_reader(name)(value)) == hops


@pytest.mark.parametrize(("name", "hop"), [("X-Real-IP", "192.0.2.1"), ("Forwarded", "for=1")])
def test_no_more_hops_are_read_than_any_chain_has(name: str, hop: str) -> None:
    assert len(list(hops_reader(name)(f"{hop}, " * 5000 + hop))) <= MOST_HOPS + 1


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded"])
@pytest.mark.parametrize("piece", [",", '"', "\\", ";", 'for="', 'a="\\"', "for=1,", "=", "["])
def test_what_a_header_costs_grows_no_faster_than_the_header(name: str, piece: str) -> None:
    read = hops_reader(name)

    def best(size: int) -> float:
        value = piece * (size // len(piece))
        times = []
        for _ in range(7):
            began = time.perf_counter()
            list(read(value))
            times.append(time.perf_counter() - began)
        return min(times)

    # four times as much if it is linear, sixteen times if it is quadratic
    assert best(64_000) < 8 * best(16_000) + 1e-4


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
        '"""',
        ";",
        ",",
        "x",
        "for=unknown",
        "for=6.6.6.6;",
        "for=6.6.6.6\\",
        "for=6.6.6.6,for=6.6.6.6",
        'for=10.0.0.2;by="',
        "for=10.0.0.2, " * 1000,
    ],
)
@pytest.mark.parametrize(
    ("appended", "named"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ('for="192.0.2.1"', "192.0.2.1"),
        ('for="[2001:db8::1]:80";proto=https', "2001:db8::1"),
        ('host="a,b";for=192.0.2.1', "192.0.2.1"),
        ('for=192.0.2.1, for="10.0.0.2:80"', "192.0.2.1"),
    ],
)
def test_a_client_can_neither_swallow_nor_hide_what_its_proxy_appends(
    claim: str, appended: str, named: str
) -> None:
    assert client_behind(forwarded=f"{claim}, {appended}") == named


@given(st.text('ab=;, for"6.:[]\\'))
@example(",for=6.6.6.6")
@example(',for="')
@example('";for="')
@example(',x=";for=6.6.6.6;y=')
def test_what_a_client_writes_inside_a_quoted_string_is_not_read(host: str) -> None:
    quoted = re.sub(r'(["\\])', r"\\\1", host)

    assert client_behind(forwarded=f'for=192.0.2.1;host="{quoted}"') in ("192.0.2.1", None)


@pytest.mark.parametrize("hops", [1, MOST_HOPS - 1])
def test_a_chain_of_trusted_hops_is_walked_past(hops: int) -> None:
    header = "for=192.0.2.1" + ", for=10.0.0.2" * hops

    assert client_behind(forwarded=header) == "192.0.2.1"


@pytest.mark.parametrize("piece", ["x", ",", " ", "1:", "[", ";", '"', "\\", 'for="', "10.0.0.2,"])
@pytest.mark.parametrize("name", ["x_forwarded_for", "forwarded"])
def test_a_megabyte_of_a_header_is_dealt_with(name: str, piece: str) -> None:
    header = piece * (1_000_000 // len(piece))

    assert client_behind(**{name: header}) in (None, PROXY)  # type: ignore[arg-type]
