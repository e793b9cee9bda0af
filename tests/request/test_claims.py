"""What a request's claim is made of, and that nobody is accused for another machine's SYN."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from p0f_middleware import BadSoftware, P0fInfo, P0fStatus
from p0f_middleware._outcome import Outcome

from .conftest import Clock
from .middlewares import HOST, LINUX, PORT, WINDOWS, WSGI, KnownAfter, Telling, Wrap

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
def middleware(wrap: Wrap) -> MakeSite:
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
            if scheme == "wss" and not site.is_async:
                scheme, headers = "https", (*headers, ("Upgrade", "websocket"))
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
    agree, mismatch = request(user_agent(LINUX)), request(user_agent(WINDOWS))

    assert (agree["p0f.claim"].verdict, agree["p0f.info"]) == ("agree", IS_LINUX)
    assert mismatch["p0f.claim"].verdict == "mismatch"
    assert mismatch["p0f.info"].bad_sw == BadSoftware.OS_MISMATCH


def test_the_platform_is_read_too_and_no_other_header(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX)
    names = "X-User-Agent", "User-Agent-2", "Sec-CH-UA", "Sec-CH-UA-Platform-Version", "X-Platform"
    found = request(user_agent(LINUX), platform('"Windows"'))

    assert found["p0f.claim"].contradictory
    assert found["p0f.info"].bad_sw == BadSoftware.MISMATCH
    others = request(*((name, '"Windows"') for name in names))
    assert others["p0f.claim"].verdict == "no_claim"


def test_without_claims_nothing_is_compared(middleware: MakeSite) -> None:
    found = middleware(IS_LINUX, claims=False)(user_agent(WINDOWS))

    assert found.keys() == {"p0f.info", "p0f.status", "p0f.reason", "p0f.address", "asked"}
    assert (found["p0f.info"], found["asked"]) == (IS_LINUX, 1)


# The way it came


def relay_possible(found: dict[str, Any]) -> tuple[str, bool]:
    claim = found["p0f.claim"]
    return claim.verdict.value, claim.relay_possible


MAYBE, SURELY, RELAY = ("mismatch", True), ("mismatch", False), ("relay", True)
PROXIED: dict[str, Any] = {"trusted_proxies": HOST}
FOR = ("X-Forwarded-For", "198.51.100.7")


def test_over_https_chromium_sends_a_hint_but_in_preflights_and_handshakes(
    middleware: MakeSite,
) -> None:
    request = middleware(IS_LINUX, hold=0)
    agent, hint = user_agent(WINDOWS), platform('"Windows"')

    assert relay_possible(request(agent, scheme="https")) == SURELY
    assert relay_possible(request(agent, scheme="http")) == MAYBE
    assert relay_possible(request(agent, hint, scheme="https")) == MAYBE
    assert relay_possible(request(agent, scheme="https", method="OPTIONS")) == MAYBE
    assert relay_possible(request(agent, scheme="wss")) == MAYBE


def test_the_scheme_is_what_a_trusted_proxy_says_and_nobody_else(middleware: MakeSite) -> None:
    request = middleware(IS_LINUX, **PROXIED)

    for scheme, expected in (("https", SURELY), ("http", MAYBE), ("https, http", MAYBE)):
        found = request(user_agent(WINDOWS), FOR, ("X-Forwarded-Proto", scheme))
        assert relay_possible(found) == expected
    assert relay_possible(request(user_agent(WINDOWS), FOR, scheme="https")) == MAYBE

    not_believed = ("X-Forwarded-Proto", "http")
    found = middleware(IS_LINUX)(user_agent(WINDOWS), not_believed, scheme="https")
    assert relay_possible(found) == SURELY


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


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        (PROXIED, [FOR, ("Via", "1.1 varnish")]),  # the site's own proxy has written them
        ({}, [("X-Forwarded-For", HOST)]),  # uvicorn has put the address in the peer's place
    ],
)
def test_headers_of_the_site_itself_tell_of_no_relay(
    middleware: MakeSite, options: Any, headers: Any
) -> None:
    assert relay_possible(middleware(IS_LINUX, **options)(user_agent(WINDOWS), *headers)) == MAYBE


def test_a_held_connection_that_claims_something_else_gets_a_new_claim(
    middleware: MakeSite,
) -> None:
    request = middleware(IS_LINUX)
    via = ("Via", "1.1 gateway")

    for _ in range(2):
        assert relay_possible(request(user_agent(LINUX))) == ("agree", False)
        assert relay_possible(request(user_agent(WINDOWS))) == MAYBE
        assert relay_possible(request(user_agent(WINDOWS), via)) == RELAY
        assert relay_possible(request(user_agent(WINDOWS), via)) == RELAY
    assert request()["asked"] == 1


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
    request = middleware(IS_LINUX)
    tracemalloc.start()
    try:
        for port in range(1000, 1100):
            request(user_agent(f"{port} {LINUX}".ljust(100_000, "x")), port=port)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept < 3_000_000


# p0f answers for an address, and sees a new connection's SYN a few milliseconds late


def test_a_new_machine_behind_an_address_is_not_taken_for_the_one_before(
    middleware: MakeSite,
) -> None:
    request = middleware(IS_WINDOWS, IS_LINUX, IS_WINDOWS)

    for _ in range(2):  # what was told at last is what the connection keeps
        found = request(user_agent(LINUX))
        assert found["p0f.info"] == IS_LINUX
        assert found["p0f.claim"].verdict == "agree"
        assert found["asked"] == 2


def test_an_answer_that_p0f_stands_by_accuses_and_an_address_is_waited_for_once_in_a_while(
    middleware: MakeSite,
) -> None:
    request = middleware(IS_WINDOWS)
    for port, asked in ((1, 2), (2, 3)):
        found = request(user_agent(LINUX), port=port)
        assert (found["p0f.claim"].verdict, found["asked"]) == ("mismatch", asked)


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


@pytest.mark.parametrize(("takes", "pause"), [(0, 0.2), (0.25, 0.05), (0.4, 0)])
def test_it_costs_no_more_than_the_grace_and_no_more_than_the_time_left(
    wrap: Wrap, clock: Clock, takes: float, pause: float
) -> None:
    def answer(*_: Any) -> Outcome:
        clock.now += takes
        return Outcome(IS_WINDOWS, P0fStatus.OK, None)

    wrap(Telling(answer), grace=0.2).request(headers=[user_agent(LINUX)])
    assert clock.pauses == [pytest.approx(pause)]
