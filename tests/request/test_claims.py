"""What a request's claim is made of, and that nobody is accused for another machine's SYN."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from p0f_middleware import BadSoftware, P0fInfo

from .middlewares import ASGI, HOST, PORT, WSGI, KnownAfter, Middleware

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}"
IS_LINUX = P0fInfo(os_name="Linux", os_flavor="3.11 and newer")
IS_WINDOWS = P0fInfo(os_name="Windows", os_flavor="7 or 8")

MakeSite = Callable[..., Callable[..., dict[str, Any]]]


class Answers(KnownAfter):
    """A source that gives one answer after the other, and the last of them from then on."""

    def __init__(self, *answers: P0fInfo) -> None:
        super().__init__()
        self.answers = list(answers)

    def lookup(self, ip_address: str) -> P0fInfo | None:
        self.asked.append(ip_address)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def middleware(wrap: Callable[..., Middleware]) -> MakeSite:
    """Makes a site of its own from answers and options; it gives what its application finds."""

    def make_site(*answers: P0fInfo, **options: Any) -> Callable[..., dict[str, Any]]:
        source = Answers(*answers)
        site = wrap(source, **options)
        scheme_key, method_key = (
            ("scheme", "method") if site.is_async else ("wsgi.url_scheme", "REQUEST_METHOD")
        )

        def request(
            *headers: tuple[str, str], port: int = PORT, scheme: str = "http", method: str = "GET"
        ) -> dict[str, Any]:
            more = {scheme_key: scheme, method_key: method}
            found: dict[str, Any] = site.request((HOST, port), headers, **more)
            return found | {"asked": len(source.asked)}

        return request

    return make_site


def user_agent(value: str) -> tuple[str, str]:
    return "User-Agent", value


def platform(value: str) -> tuple[str, str]:
    return "Sec-CH-UA-Platform", value


# What it is made of


def test_the_user_agent_is_compared_with_the_fingerprint(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX)

    assert request(user_agent(LINUX))["p0f.claim"].verdict == "agree"
    assert request(user_agent(WINDOWS))["p0f.claim"].verdict == "mismatch"
    assert request()["p0f.claim"].verdict == "no_claim"


def test_a_mismatch_shows_in_the_fingerprint(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX)

    assert request(user_agent(WINDOWS))["p0f.info"].bad_sw == BadSoftware.OS_MISMATCH
    assert request(user_agent(LINUX))["p0f.info"] == IS_LINUX


def test_the_platform_is_read_too(middleware: MakeSite) -> None:
    found = middleware(IS_LINUX)(user_agent(LINUX), platform('"Windows"'))

    assert found["p0f.claim"].contradictory
    assert found["p0f.info"].bad_sw == BadSoftware.MISMATCH


def test_no_other_header_is_read(middleware: MakeSite) -> None:
    names = "X-User-Agent", "User-Agent-2", "Sec-CH-UA", "Sec-CH-UA-Platform-Version", "X-Platform"
    found = middleware(IS_LINUX)(*((name, '"Windows"') for name in names))

    assert found["p0f.claim"].verdict == "no_claim"


# The way it came


def relay_possible(found: dict[str, Any]) -> tuple[str, bool]:
    claim = found["p0f.claim"]
    return claim.verdict.value, claim.relay_possible


MAYBE, SURELY, RELAY = ("mismatch", True), ("mismatch", False), ("relay", True)
PROXIED: dict[str, Any] = {"trusted_proxies": HOST}
FOR = ("X-Forwarded-For", "198.51.100.7")


def test_over_https_chromium_sends_a_client_hint(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX, hold=0)

    assert relay_possible(request(user_agent(WINDOWS), scheme="https")) == SURELY
    assert relay_possible(request(user_agent(WINDOWS), scheme="http")) == MAYBE
    with_it = request(user_agent(WINDOWS), platform('"Windows"'), scheme="https")
    assert relay_possible(with_it) == MAYBE


def test_but_for_preflights(middleware: MakeSite) -> None:
    found = middleware(IS_LINUX)(user_agent(WINDOWS), scheme="https", method="OPTIONS")

    assert relay_possible(found) == MAYBE


@pytest.mark.parametrize(
    ("kind", "scheme"), [(WSGI, {"wsgi.url_scheme": "https"}), (ASGI, {"scheme": "wss"})]
)
def test_and_for_websockets(kind: Any, scheme: dict[str, str]) -> None:
    site = kind(Answers(IS_LINUX))
    found = site.request(headers=[user_agent(WINDOWS), ("Upgrade", "websocket")], **scheme)
    site.end()

    assert relay_possible(found) == MAYBE


def test_a_trusted_proxy_says_over_which_scheme_the_request_came(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX, **PROXIED)

    for scheme, expected in (("https", SURELY), ("http", MAYBE), ("https, http", MAYBE)):
        found = request(user_agent(WINDOWS), FOR, ("X-Forwarded-Proto", scheme))
        assert relay_possible(found) == expected
    assert relay_possible(request(user_agent(WINDOWS), FOR, scheme="https")) == MAYBE


def test_nobody_else_does(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX)
    says_http = ("X-Forwarded-Proto", "http")

    assert relay_possible(request(user_agent(WINDOWS), says_http, scheme="https")) == SURELY


@pytest.mark.parametrize(
    "header",
    [
        ("Via", "1.1 gateway.example (squid/6.9)"),
        ("X-Forwarded-For", "10.0.0.7"),
        ("Forwarded", "for=10.0.0.7"),
        ("X-Real-IP", "10.0.0.7"),
        ("Sec-Purpose", "prefetch;anonymous-client-ip"),
    ],
    ids=lambda header: header[0],
)
def test_a_proxy_that_says_so_is_a_relay(middleware: MakeSite, header: tuple[str, str]) -> None:
    request = middleware(IS_LINUX)

    assert relay_possible(request(user_agent(WINDOWS), header)) == RELAY
    assert request(user_agent(WINDOWS), header)["p0f.info"].bad_sw is None
    assert relay_possible(request(user_agent(LINUX), header)) == ("agree", False)
    assert relay_possible(request(user_agent(WINDOWS))) == MAYBE


def test_what_the_sites_own_proxy_writes_does_not_count(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX, **PROXIED)

    assert relay_possible(request(user_agent(WINDOWS), FOR, ("Via", "1.1 varnish"))) == MAYBE


def test_an_address_that_the_server_has_put_in_the_peers_place_names_nobody_else(
    middleware: MakeSite,
) -> None:
    """uvicorn does, for what it takes for a proxy, and leaves the header where it is."""
    found = middleware(IS_LINUX)(user_agent(WINDOWS), ("X-Forwarded-For", HOST))

    assert relay_possible(found) == MAYBE


def test_a_kept_answer_is_for_the_same_way_alone(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX)
    via = ("Via", "1.1 gateway")

    for _ in range(2):
        assert relay_possible(request(user_agent(WINDOWS))) == MAYBE
        assert relay_possible(request(user_agent(WINDOWS), via)) == RELAY
        assert relay_possible(request(user_agent(WINDOWS), via)) == RELAY
    assert request()["asked"] == 2  # of the two, the second made sure of the first mismatch


def test_without_claims_nothing_is_compared(middleware: MakeSite) -> None:
    found = middleware(IS_LINUX, claims=False)(user_agent(WINDOWS))

    assert "p0f.claim" not in found
    assert found["p0f.info"] == IS_LINUX
    assert found["asked"] == 1


@pytest.mark.parametrize(
    "value",
    ["", "\0", "\xff" * 1000, "windows" * 150_000, "(" * 2**20, '"', ",", "Linux," * 100_000],
)
@pytest.mark.parametrize("header", [user_agent, platform])
def test_hostile_headers_are_harmless(
    middleware: MakeSite, header: Callable[[str], tuple[str, str]], value: str
) -> None:
    found = middleware(IS_LINUX)(header(value), header(value))

    assert found["p0f.status"] == "ok"
    assert str(found["p0f.claim"])


@pytest.mark.parametrize("value", [["Windows"], 7, None], ids=repr)
def test_what_a_server_gives_in_place_of_a_string_claims_nothing(value: object) -> None:
    headers: dict[str, Any] = {"HTTP_USER_AGENT": value, "HTTP_SEC_CH_UA_PLATFORM": [value]}
    found = WSGI(Answers(IS_LINUX)).request(**headers)

    assert found["p0f.info"] == IS_LINUX
    assert found["p0f.claim"].verdict == "no_claim"


def test_a_held_connection_keeps_no_long_headers(middleware: MakeSite) -> None:
    """8192 connections are held at most; with their User-Agents of 8 kB these took 64 MB."""
    request = middleware(IS_LINUX)
    request(user_agent(LINUX), port=1)

    tracemalloc.start()
    try:
        for port in range(1000, 2000):
            request(user_agent(f"{port} {LINUX}".ljust(8192, "x")), port=port)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept < 3_000_000


# p0f answers for an address, and sees a new connection's SYN a few milliseconds late


def test_a_new_machine_behind_an_address_is_not_taken_for_the_one_before(
    middleware: MakeSite,
) -> None:
    found = middleware(IS_WINDOWS, IS_LINUX)(user_agent(LINUX))

    assert found["p0f.info"] == IS_LINUX
    assert found["p0f.claim"].verdict == "agree"
    assert found["asked"] == 2


def test_what_was_told_at_last_is_what_the_connection_keeps(middleware: MakeSite) -> None:
    request = middleware(IS_WINDOWS, IS_LINUX, IS_WINDOWS)

    request(user_agent(LINUX))

    assert request(user_agent(LINUX))["p0f.claim"].verdict == "agree"


def test_an_answer_that_p0f_stands_by_accuses(middleware: MakeSite) -> None:
    found = middleware(IS_WINDOWS)(user_agent(LINUX))

    assert found["p0f.claim"].verdict == "mismatch"
    assert found["asked"] == 2


def test_an_address_is_waited_for_once_in_a_while(middleware: MakeSite) -> None:
    request = middleware(IS_WINDOWS)
    request(user_agent(LINUX), port=1)

    assert request(user_agent(LINUX), port=2)["asked"] == 3


@pytest.mark.parametrize(
    ("info", "agent"),
    [
        (IS_LINUX, LINUX),
        (IS_LINUX, "curl/8.5.0"),
        (P0fInfo(os_name="Linux", os_match_q=2), WINDOWS),
        (P0fInfo(os_name="Linux", last_nat=1), WINDOWS),
        (P0fInfo(os_name="Linux", source="syn"), WINDOWS),
    ],
    ids=["agrees", "claims nothing", "generic", "several machines", "the connection's own SYN"],
)
def test_nobody_waits_who_is_not_accused_by_an_address(
    middleware: MakeSite, info: P0fInfo, agent: str
) -> None:
    assert middleware(info)(user_agent(agent))["asked"] == 1


def test_it_costs_no_more_than_the_grace(middleware: MakeSite) -> None:
    request = middleware(IS_WINDOWS, grace=0.2)

    began = time.monotonic()
    request(user_agent(LINUX))

    assert 0.2 <= time.monotonic() - began < 2
