"""The demo's page: what it shows of a visit, and that everything from outside is escaped."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fInfo, P0fStatus
from p0f_middleware._commands.demo_page import Visit, render
from p0f_middleware.claim import Claim, ClaimVerdict

KNOWN = "192.0.2.1"
AGREES = Claim(ClaimVerdict.AGREE, "Linux", "Linux")
VISIT = Visit(
    info=P0fInfo(os_name="Linux"),
    status=P0fStatus.OK,
    reason=None,
    claim=AGREES,
    address=KNOWN,
    user_agent="Mozilla/5.0 (X11; Linux x86_64)",
    platform=None,
    url="http://localhost:8000",
)


def shown(*, origin: str = "a test", lie: str | None = None, **changes: Any) -> str:
    """The page of `VISIT` with changes, its text in one line."""
    return " ".join(render(VISIT._replace(**changes), origin, lie).split())


def test_it_loads_nothing_from_elsewhere() -> None:
    page = shown(info=replace_source("syn"))
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)


def replace_source(source: Any) -> P0fInfo:
    return P0fInfo(os_name="Linux", raw_sig="4:64+0:0:1460:mss*44,7:mss:df:0", source=source)


@pytest.mark.parametrize(
    ("reason", "shows"),
    [("there is no <socket>", "There is no &lt;socket&gt;."), ("is it running?", "Is it running?")],
)
def test_without_a_fingerprint_it_gives_the_reason(reason: str, shows: str) -> None:
    page = shown(info=None, status=P0fStatus.UNAVAILABLE, reason=reason)
    assert f"<p>{shows}</p>" in page


@pytest.mark.parametrize("status", [s for s in P0fStatus if s is not P0fStatus.OK])
def test_without_a_fingerprint_it_says_why(status: P0fStatus) -> None:
    page = shown(info=None, status=status)
    assert status.describe().replace("'", "&#x27;") in page
    assert "<h1></h1>" not in page


def test_a_host_without_a_known_system_is_said_to_be_that() -> None:
    assert "<h1>A system that no signature knows</h1>" in shown(info=P0fInfo())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("p0f", "Your packets say"),
        ("syn", "Your first packet says"),
        ("address", "A packet from your address says"),
    ],
)
def test_it_says_what_the_fingerprint_was_taken_from(source: str, words: str) -> None:
    assert words in shown(info=replace_source(source))


def test_it_sets_what_the_browser_says_beside_what_the_fingerprint_says() -> None:
    page = shown(claim=Claim(ClaimVerdict.MISMATCH, "Windows", "Linux"), platform='"Windows"')
    browser, _, fingerprint = page.partition("Your browser says")[2].partition("Your packets say")
    assert '<p class="system">Windows</p>' in browser
    assert "Mozilla/5.0 (X11; Linux x86_64)" in browser
    assert "Sec-CH-UA-Platform: &quot;Windows&quot;" in browser
    assert '<p class="system">Linux</p>' in fingerprint


@pytest.mark.parametrize("verdict", ClaimVerdict)
def test_every_verdict_is_in_words(verdict: ClaimVerdict) -> None:
    claim = Claim(verdict, "Windows", "Linux")
    words = shown(claim=claim).partition('<p class="verdict">')[2].partition("</p>")[0]
    sentence = str(claim).replace("'", "&#x27;")
    assert sentence[1:] in words
    assert re.match("<strong>[A-Z][A-Za-z ]+[.]</strong>", words)


def test_a_mismatch_says_whether_a_proxy_may_explain_it() -> None:
    sure = Claim(ClaimVerdict.MISMATCH, "Apple", "Windows")
    maybe = Claim(ClaimVerdict.MISMATCH, "Windows", "Linux", relay_possible=True)
    assert "No proxy explains it" in shown(claim=sure)
    assert "the visitor is honest and a proxy opened the connection" in shown(claim=maybe)


def test_a_browser_that_contradicts_itself_is_not_said_to_agree() -> None:
    page = shown(claim=Claim(ClaimVerdict.AGREE, "Linux", "Linux", platform="Windows"))
    assert "The browser contradicts itself." in page
    assert "They agree." not in page


@pytest.mark.parametrize(("source", "shows"), [("p0f", True), ("syn", False)])
def test_only_what_p0f_itself_says_of_honesty_stands_beside_the_verdict(
    source: Any, shows: bool
) -> None:
    info = P0fInfo(os_name="Linux", bad_sw=1, source=source)
    assert ("<dt>Honesty</dt>" in shown(info=info)) is shows


def test_it_leads_to_the_page_of_a_lie_and_that_one_leads_back() -> None:
    assert '<a href="/lie">' in shown()
    page = shown(lie="curl <b>")
    assert '<a href="/">' in page
    assert '<a href="/lie">' not in page
    assert "curl &lt;b&gt;" in page


def test_without_claims_nothing_is_compared() -> None:
    page = shown(claim=None)
    assert "Your browser says" not in page
    assert "<h1>Linux</h1>" in page


def test_it_pictures_how_often_which_families_sent_such_a_syn() -> None:
    info = P0fInfo(os_name="Linux", seen_as={"Windows": 5, "Linux": 20, "<b>": 0}, source="syn")
    bars = re.findall(
        r"<li><span>(.*?)</span><i><b style=\"width:(.*?)%\"></b></i><em>(.*?)</em>",
        shown(info=info),
    )
    assert bars == [("Linux", "100.0", "20"), ("Windows", "25.0", "5"), ("&lt;b&gt;", "0.0", "0")]


def test_it_says_what_the_picture_is_and_what_it_is_not() -> None:
    page = shown(info=P0fInfo(os_name="Linux", seen_as={"Windows": 5, "Linux": 20}, source="syn"))
    assert "How many of the 25 variants" in page
    assert "not the odds that you run that system" in page
    assert "not the odds" not in shown()


def test_a_visit_over_loopback_is_explained() -> None:
    assert "with --host 0.0.0.0" in shown(info=P0fInfo(os_name="Linux", link_type="loopback"))
    assert "with --host 0.0.0.0" not in shown()


@pytest.mark.parametrize("field", ["os_name", "http_flavor", "link_type", "raw_sig", "signature"])
def test_text_of_a_source_is_escaped(field: str) -> None:
    given: dict[str, Any] = {"os_name": "x", "http_name": "x", field: "<u>&"}
    page = shown(info=P0fInfo(**given))
    assert "&lt;u&gt;&amp;" in page
    assert "<u>" not in page


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_text_of_a_request_adds_markup(header: str, reason: str) -> None:
    def markup(page: str) -> int:
        return sum(page.count(character) for character in "<>\"'")

    page = shown(address=header, user_agent=header, platform=header)
    assert markup(page) == markup(shown(address="x", user_agent="x", platform="x"))
    assert markup(shown(origin=reason, lie=reason)) == markup(shown(origin="x", lie="x"))
