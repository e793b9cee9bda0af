"""Hops: what a forwarding header says of the machines that a request came through."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from .middlewares import PROXY
from .test_proxies import client_behind

LISTED, FORWARDED = "X-Forwarded-For", "Forwarded"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("  192.0.2.1\t", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        # walked from the right, past proxies that are trusted
        ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("192.0.2.1,10.0.0.3:80,10.0.0.2", "192.0.2.1"),
        ("192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # what stands left of the client is the client's own claim
        ("192.0.2.66, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        # empty elements are nothing at all
        (",,192.0.2.1, ,10.0.0.2,,", "192.0.2.1"),
        ("", PROXY),
        # a hop that is no address is where the trail ends
        ("unknown", None),
        ("192.0.2.1, garbage", None),
        ("192.0.2.1, 0.0.0.0", None),
        ("192.0.2.1:http", None),
        ('"192.0.2.1"', None),
        ("192.0.2.1;192.0.2.2", None),
        ("192.0.2.1\u00a0", None),
        ("\xff\xfe", None),
    ],
)
def test_x_forwarded_for(header: str, client: str | None) -> None:
    assert client_behind(LISTED, header) == client


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("For=192.0.2.1:4711", "192.0.2.1"),
        ('for="192.0.2.1:4711"', "192.0.2.1"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="\\192.0.2.\\1"', "192.0.2.1"),
        ("by=10.0.0.1;for=192.0.2.1;proto=https;host=example.org", "192.0.2.1"),
        ('for=192.0.2.1;host="a,b;for=6.6.6.6"', "192.0.2.1"),
        ('host="\\"";for=192.0.2.1', "192.0.2.1"),
        (" for=192.0.2.1 ; proto=http , for=10.0.0.2 ", "192.0.2.1"),
        # walked from the right, past proxies that are trusted
        ('for=192.0.2.1, for="[2001:db8:aaaa::5]:80", for=10.0.0.2', "192.0.2.1"),
        ("for=10.0.0.3, for=10.0.0.2", "10.0.0.3"),
        # empty elements are nothing at all
        ("", PROXY),
        ("for=192.0.2.1,,", "192.0.2.1"),
        (";for=192.0.2.1;", "192.0.2.1"),
        # a hop that is no address is where the trail ends
        ("for=unknown", None),
        ("for=192.0.2.1, for=unknown", None),
        ("for=192.0.2.1, proto=https", None),
        ('for=""', None),
        # a header that breaks the grammar names nobody
        ("192.0.2.1", None),
        ("for", None),
        ("for =192.0.2.1", None),
        ("for= 192.0.2.1", None),
        ("=192.0.2.1", None),
        ("for=192.0.2.1 for=192.0.2.1", None),
        ("for=192.0.2.1;FOR=192.0.2.1", None),
        ('for="192.0.2.1', None),
        ('for="192.0.2.1\\"', None),
        ('for=192.0.2.1"', None),
        ('for="192.0.2.1"x', None),
        ('for=192.0.2.1, x="', None),
        ("for=192.0.2.1\0", None),
        ("\xff", None),
    ],
)
def test_forwarded(header: str, client: str | None) -> None:
    assert client_behind(FORWARDED, header) == client


APPENDED = [
    (LISTED, "192.0.2.1", "192.0.2.1"),
    (FORWARDED, "for=192.0.2.1", "192.0.2.1"),
    (FORWARDED, 'for="[2001:db8::1]:80";proto=https', "2001:db8::1"),
    (FORWARDED, 'host="a,b";for=192.0.2.1', "192.0.2.1"),
    (FORWARDED, 'for=192.0.2.1, for="10.0.0.2:80"', "192.0.2.1"),
]


@given(st.text('for=";,\\[]:.0123456789 \t') | st.text(), st.sampled_from(APPENDED))
@example('for="', APPENDED[1])
@example('for=6.6.6.6, x="\\', APPENDED[1])
@example("6.6.6.6," * 10_000, APPENDED[0])
def test_a_client_can_neither_swallow_nor_hide_what_its_proxy_appends(
    claim: str, appended: tuple[str, str, str]
) -> None:
    name, value, named = appended

    assert client_behind(name, f"{claim}, {value}") == named


@given(st.text('ab=;, for"6.:[]\\'))
@example(",for=6.6.6.6")
@example(',for="')
@example('";for="')
@example(',x=";for=6.6.6.6;y=')
def test_what_a_client_writes_inside_a_quoted_string_is_not_read(host: str) -> None:
    quoted = re.sub(r'(["\\])', r"\\\1", host)

    assert client_behind(FORWARDED, f'for=192.0.2.1;host="{quoted}"') in ("192.0.2.1", None)


@pytest.mark.parametrize(("hops", "client"), [(99, "192.0.2.1"), (10_000, None)])
def test_a_chain_that_is_too_long_was_made_up(hops: int, client: str | None) -> None:
    assert client_behind(LISTED, "192.0.2.1" + ", 10.0.0.2" * hops) == client
    forwarded = "for=192.0.2.1" + ", for=10.0.0.2" * hops
    assert client_behind(FORWARDED, forwarded) == (client or "10.0.0.2")


@pytest.mark.parametrize("name", [LISTED, FORWARDED])
@pytest.mark.parametrize(
    "piece", [*("x", ",", " ", "1:", "[", ";", '"', "\\", "="), 'for="', 'a="\\"', "10.0.0.2,"]
)
def test_a_megabyte_of_a_header_takes_no_time(name: str, piece: str) -> None:
    header = piece * (1_000_000 // len(piece))
    began = time.perf_counter()

    assert client_behind(name, header) in (None, PROXY)
    assert time.perf_counter() - began < 0.5  # in quadratic time it takes minutes
