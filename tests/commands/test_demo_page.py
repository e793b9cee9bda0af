"""The demo's page: what it shows of a visit, and that everything from outside is escaped."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fInfo
from p0f_middleware._commands.demo_page import render
from p0f_middleware.claim import Claim, ClaimVerdict

VISIT = {
    "p0f.info": P0fInfo(os_name="Linux"),
    "p0f.reason": None,
    "p0f.claim": Claim(ClaimVerdict.AGREE, "Linux", "Linux"),
    "p0f.address": "192.0.2.1",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64)",
}


def shown(
    *,
    info: P0fInfo | None = VISIT["p0f.info"],  # type: ignore[assignment]
    origin: str = "a test",
    lie: bool = False,
    **changes: Any,
) -> str:
    """The page of `VISIT` with changes of its "p0f." keys, its text in one line."""
    changed = {f"p0f.{name}": value for name, value in changes.items()}
    return " ".join(render(VISIT | {"p0f.info": info} | changed, origin, lie=lie).split())


def of_source(source: Any, **fields: Any) -> P0fInfo:
    return P0fInfo(
        os_name="Linux", raw_sig="4:64+0:0:1460:mss*44,7:mss:df:0", source=source, **fields
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("p0f", "Your packets say"),
        ("syn", "Your first packet says"),
        ("address", "A packet from your address says"),
    ],
)
def test_it_says_what_the_fingerprint_is_of_and_loads_nothing_from_elsewhere(
    source: str, words: str
) -> None:
    page = shown(info=of_source(source, seen_as={"Linux": 1}))
    assert words in page
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)


@pytest.mark.parametrize(
    ("reason", "shows"),
    [("there is no <socket>", "There is no &lt;socket&gt;."), ("is it running?", "Is it running?")],
)
def test_without_a_fingerprint_it_gives_the_reason(reason: str, shows: str) -> None:
    page = shown(info=None, reason=reason, address=None)
    assert "<h1>No fingerprint</h1>" in page
    assert f"<p>{shows}</p>" in page


def test_it_sets_what_the_browser_says_beside_what_the_fingerprint_says() -> None:
    claim = Claim(ClaimVerdict.MISMATCH, "Windows", "Linux")
    visit = VISIT | {"p0f.claim": claim, "HTTP_SEC_CH_UA_PLATFORM": '"Windows"'}
    page = render(visit, "a test")
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


@pytest.mark.parametrize(("lie", "link", "other"), [(False, "/lie", "/"), (True, "/", "/lie")])
def test_it_leads_to_the_page_of_a_lie_and_that_one_leads_back(
    lie: bool, link: str, other: str
) -> None:
    page = shown(lie=lie)
    assert f'<a href="{link}">' in page
    assert f'<a href="{other}">' not in page


def test_it_pictures_how_often_which_families_sent_such_a_syn() -> None:
    page = shown(info=of_source("syn", seen_as={"Windows": 5, "Linux": 20, "<b>": 0}))
    bars = re.findall(
        r"<li><span>(.*?)</span><i><b style=\"width:(.*?)%\"></b></i><em>(.*?)</em>", page
    )
    assert bars == [("Linux", "100.0", "20"), ("Windows", "25.0", "5"), ("&lt;b&gt;", "0.0", "0")]
    assert "How many of the 25 variants" in page
    assert "not the odds that you run that system" in page
    assert "not the odds" not in shown()
    assert "<h1>A system that no signature knows</h1>" in shown(info=P0fInfo())


def test_a_visit_over_loopback_is_explained() -> None:
    assert "with --host 0.0.0.0" in shown(info=P0fInfo(os_name="Linux", link_type="loopback"))
    assert "with --host 0.0.0.0" not in shown()


@pytest.mark.parametrize("field", ["os_name", "http_flavor", "link_type", "raw_sig", "signature"])
def test_text_of_a_source_is_escaped(field: str) -> None:
    given: dict[str, Any] = {"os_name": "x", "http_name": "x", field: "<u>&"}
    page = shown(info=P0fInfo(**given))
    assert "&lt;u&gt;&amp;" in page
    assert "<u>" not in page


@given(st.text(min_size=1))
def test_no_text_from_outside_adds_markup(text: str) -> None:
    def markup(text: str) -> int:
        headers = {"HTTP_USER_AGENT": text, "HTTP_SEC_CH_UA_PLATFORM": text, "p0f.address": text}
        page = render(VISIT | headers, origin=text)
        return sum(page.count(character) for character in "<>\"'")

    assert markup(text) == markup("x")
