"""check_claim: which pairs of headers and fingerprint agree, which are accused, which are not."""

from __future__ import annotations

import itertools
import json
import pickle
import tracemalloc
from datetime import datetime, timezone

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
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {CHROME}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME}"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.3 Safari/605.1.15"
)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:149.0) Gecko/20100101 Firefox/149.0"
FREEBSD = "Mozilla/5.0 (X11; FreeBSD amd64; rv:135.0) Gecko/20100101 Firefox/135.0"
AGENTS = {"Windows": WINDOWS, "Apple": MAC, "Linux": LINUX}
PLATFORMS = {"Windows": '"Windows"', "Apple": '"macOS"', "Linux": '"Android"'}
OS_NAMES = {
    "Windows": ["Windows"],
    "Apple": ["macOS or iOS", "Mac OS X", "MacOS X", "iOS"],
    "Linux": ["Linux", "Android", "Linux or Android", "Chrome OS", "ChromeOS"],
}
MANY_SYSTEMS = [(family, name) for family, names in OS_NAMES.items() for name in names]
FAMILY_OF = {name: family for family, name in MANY_SYSTEMS}
POOR_MATCHES = [MatchQuality.FUZZY, MatchQuality.GENERIC, MatchQuality.FUZZY | MatchQuality.GENERIC]
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def syn(
    os_name: str | None = "Linux", os_flavor: str | None = "4.20 or newer", **fields: object
) -> P0fInfo:
    """The fingerprint of the request's own connection."""
    return P0fInfo(os_name=os_name, os_flavor=os_flavor, **{"source": "syn", **fields})  # type: ignore[arg-type]


def check_request(
    info: P0fInfo | None, user_agent: str | None, platform: str | None, **sent: object
) -> tuple[Claim, P0fInfo | None]:
    """What the middleware makes of a request."""
    return check_headers(info, read_headers(user_agent, platform, **sent))


def verdict(info: P0fInfo | None, user_agent: str | None, platform: str | None = None) -> str:
    return check_claim(info, user_agent, platform).verdict


# The rule


@pytest.mark.parametrize(("family", "os_name"), MANY_SYSTEMS)
@pytest.mark.parametrize("quality", [MatchQuality.NORMAL, *POOR_MATCHES])
def test_the_same_family_agrees_by_any_match(
    family: str, os_name: str, quality: MatchQuality
) -> None:
    assert verdict(syn(os_name, None, os_match_q=quality), AGENTS[family]) == "agree"


@pytest.mark.parametrize(("family", "os_name"), MANY_SYSTEMS)
@pytest.mark.parametrize("claimed", AGENTS)
def test_another_family_is_a_mismatch(family: str, os_name: str, claimed: str) -> None:
    if claimed != family:
        assert verdict(syn(os_name, None), AGENTS[claimed]) == "mismatch"


@pytest.mark.parametrize("quality", POOR_MATCHES)
@pytest.mark.parametrize("os_name", ["Windows", "macOS or iOS", "Android"])
def test_a_fuzzy_or_generic_match_accuses_nobody(os_name: str, quality: MatchQuality) -> None:
    other = LINUX if os_name == "Windows" else WINDOWS

    assert verdict(syn(os_name, os_match_q=quality), other) == "unsure"


@pytest.mark.parametrize(
    "os_name",
    ["FreeBSD", "Solaris", "OpenVMS", "Nintendo", "lwIP", "p0f", "Windows or Linux"],
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


@pytest.mark.parametrize("flavor", REWRITTEN)
def test_a_linux_that_may_be_what_a_middlebox_made_accuses_nobody(flavor: str) -> None:
    assert verdict(syn("Linux", flavor), WINDOWS) == "unsure"
    assert verdict(syn("Linux", flavor), ANDROID) == "agree"


@pytest.mark.parametrize(
    "flavor",
    [None, "4.20 or newer", "6.6 or 6.7", "3.11 and newer", "or Android", "cloud host"],
)
def test_a_linux_as_it_comes_accuses(flavor: str | None) -> None:
    assert verdict(syn("Linux", flavor), WINDOWS) == "mismatch"


@pytest.mark.parametrize("flavor", ["timestamps blanked", "TTL rewritten"])
@pytest.mark.parametrize("os_name", ["Windows", "macOS or iOS"])
def test_rewritten_syns_of_other_systems_accuse(os_name: str, flavor: str) -> None:
    assert verdict(syn(os_name, flavor), LINUX) == "mismatch"


@pytest.mark.parametrize("agent", [*AGENTS.values(), SAFARI])
@pytest.mark.parametrize("quality", [MatchQuality.NORMAL, *POOR_MATCHES])
def test_a_relay_is_called_a_relay(agent: str, quality: MatchQuality) -> None:
    assert verdict(syn("Proxy or VPN", "gateway", os_match_q=quality), agent) == "relay"


def test_windows_without_scaling_may_be_a_linux_so_set() -> None:
    """Linux sends that SYN with net.ipv4.tcp_timestamps and tcp_window_scaling off."""
    info = fingerprint_syn("4:64+0:0:1460:mss*44,0:mss,nop,nop,sok:df,id+:0")

    assert info is not None
    assert (info.os_name, info.os_flavor) == ("Windows", "no window scaling")
    assert verdict(info, LINUX) == "unsure"
    assert verdict(info, WINDOWS) == "agree"


# Relays


OWN_RELAY = [SAFARI, FIREFOX, f"{WINDOWS} Edg/134.0.0.0", f"{WINDOWS} OPR/119.0.0.0"]


@pytest.mark.parametrize("agent", OWN_RELAY)
@pytest.mark.parametrize("flavor", ["4.20 or newer", "no SACK"])
@pytest.mark.parametrize("quality", [MatchQuality.NORMAL, *POOR_MATCHES])
def test_linux_behind_a_browser_with_a_relay_or_vpn_may_be_that(
    agent: str, flavor: str, quality: MatchQuality
) -> None:
    claim = check_claim(syn("Linux", flavor, os_match_q=quality), agent)

    assert (claim.verdict, claim.relay_possible) == ("relay", True)


@pytest.mark.parametrize("os_name", ["Windows", "macOS or iOS"])
def test_such_relays_run_no_other_system(os_name: str) -> None:
    for agent in OWN_RELAY:
        assert verdict(syn(os_name, None), agent) in ("agree", "mismatch")


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

    assert check_claim(syn(os_name, None), agent, **sent).verdict == "relay"
    assert check_claim(syn(os_name, None), agent, None, scheme="https", **sent).verdict == "relay"
    assert check_claim(syn(os_name, None), AGENTS[FAMILY_OF[os_name]], **sent).verdict == "agree"


APPLE_APP = "AppleCoreMedia/1.0.0.19G71 (iPhone; U; CPU OS 15_6 like Mac OS X; en_us)"


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


def test_googles_own_connections_are_a_relay() -> None:
    google = fingerprint_syn("4:120+8:0:1430:65535,8:mss,sok,ts,nop,ws:df:0")

    assert check_claim(google, WINDOWS).verdict == "relay"


# Which mismatches a relay may explain


def test_linux_under_another_familys_user_agent_may_be_a_proxy() -> None:
    for os_name in OS_NAMES["Linux"]:
        assert check_claim(syn(os_name), WINDOWS).relay_possible
        assert check_claim(syn(os_name), MAC, scheme="http").relay_possible


@pytest.mark.parametrize("os_name", ["Windows", "macOS or iOS"])
def test_no_proxy_explains_another_systems_syn(os_name: str) -> None:
    assert not check_claim(syn(os_name, None), LINUX).relay_possible


@pytest.mark.parametrize("agent", [WINDOWS, MAC, f"{WINDOWS} Edg/134.0.0.0"])
def test_chromium_over_https_without_its_client_hint_is_no_browser(agent: str) -> None:
    claim = check_claim(syn(), agent, scheme="https")

    assert (claim.verdict, claim.relay_possible) == ("mismatch", False)
    assert str(claim).endswith("and the browser's Sec-CH-UA-Platform is missing")


@pytest.mark.parametrize(
    ("agent", "platform", "scheme"),
    [
        (WINDOWS, '"Windows"', "https"),
        (WINDOWS, None, "http"),
        (WINDOWS, None, None),
        (WINDOWS.replace("134.0.0.0", "80.0.3987.149"), None, "https"),
        (f"{WINDOWS} Vivaldi/7.1", None, "https"),
    ],
    ids=["it is there", "over HTTP", "not known", "an old version", "another browser"],
)
def test_otherwise_a_proxy_is_possible(
    agent: str, platform: str | None, scheme: str | None
) -> None:
    claim = check_claim(syn(), agent, platform, scheme=scheme)

    assert (claim.verdict, claim.relay_possible) == ("mismatch", True)


def test_a_proxy_does_not_make_headers_contradict_each_other() -> None:
    claim = check_claim(syn(), FIREFOX, '"Linux"', via="1.1 gateway")

    assert (claim.verdict, claim.relay_possible) == ("mismatch", False)


@pytest.mark.parametrize("agent", [LINUX, "curl/8.5.0", FREEBSD])
@pytest.mark.parametrize("os_name", ["Linux", "FreeBSD"])
def test_where_there_is_nothing_to_explain_it_is_false(agent: str, os_name: str) -> None:
    assert check_claim(syn(os_name), agent).relay_possible is False


@pytest.mark.parametrize("info", [None, P0fInfo(), syn(None, None, raw_sig="4:64:0:0:1,0:::0")])
def test_without_a_system_seen_nothing_is_sure(info: P0fInfo | None) -> None:
    assert check_claim(info, WINDOWS) == Claim(ClaimVerdict.UNSURE, "Windows", None)


@pytest.mark.parametrize("agent", [None, "", "curl/8.5.0", f"{WINDOWS} (Somebot/1.0)"])
@pytest.mark.parametrize("info", [None, syn("Windows"), syn("Proxy or VPN")])
def test_who_claims_no_system_makes_no_claim(info: P0fInfo | None, agent: str | None) -> None:
    claim = check_claim(info, agent, '"Windows"')

    assert (claim.verdict, claim.claimed, claim.platform) == ("no_claim", None, None)


# Fingerprints of an address


def test_the_daemon_accuses_where_the_address_has_one_machine() -> None:
    assert verdict(P0fInfo(os_name="Linux", os_flavor="3.11 and newer"), WINDOWS) == "mismatch"


@pytest.mark.parametrize(
    "info",
    [
        P0fInfo(os_name="Linux", last_nat=NOON),
        P0fInfo(os_name="Linux", last_chg=NOON),
        syn("Linux", source="address"),
    ],
    ids=["several machines", "another machine since", "a SYN of another connection"],
)
def test_what_may_be_of_another_machine_accuses_nobody(info: P0fInfo) -> None:
    assert verdict(info, WINDOWS) == "unsure"
    assert verdict(info, LINUX) == "agree"


# User-Agent and Sec-CH-UA-Platform


@pytest.mark.parametrize("family", AGENTS)
def test_a_platform_of_the_same_family_changes_nothing(family: str) -> None:
    for os_name in ("Windows", "macOS or iOS", "Linux", "Proxy or VPN", "FreeBSD"):
        with_it = check_claim(syn(os_name), AGENTS[family], PLATFORMS[family])

        assert with_it.verdict == verdict(syn(os_name), AGENTS[family])
        assert not with_it.contradictory


def test_an_unknown_platform_changes_nothing() -> None:
    assert check_claim(syn(), LINUX, '"Unknown"') == check_claim(syn(), LINUX)


@pytest.mark.parametrize(
    ("info", "agent", "platform", "expected"),
    [
        (syn("Linux"), WINDOWS, '"Linux"', "mismatch"),
        (syn("Linux"), LINUX, '"Windows"', "mismatch"),
        (syn("Windows", None), LINUX, '"macOS"', "mismatch"),
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
    ("os_name", "agent", "scheme", "bad_sw"),
    [
        ("Linux", WINDOWS, None, BadSoftware.OS_MISMATCH),
        ("Linux", WINDOWS, "https", BadSoftware.MISMATCH),
        ("Windows", LINUX, None, BadSoftware.MISMATCH),
    ],
    ids=["maybe a proxy", "no browser's headers", "a system that proxies do not run"],
)
def test_a_mismatch_shows_in_bad_sw(
    os_name: str, agent: str, scheme: str | None, bad_sw: BadSoftware
) -> None:
    claim, info = check_request(syn(os_name, None, total_conn=3), agent, None, scheme=scheme)

    assert claim.verdict == "mismatch"
    assert info == syn(os_name, None, total_conn=3, bad_sw=bad_sw)


@pytest.mark.parametrize("info", [syn("Linux"), syn("Windows"), syn("FreeBSD"), P0fInfo()])
def test_contradicting_headers_are_a_mismatch_in_bad_sw(info: P0fInfo) -> None:
    _, changed = check_request(info, WINDOWS, '"Linux"')

    assert changed is not None
    assert changed.bad_sw == BadSoftware.MISMATCH


@pytest.mark.parametrize("said", BadSoftware)
@pytest.mark.parametrize("platform", [None, '"Linux"'])
def test_what_p0f_said_itself_stands(said: BadSoftware, platform: str | None) -> None:
    info = P0fInfo(os_name="Linux", bad_sw=said)

    assert check_request(info, WINDOWS, platform)[1] is info


@pytest.mark.parametrize(
    ("info", "agent"),
    [
        (syn("Linux"), LINUX),
        (syn("Proxy or VPN"), WINDOWS),
        (syn(os_match_q=MatchQuality.GENERIC), WINDOWS),
        (syn("Linux"), "curl/8.5.0"),
        (None, WINDOWS),
    ],
    ids=["agree", "relay", "unsure", "no claim", "no fingerprint"],
)
def test_any_other_verdict_leaves_the_fingerprint_as_it_is(
    info: P0fInfo | None, agent: str
) -> None:
    assert check_request(info, agent, None)[1] is info


def test_the_changed_copy_is_made_once() -> None:
    info = syn(total_conn=7)

    assert check_request(info, WINDOWS, None)[1] is check_request(info, WINDOWS, None)[1]


def test_fingerprints_that_are_equal_but_not_the_same_are_not_mixed_up() -> None:
    for count in range(1, 100):
        _, info = check_request(syn(total_conn=count), WINDOWS, None)

        assert info is not None
        assert info.total_conn == count


@pytest.mark.parametrize("nonsense", [{}, "Linux", 7])
def test_a_source_that_gives_something_else_is_no_fingerprint(nonsense: object) -> None:
    claim, info = check_request(nonsense, WINDOWS, '"Linux"')  # type: ignore[arg-type]

    assert claim.verdict == "unsure"
    assert info is nonsense


# Results that are remembered depend on everything that decides


def test_each_field_that_decides_is_told_apart() -> None:
    check_claim(syn(), WINDOWS)  # a mismatch, remembered

    for other, expected in (
        (syn("Windows"), "agree"),
        (syn(os_flavor="no SACK"), "unsure"),
        (syn(os_match_q=MatchQuality.FUZZY), "unsure"),
        (syn(source="address"), "unsure"),
        (P0fInfo(os_name="Linux", os_flavor="4.20 or newer", last_nat=1), "unsure"),
        (P0fInfo(os_name="Linux", os_flavor="4.20 or newer", last_chg=1), "unsure"),
        (P0fInfo(os_name="Linux", os_flavor="4.20 or newer"), "mismatch"),
    ):
        assert verdict(other, WINDOWS) == expected


def test_fields_that_do_not_decide_need_no_place_in_the_memory() -> None:
    check_claim(syn(), WINDOWS)
    infos = [syn(first_seen=n, total_conn=n, distance=n % 30, raw_sig=str(n)) for n in range(5000)]

    tracemalloc.start()
    try:
        for info in infos:
            check_claim(info, WINDOWS)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept < 5000


def test_memory_is_bounded_whatever_signatures_and_liars_come() -> None:
    tracemalloc.start()
    try:
        for number in range(20_000):
            check_request(syn("Linux", f"kernel {number}"), f"{number} {WINDOWS}", None)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept < 4_000_000


# The Claim


def test_a_claim_is_immutable() -> None:
    with pytest.raises(AttributeError):
        check_claim(syn(), WINDOWS).verdict = ClaimVerdict.AGREE  # type: ignore[misc]


def test_claims_hash_and_pickle() -> None:
    claim = check_claim(syn(), WINDOWS, '"Windows"')

    assert {claim, pickle.loads(pickle.dumps(claim))} == {claim}


def test_a_claim_goes_into_json() -> None:
    claim = check_claim(syn(), WINDOWS, '"Linux"')

    assert json.loads(json.dumps(claim.as_dict())) == {
        "verdict": "mismatch",
        "claimed": "Windows",
        "seen": "Linux",
        "platform": "Linux",
        "relay_possible": False,
    }


def test_verdicts_are_strings() -> None:
    strings = ["agree", "mismatch", "relay", "unsure", "no_claim"]

    assert list(ClaimVerdict) == strings
    assert [f"{verdict}" for verdict in ClaimVerdict] == strings


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (
            check_claim(syn(), WINDOWS),
            "the User-Agent says Windows, the SYN is Linux's: a false User-Agent, or a proxy or"
            " VPN",
        ),
        (check_claim(syn("Windows"), MAC), "the User-Agent says Apple, the SYN is Windows's"),
        (check_claim(syn(), LINUX), "the User-Agent says Linux, and so does the SYN"),
        (
            check_claim(syn("Proxy or VPN"), WINDOWS),
            "the User-Agent says Windows, the SYN is that of a proxy or VPN",
        ),
        (
            check_claim(syn(), SAFARI),
            "the User-Agent says Apple, the SYN is Linux's, as through a proxy, a VPN or a relay",
        ),
        (
            check_claim(syn(os_match_q=MatchQuality.FUZZY), WINDOWS),
            "the User-Agent says Windows, the SYN looks like Linux's, which is not certain",
        ),
        (
            check_claim(None, WINDOWS),
            "the User-Agent says Windows, and no fingerprint shows the visitor's system",
        ),
        (
            check_claim(syn(), "curl/8.5.0"),
            "the User-Agent names no system, or several, or says that it is a program's",
        ),
        (
            check_claim(syn(), LINUX, '"Windows"'),
            "the User-Agent says Linux, Sec-CH-UA-Platform says Windows, the SYN is Linux's",
        ),
    ],
)
def test_a_claim_is_a_sentence(claim: Claim, sentence: str) -> None:
    assert str(claim) == sentence


# Anything


HEADERS = st.none() | st.text() | st.binary().map(lambda raw: raw.decode("latin-1"))
LIVELY = st.sampled_from([WINDOWS, LINUX, MAC, SAFARI, "curl/8.5.0", *PLATFORMS.values()])
INFOS = st.none() | st.builds(
    P0fInfo,
    os_name=st.sampled_from(list(itertools.chain(*OS_NAMES.values(), ["Proxy or VPN", "HP-UX"]))),
    os_flavor=st.none() | st.sampled_from(REWRITTEN),
    os_match_q=st.sampled_from(range(4)),
    last_nat=st.sampled_from([0, 1]),
    source=st.sampled_from(["p0f", "syn", "address"]),
)


@given(INFOS, HEADERS | LIVELY, HEADERS | LIVELY)
def test_anything_gets_a_claim_and_a_sentence(
    info: P0fInfo | None, user_agent: str | None, platform: str | None
) -> None:
    claim, changed = check_request(info, user_agent, platform)

    assert claim == check_claim(info, user_agent, platform)
    assert str(claim)
    assert (changed is None) == (info is None)


@given(INFOS, HEADERS | LIVELY, HEADERS | LIVELY)
def test_who_is_accused_was_seen_as_another_family(
    info: P0fInfo | None, user_agent: str | None, platform: str | None
) -> None:
    claim = check_claim(info, user_agent, platform)

    if claim.verdict == ClaimVerdict.MISMATCH:
        assert claim.seen in OS_NAMES
        assert {claim.claimed, claim.platform or claim.claimed} != {claim.seen}
        assert info is not None
        assert info.os_match_q == MatchQuality.NORMAL
