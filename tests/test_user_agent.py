"""Naming families: the systems and programs that public lists leave out (`test_claims_score`)."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware._user_agent import (
    LONGEST,
    REMEMBERED,
    platform_family,
    read_headers,
    read_user_agent,
)

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WEBKIT} Chrome/134.0.0.0 Safari/537.36"
MOBILE_CHROME = f"{WEBKIT} Chrome/134.0.0.0 Mobile Safari/537.36"
WEBKIT_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
PC = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MACINTOSH = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {WEBKIT_APPLE}"
X11 = "Mozilla/5.0 (X11; Linux x86_64)"

WINDOWS = {
    "desktop": f"{PC} {CHROME}",
    "Internet Explorer": "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Netscape": "Mozilla/4.7 [en] (WinNT; I)",
    "Windows CE": "Mozilla/5.0 (WindowsCE 6.0; rv:2.0.1) Gecko/20100101 Firefox/4.0.1",
    "Windows Phone, which names all others": "Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0)"
    " like iPhone OS 7_0_3 Mac OS X AppleWebKit/537 (KHTML, like Gecko) Mobile Safari/537",
    "an Electron app": f"Mozilla/5.0 (Windows NT 10.0; WOW64) {WEBKIT} Slack/4.29 Electron/22.0",
    "npm": "npm/10.2.4 node/v20.11.0 win32 x64 workspaces/false",
    "iCloud for Windows": "iCloud.exe (unknown version) CFNetwork/520.44.6",
    "Sonos on Windows": "Linux UPnP/1.0 Sonos/70.3-35220 (WDCR:Microsoft Windows NT 10.0.19041)",
}
APPLE = {
    "Safari": f"{MACINTOSH} {WEBKIT_APPLE} Version/18.3 Safari/605.1.15",
    "an iPad, which says Macintosh": f"{MACINTOSH} {WEBKIT_APPLE} Version/14.0 Mobile/15E148"
    " Safari/604.1",
    "iPhone": f"{IPHONE} Version/18.3 Mobile/15E148 Safari/604.1",
    "a WebView": f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/500.0;FBDV/iPhone14,5;FBSN/iOS;FBSV/17]",
    "an old Mac": "Mozilla/4.0 (compatible; MSIE 5.17; Mac_PowerPC)",
    "an app's own library": "Weather/1.0 CFNetwork/1410.0.3 Darwin/22.6.0",
    "Apple Watch": "Podcasts/1710 watchOS/10.1 model/Watch6,1",
    "an app that names it": "Example/1.0 (Mac OS X 14.4)",
    "curl as macOS builds it": "curl/7.64.1 (x86_64-apple-darwin19.0) libcurl/7.64.1",
    "the Xbox's app": "Xbox/2407.1 CFNetwork/1494.0.7 Darwin/23.4.0",
    "Microsoft's remote desktop": "Windows%20App/11.0.6 CFNetwork/1568.200.51 Darwin/24.1.0",
    "Sonos on a Mac": "Linux UPnP/1.0 Sonos/54.2-72031 (MDCR_MacBookPro14,1)",
}
LINUX = {
    "desktop": f"{X11} {CHROME}",
    "Firefox": "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Android": f"Mozilla/5.0 (Linux; Android 10; K) {MOBILE_CHROME}",
    "an Android WebView": f"Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) {WEBKIT}"
    " Version/4.0 Chrome/134.0.6998.39 Mobile Safari/537.36",
    "a phone in desktop mode": f"{X11} {CHROME} SamsungBrowser/27.0",
    "a Cubot phone, which is no bot": f"Mozilla/5.0 (Linux; Android 9; CUBOT_X18) {MOBILE_CHROME}",
    "ChromeOS": f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME}",
    "Silk in desktop mode": f"{X11} {WEBKIT} Silk/134.1 like Chrome/134",
    "Tizen": "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 Version/6.0 TV",
    "webOS": f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} WebAppManager",
    "a Palm": "Mozilla/5.0 (webOS/1.4.0; U; en-US) AppleWebKit/532.2 Version/1.0 Safari/532.2 Pre",
    "Roku": "Roku/DVP-9.21 (289.21E04193A)",
    "KaiOS": "Mozilla/5.0 (Mobile; Nokia 8110 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
    "Steam Deck": f"{X11} {CHROME} SteamDeck",
    "apt": "Debian APT-HTTP/1.3 (2.6.1)",
    "the Librem 5": "Mozilla/5.0 (Librem 5, like iPhone; X11; Linux x86_64) Epiphany/605.1.15",
}
NO_SYSTEM = {
    "curl": "curl/8.5.0",
    "requests": "python-requests/2.32.3",
    "aiohttp": "Python/3.12 aiohttp/3.11.11",
    "nothing": "",
    "Firefox OS": "Mozilla/5.0 (Mobile; rv:26.0) Gecko/26.0 Firefox/26.0",
    "a word that holds another": "Radiosity/1.0 macrosoft/2 across-platform CriOSity Iosevka",
}
TWO_SYSTEMS = {
    "a Raspberry Pi": "Mozilla/5.0 (Macintosh; ARM Mac OS X) Raspbian/8.0 Epiphany/3.8.2",
    "X11 is not Apple's": "Mozilla/5.0 (X11; Intel Mac OS X) Epiphany/3.8.2",
    "Facebook on a Windows phone": "Mozilla/5.0 (osmeta like iPhone; U; osmeta 8.3; RM-1116_15357)",
    "an app": "Outlook-iOS-Android/1.0",
    "two headers": f"{LINUX['desktop']},{WINDOWS['desktop']}",
    "Sonos, which says Linux on every system": "Linux UPnP/1.0 Sonos/70.3-35220 (ZPS1)",
}
OTHER_SYSTEMS = {
    "PlayStation 5": f"Mozilla/5.0 (PlayStation; PlayStation 5/2.26) {WEBKIT_APPLE} Safari/605",
    "Nintendo Switch": "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/606.4 NF/6.0",
    "FreeBSD": "Mozilla/5.0 (X11; FreeBSD amd64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "FreeBSD that runs Linux's browser": "Mozilla/5.0 (X11; FreeBSD; like Linux x86_64)",
    "Fuchsia": f"Mozilla/5.0 (Fuchsia) {CHROME} CrKey/1.56.500000",
    "HarmonyOS NEXT": f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {WEBKIT} ArkWeb/4.1.6.1 Mobile",
}
BOTS = {
    "Googlebot": "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) (compatible;"
    " Googlebot/2.1; +http://www.google.com/bot.html)",
    "Applebot, at the end": f"{MACINTOSH} {WEBKIT_APPLE} Version/13.1.1 Safari/605.1.15"
    " (Applebot/0.1; +http://www.apple.com/go/applebot)",
    "Bytespider": f"Mozilla/5.0 (Linux; Android 5.0) {WEBKIT} Mobile Safari/537.36 (Bytespider)",
    "a preview": "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ BingPreview/1.0b",
    "a reader": "FreshRSS/1.24 (Linux; https://freshrss.org)",
    "StatusCake": f"{PC} {CHROME} (StatusCake)",
    "WebPageTest": f"{PC} {CHROME} PTST/220216.200657",
    "a bare name": f"{PC} {CHROME} DareBoost",
    "the name of a host": "Mozilla/5.0 (Windows NT 10.0) Example (tool.example.com)",
    "a name that ends in bot": "Mozilla/5.0 (X11; Linux x86_64; Examplebot)",
    "a crawler": "Mozilla/5.0 (Windows NT 10.0) SiteCrawler/3.0",
    "Manus": f"{MACINTOSH} {CHROME}; Manus-User/1.0",
    "headless": f"{X11} {WEBKIT} HeadlessChrome/134.0 Safari/537.36",
}
FETCHED_BY_A_SERVER = {
    "Opera Mini": "Opera/9.80 (iPhone; Opera Mini/7.1.32694/27.1407; U; en) Presto/2.8.119",
    "UC Browser's speed mode": "UCWEB/2.0 (iOS; U; iPh OS 7_0_4; ru; iPh3,1) U2/1.0.0 UCBrowser/9",
    "Puffin": f"Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) {WEBKIT} Puffin/9.7.2IP",
    "Gmail's images": "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Google Translate": f"{PC} {CHROME},gzip(gfe) (via translate.google.com)",
    "accelerated Silk": "Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10_6_3; Silk/1.1.0-80)"
    " AppleWebKit/533.16 Version/5.0 Safari/533.16 Silk-Accelerated=true",
}
NO_CLAIM = NO_SYSTEM | OTHER_SYSTEMS | TWO_SYSTEMS | BOTS | FETCHED_BY_A_SERVER
SYSTEMS = {"Windows": WINDOWS, "Apple": APPLE, "Linux": LINUX, None: NO_CLAIM}


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        pytest.param(agent, family, id=f"{family}: {system}")
        for family, table in SYSTEMS.items()
        for system, agent in table.items()
    ],
)
def test_a_system_of_one_of_the_three_families_is_claimed(agent: str, family: str | None) -> None:
    assert read_user_agent(agent).family == family


# Browsers with a relay of their own, and browsers that send client hints


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (WINDOWS["desktop"], {"hints"}),
        (LINUX["Android"], {"hints"}),
        (LINUX["ChromeOS"], {"hints"}),
        (f"{MACINTOSH} {CHROME}", {"hints"}),
        (f"{WINDOWS['desktop']} Edg/134.0.0.0", {"relays", "hints"}),
        (f"{WINDOWS['desktop']} OPR/119.0.0.0", {"relays", "hints"}),
        (LINUX["Firefox"], {"relays"}),
        (APPLE["Safari"], {"relays", "http_relays"}),
        (APPLE["an iPad, which says Macintosh"], {"relays", "http_relays"}),
        (APPLE["iPhone"], {"relays", "http_relays"}),
        (f"{IPHONE} FxiOS/135.0 Mobile/15E148 Safari/605.1.15", {"relays", "http_relays"}),
        (
            f"{IPHONE} Version/18.0 EdgiOS/134.0 Mobile/15E148 Safari/604.1",
            {"relays", "http_relays"},
        ),
        (f"{IPHONE} Version/18.0 Mobile/15E148 Safari/604.1 OPT/5.3", {"relays", "http_relays"}),
        (f"{IPHONE} CriOS/134.0.6998.33 Mobile/15E148 Safari/604.1", {"http_relays"}),
        (APPLE["a WebView"], {"http_relays"}),
        (APPLE["an app's own library"], {"http_relays"}),
        ("AppleCoreMedia/1.0.0.19G71 (iPhone; U; CPU OS 15_6 like Mac OS X)", {"http_relays"}),
        ("Downcast/2.9.13 (iPhone; iOS 15.2.1; Scale/2.00)", {"http_relays"}),
        (f"{MACINTOSH} {WEBKIT} Slack/4.29 Chrome/98", set()),
        (WINDOWS["an Electron app"], set()),
        (WINDOWS["desktop"].replace("134.0.0.0", "98.0.4758.102"), set()),
        (LINUX["an Android WebView"], set()),
        (f"{WINDOWS['desktop']} Vivaldi/7.1", set()),
        (f"{X11} {WEBKIT} QtWebEngine/6.5.2 {CHROME[46:]}", set()),
        (LINUX["a phone in desktop mode"], set()),
        (None, set()),
    ],
)
def test_which_browsers_have_a_relay_or_vpn_and_which_always_send_client_hints(
    agent: str | None, said: set[str]
) -> None:
    read = read_user_agent(agent)

    assert {name for name in ("relays", "http_relays", "hints") if getattr(read, name)} == said


@pytest.mark.parametrize(
    ("sent", "route"),
    [
        ({}, "unknown"),
        ({"scheme": "http"}, "unknown"),
        ({"scheme": "https"}, "forged"),
        ({"scheme": "https", "platform": '"Windows"'}, "unknown"),
        ({"scheme": "https", "platform": b""}, "unknown"),
        ({"scheme": "https", "via": b"1.1 gateway"}, "proxy"),
        ({"forwarded": "10.0.0.7"}, "proxy"),
        ({"purpose": "prefetch;anonymous-client-ip"}, "proxy"),
        ({"purpose": b"prefetch;anonymous-client-ip"}, "proxy"),
        ({"purpose": "prefetch", "via": "", "forwarded": ""}, "unknown"),
        ({"purpose": 7}, "unknown"),
    ],
)
def test_how_a_request_may_have_come(sent: dict[str, object], route: str) -> None:
    assert read_headers(WINDOWS["desktop"], **sent)[2] == route


PLATFORMS: dict[str | None, list[str | None]] = {
    "Windows": ['"Windows"'],
    "Apple": ['"macOS"', '"iOS"'],
    "Linux": ['"Linux"', '"Android"', '"Chrome OS"', '"Chromium OS"'],
    None: ['"Unknown"', '"Fuchsia"', '"Windows", "Linux"', "Windows", "", None],
}


@pytest.mark.parametrize("family", PLATFORMS)
def test_the_platform_that_chromium_sends_has_its_family(family: str | None) -> None:
    assert {platform_family(header) for header in PLATFORMS[family]} == {family}


@given(st.text(alphabet="a(;/ \0\xff,İß", max_size=LONGEST))
def test_nothing_behind_the_part_that_is_read_matters(padding: str) -> None:
    header = padding.ljust(LONGEST, "x")

    assert read_user_agent(header + " Windows") == read_user_agent(header)


@pytest.mark.parametrize("unit", ["a", "(", "version/1", "bot", "mac", "ios", "safari/1 ", "\xff"])
def test_a_megabyte_costs_no_more_than_what_is_read_of_it(unit: str) -> None:
    header = unit * (2**20 // len(unit))

    began = time.perf_counter()
    for start in range(100):  # each begins otherwise, so that none is remembered
        read_user_agent(header[start:])

    assert time.perf_counter() - began < 1  # reading all of it takes seconds


def test_a_bounded_part_of_a_bounded_number_of_user_agents_is_remembered() -> None:
    overhead = 400  # bytes for an entry: its string's header, its place in the memory
    tracemalloc.start()
    try:
        for number in range(4 * REMEMBERED):
            read_user_agent(f"{number} Windows ".ljust(8192, "x"))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept < REMEMBERED * (LONGEST + overhead)
