"""check_claim: which pairs of headers and fingerprint agree, which are accused, which are not."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import (
    BadSoftware,
    Claim,
    ClaimVerdict,
    MatchQuality,
    P0fInfo,
    check_claim,
    fingerprint_syn,
)
from p0f_middleware.claim import check_request as check_headers
from p0f_middleware.claim import read_headers

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME}"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.3 Safari/605.1.15"
)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:149.0) Gecko/20100101 Firefox/149.0"
EDGE = f"{WINDOWS} Edg/134.0.0.0"
APPLE_APP = "AppleCoreMedia/1.0.0.19G71 (iPhone; U; CPU OS 15_6 like Mac OS X; en_us)"
AGENTS = {"Windows": WINDOWS, "Apple": MAC, "Linux": LINUX}
OS_NAMES = {
    "Windows": ["Windows"],
    "Apple": ["macOS or iOS", "Mac OS X", "MacOS X", "iOS"],
    "Linux": ["Linux", "Android", "Linux or Android", "Chrome OS", "ChromeOS"],
}
MANY_SYSTEMS = [(family, name) for family, names in OS_NAMES.items() for name in names]
FAMILY_OF = {name: family for family, name in MANY_SYSTEMS}
POOR_MATCHES = [MatchQuality.FUZZY, MatchQuality.GENERIC, MatchQuality.FUZZY | MatchQuality.GENERIC]
every_quality = pytest.mark.parametrize("quality", [MatchQuality.NORMAL, *POOR_MATCHES])


def syn(os_name: str | None = "Linux", os_flavor: str | None = None, **fields: Any) -> P0fInfo:
    """The fingerprint of the request's own connection."""
    return P0fInfo(os_name=os_name, os_flavor=os_flavor, **{"source": "syn", **fields})


def check_request(
    info: P0fInfo | None, user_agent: str | None, platform: str | None = None, **sent: object
) -> tuple[Claim, P0fInfo | None]:
    """What the middleware makes of a request."""
    return check_headers(info, read_headers(user_agent, platform, **sent))


def verdict(info: P0fInfo | None, user_agent: str | None, platform: str | None = None) -> str:
    return check_claim(info, user_agent, platform).verdict


# The rule


@every_quality
@pytest.mark.parametrize(("family", "os_name"), MANY_SYSTEMS)
def test_the_same_family_agrees_by_any_match_and_another_is_accused_by_a_good_one(
    family: str, os_name: str, quality: MatchQuality
) -> None:
    accused = "unsure" if quality else "mismatch"

    assert {
        claimed: verdict(syn(os_name, os_match_q=quality), agent)
        for claimed, agent in AGENTS.items()
    } == dict.fromkeys(AGENTS, accused) | {family: "agree"}


@pytest.mark.parametrize(
    "os_name", ["FreeBSD", "Solaris", "Nintendo", "lwIP", "p0f", "Windows or Linux"]
)
@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_other_systems_and_names_of_two_families_accuse_nobody(os_name: str, agent: str) -> None:
    assert verdict(syn(os_name), agent) == "unsure"


REWRITTEN = [
    *("timestamps blanked", "options blanked", "timestamps zeroed", "TTL rewritten"),
    *("timestamps removed", "no timestamps", "no SACK", "no timestamps, no SACK"),
    *("no window scaling", "no SACK, no scaling", "2.4 or 2.6", "2.6", "2.4.x", "2.6.x"),
    *("2.2.x-3.x (no timestamps)", "VPN or proxy server", "3.11 to 4.19", "3.0 to 3.10", "3.x"),
    *("3.1-3.10", "4.19 or older, jumbo Ethernet", "or Android, 2013 or earlier"),
]
AS_IT_COMES = [None, "4.20 or newer", "6.6 or 6.7", "3.11 and newer", "or Android", "cloud host"]


@pytest.mark.parametrize(
    ("os_name", "flavor", "expected"),
    [
        *(("Linux", flavor, "unsure") for flavor in REWRITTEN),
        *(("Linux", flavor, "mismatch") for flavor in AS_IT_COMES),
        *(("Windows", flavor, "mismatch") for flavor in ("timestamps blanked", "TTL rewritten")),
        *(("iOS", flavor, "mismatch") for flavor in ("timestamps blanked", "TTL rewritten")),
        ("Windows", "no window scaling", "unsure"),
    ],
)
def test_a_linux_that_may_be_what_a_middlebox_made_accuses_nobody(
    os_name: str, flavor: str | None, expected: str
) -> None:
    other = WINDOWS if os_name == "Linux" else LINUX

    assert verdict(syn(os_name, flavor), other) == expected
    assert verdict(syn(os_name, flavor), AGENTS[FAMILY_OF[os_name]]) == "agree"


@pytest.mark.parametrize(
    ("sent", "agent", "expected"),
    [
        # Linux sends it with net.ipv4.tcp_timestamps and tcp_window_scaling off, and Windows
        ("4:64+0:0:1460:mss*44,0:mss,nop,nop,sok:df,id+:0", LINUX, "unsure"),
        ("4:64+0:0:1460:mss*44,0:mss,nop,nop,sok:df,id+:0", WINDOWS, "agree"),
        # Google's own connections
        ("4:120+8:0:1430:65535,8:mss,sok,ts,nop,ws:df:0", WINDOWS, "relay"),
    ],
)
def test_syns_that_the_rule_knows_have_the_labels_that_it_knows(
    sent: str, agent: str, expected: str
) -> None:
    assert verdict(fingerprint_syn(sent), agent) == expected


@pytest.mark.parametrize("info", [None, P0fInfo(), syn(None, raw_sig="4:64:0:0:1,0:::0")])
def test_without_a_system_seen_nothing_is_sure(info: P0fInfo | None) -> None:
    assert check_claim(info, WINDOWS) == Claim(ClaimVerdict.UNSURE, "Windows", None)


@pytest.mark.parametrize("agent", [None, "", "curl/8.5.0", f"{WINDOWS} (Somebot/1.0)"])
@pytest.mark.parametrize("info", [None, syn("Windows"), syn("Proxy or VPN")])
def test_who_claims_no_system_makes_no_claim(info: P0fInfo | None, agent: str | None) -> None:
    claim = check_claim(info, agent, '"Windows"')

    assert (claim.verdict, claim.claimed, claim.platform) == ("no_claim", None, None)


# Relays


@every_quality
@pytest.mark.parametrize("agent", [*AGENTS.values(), SAFARI])
def test_a_relay_is_called_a_relay(agent: str, quality: MatchQuality) -> None:
    assert verdict(syn("Proxy or VPN", "gateway", os_match_q=quality), agent) == "relay"


@every_quality
@pytest.mark.parametrize("agent", [SAFARI, FIREFOX, EDGE, f"{WINDOWS} OPR/119.0.0.0"])
def test_linux_behind_a_browser_with_a_relay_or_vpn_may_be_that_and_no_other_system(
    agent: str, quality: MatchQuality
) -> None:
    for flavor in ("4.20 or newer", "no SACK"):
        claim = check_claim(syn("Linux", flavor, os_match_q=quality), agent)
        assert (claim.verdict, claim.relay_possible) == ("relay", True)
    assert verdict(syn("Windows"), agent) in ("agree", "mismatch")
    assert verdict(syn("macOS or iOS"), agent) in ("agree", "mismatch")


@pytest.mark.parametrize(
    "sent",
    [
        {"via": "1.1 gateway.example (squid)"},
        {"forwarded": "10.0.0.7"},
        {"purpose": "prefetch;anonymous-client-ip"},
    ],
    ids=["Via", "a forwarding header", "Chrome's prefetch proxy"],
)
@pytest.mark.parametrize("os_name", ["Linux", "Android", "Windows", "macOS or iOS"])
def test_a_proxy_by_its_own_words_is_a_relay_whatever_it_runs(
    sent: dict[str, str], os_name: str
) -> None:
    agent = MAC if os_name == "Windows" else WINDOWS

    assert check_claim(syn(os_name), agent, **sent).verdict == "relay"
    assert check_claim(syn(os_name), agent, None, scheme="https", **sent).verdict == "relay"
    assert check_claim(syn(os_name), AGENTS[FAMILY_OF[os_name]], **sent).verdict == "agree"


@pytest.mark.parametrize(
    ("agent", "scheme", "expected"),
    [
        (APPLE_APP, "http", "relay"),
        (APPLE_APP, "https", "mismatch"),
        (APPLE_APP, None, "mismatch"),
        (MAC, "http", "mismatch"),
        (WINDOWS, "http", "mismatch"),
    ],
)
def test_private_relay_carries_the_plain_http_of_apples_apps(
    agent: str, scheme: str | None, expected: str
) -> None:
    assert check_claim(syn(), agent, scheme=scheme).verdict == expected


# Which mismatches a relay may explain


@pytest.mark.parametrize(
    ("os_name", "agent", "sent", "possible"),
    [
        *((os_name, WINDOWS, {}, True) for os_name in OS_NAMES["Linux"]),
        ("Linux", MAC, {"scheme": "http"}, True),
        ("Windows", LINUX, {}, False),
        ("macOS or iOS", LINUX, {}, False),
        *(("Linux", agent, {"scheme": "https"}, False) for agent in (WINDOWS, MAC, EDGE)),
        ("Linux", WINDOWS, {"scheme": "https", "platform": '"Windows"'}, True),
        ("Linux", WINDOWS.replace("134.0.0.0", "80.0.3987.149"), {"scheme": "https"}, True),
        ("Linux", f"{WINDOWS} Vivaldi/7.1", {"scheme": "https"}, True),
        ("Linux", FIREFOX, {"platform": '"Linux"', "via": "1.1 gateway"}, False),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_linux_may_be_a_proxy_unless_no_browser_sends_such_headers(
    os_name: str, agent: str, sent: dict[str, str], possible: bool
) -> None:
    claim = check_claim(syn(os_name), agent, **sent)

    assert (claim.verdict, claim.relay_possible) == ("mismatch", possible)


# User-Agent and Sec-CH-UA-Platform


@pytest.mark.parametrize(
    ("agent", "platform"), [(WINDOWS, '"Windows"'), (MAC, '"macOS"'), (LINUX, '"Android"')]
)
def test_a_platform_of_the_same_family_changes_nothing(agent: str, platform: str) -> None:
    for os_name in ("Windows", "macOS or iOS", "Linux", "Proxy or VPN", "FreeBSD"):
        claim = check_claim(syn(os_name), agent, platform)

        assert claim._replace(platform=None) == check_claim(syn(os_name), agent, '"Unknown"')
        assert not claim.contradictory


@pytest.mark.parametrize(
    ("info", "agent", "platform", "expected"),
    [
        (syn("Linux"), WINDOWS, '"Linux"', "mismatch"),
        (syn("Linux"), LINUX, '"Windows"', "mismatch"),
        (syn("Windows"), LINUX, '"macOS"', "mismatch"),
        (None, LINUX, '"Windows"', "unsure"),
        (syn(os_match_q=MatchQuality.FUZZY), LINUX, '"Windows"', "unsure"),
    ],
)
def test_headers_that_contradict_each_other_never_agree(
    info: P0fInfo | None, agent: str, platform: str, expected: str
) -> None:
    claim = check_claim(info, agent, platform)

    assert (claim.verdict, claim.contradictory) == (expected, True)


# bad_sw


@pytest.mark.parametrize(
    ("os_name", "sent", "bad_sw"),
    [
        ("Linux", {}, BadSoftware.OS_MISMATCH),
        ("Linux", {"scheme": "https"}, BadSoftware.MISMATCH),
        ("macOS or iOS", {}, BadSoftware.MISMATCH),
        *((name, {"platform": '"Linux"'}, BadSoftware.MISMATCH) for name in ("Windows", "FreeBSD")),
        (None, {"platform": '"Linux"'}, BadSoftware.MISMATCH),
    ],
)
def test_a_mismatch_shows_in_bad_sw_and_changes_nothing_else(
    os_name: str | None, sent: dict[str, str], bad_sw: BadSoftware
) -> None:
    for count in range(3):  # equal fingerprints that are not the same are not mixed up
        info = syn(os_name, total_conn=count)
        changed = check_request(info, WINDOWS, **sent)[1]

        assert changed == syn(os_name, total_conn=count, bad_sw=bad_sw)
        assert check_request(info, WINDOWS, **sent)[1] is changed, "it is made once"


@pytest.mark.parametrize(
    ("info", "agent"),
    [
        (syn(), LINUX),
        (syn("Proxy or VPN"), WINDOWS),
        (syn(os_match_q=MatchQuality.GENERIC), WINDOWS),
        (syn(), "curl/8.5.0"),
        (None, WINDOWS),
        *(("Linux", WINDOWS), ({}, WINDOWS)),
    ],
)
def test_otherwise_the_fingerprint_is_left_as_it_is(info: Any, agent: str) -> None:
    assert check_request(info, agent)[1] is info


@pytest.mark.parametrize("said", BadSoftware)
@pytest.mark.parametrize("platform", [None, '"Linux"'])
def test_what_p0f_said_itself_stands(said: BadSoftware, platform: str | None) -> None:
    info = P0fInfo(os_name="Linux", bad_sw=said)

    assert check_request(info, WINDOWS, platform)[1] is info


# Results that are remembered depend on everything that decides


def test_each_field_that_decides_is_told_apart() -> None:
    linux: dict[str, Any] = {"os_name": "Linux", "os_flavor": "4.20 or newer"}
    assert verdict(syn(**linux), WINDOWS) == "mismatch"  # and that is remembered
    assert verdict(syn("Windows", "4.20 or newer"), WINDOWS) == "agree"

    for other, expected in (
        (syn("Linux", "no SACK"), "unsure"),
        (syn(**linux, os_match_q=MatchQuality.FUZZY), "unsure"),
        (syn(**linux, source="address"), "unsure"),  # it may be another machine's
        (P0fInfo(**linux, last_nat=1), "unsure"),
        (P0fInfo(**linux, last_chg=1), "unsure"),
        (P0fInfo(**linux), "mismatch"),
    ):
        assert verdict(other, WINDOWS) == expected
        assert verdict(other, LINUX) == "agree"


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda n: (syn("Windows", total_conn=n, distance=n % 30, raw_sig=str(n)), WINDOWS), 5000),
        (lambda n: (syn("Linux", f"kernel {n}"), f"{n} {WINDOWS}"), 2_500_000),
    ],
    ids=["the fields that do not decide need no place", "liars with signatures of their own"],
)
def test_the_memory_of_results_is_bounded(
    make: Callable[[int], tuple[P0fInfo, str]], most: int
) -> None:
    requests = [make(number) for number in range(8000)]
    check_request(*requests[0])
    tracemalloc.start()
    try:
        for info, user_agent in requests:
            check_request(info, user_agent)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept < most


# The Claim


def test_a_claim_goes_into_json() -> None:
    claim = check_claim(syn(), WINDOWS, '"Linux"')

    assert json.loads(json.dumps(claim.as_dict())) == {
        "verdict": "mismatch",
        "claimed": "Windows",
        "seen": "Linux",
        "platform": "Linux",
        "relay_possible": False,
    }


SENTENCES = {
    "and so does the SYN": check_claim(syn(), LINUX),
    "and no fingerprint shows the visitor's system": check_claim(None, LINUX),
    "the SYN looks like Linux's, which is not certain": check_claim(
        syn(os_match_q=MatchQuality.FUZZY), WINDOWS
    ),
    "the SYN is that of a proxy or VPN": check_claim(syn("Proxy or VPN"), WINDOWS),
    "the SYN is Linux's, as through a proxy, a VPN or a relay": check_claim(syn(), SAFARI),
    "the SYN is Linux's: a false User-Agent, or a proxy or VPN": check_claim(syn(), WINDOWS),
    "the SYN is Linux's, and the browser's Sec-CH-UA-Platform is missing": check_claim(
        syn(), WINDOWS, scheme="https"
    ),
    "the SYN is Windows's": check_claim(syn("Windows"), MAC),
    "Sec-CH-UA-Platform says Windows, the SYN is Linux's": check_claim(syn(), LINUX, '"Windows"'),
}


@pytest.mark.parametrize(("sentence", "claim"), SENTENCES.items())
def test_a_claim_is_a_sentence(sentence: str, claim: Claim) -> None:
    assert str(claim) == f"the User-Agent says {claim.claimed}, {sentence}"


def test_no_claim_is_a_sentence_too() -> None:
    no_claim = "the User-Agent names no system, or several, or says that it is a program's"

    assert str(check_claim(syn(), "curl/8.5.0")) == no_claim


# Anything


HEADERS = (
    st.none()
    | st.text()
    | st.binary().map(lambda raw: raw.decode("latin-1"))
    | st.sampled_from([WINDOWS, LINUX, MAC, SAFARI, "curl/8.5.0", '"Windows"', '"Linux"'])
)
SYSTEMS: Iterable[str] = itertools.chain(*OS_NAMES.values(), ["Proxy or VPN", "HP-UX"])
INFOS = st.none() | st.builds(
    P0fInfo,
    os_name=st.sampled_from(list(SYSTEMS)),
    os_flavor=st.none() | st.sampled_from(REWRITTEN),
    os_match_q=st.sampled_from(range(4)),
    last_nat=st.sampled_from([0, 1]),
    source=st.sampled_from(["p0f", "syn", "address"]),
)


@given(INFOS, HEADERS, HEADERS)
def test_anything_gets_a_claim_and_who_is_accused_was_seen_as_another_family(
    info: P0fInfo | None, user_agent: str | None, platform: str | None
) -> None:
    claim, changed = check_request(info, user_agent, platform)

    assert claim == check_claim(info, user_agent, platform)
    assert str(claim)
    assert (changed is None) == (info is None)
    assert not claim.relay_possible or claim.verdict in ("mismatch", "relay")
    if claim.verdict == ClaimVerdict.MISMATCH:
        assert claim.seen in OS_NAMES
        assert {claim.claimed, claim.platform or claim.claimed} != {claim.seen}
        assert info is not None
        assert info.os_match_q == MatchQuality.NORMAL
