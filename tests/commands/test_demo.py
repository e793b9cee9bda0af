"""The demo's command line, its page, and that everything from outside is escaped in it.

tests/real runs it as a user does.
"""

from __future__ import annotations

import json
import re
from typing import Any
from unittest.mock import Mock

import pytest

from p0f_middleware import P0fInfo, P0fWSGIMiddleware
from p0f_middleware.__main__ import main
from p0f_middleware._commands import demo
from p0f_middleware._commands.demo import MACOS, WINDOWS, DemoServer, make_app, origin_of, url_of
from p0f_middleware._commands.demo_page import render
from p0f_middleware.claim import Claim, ClaimVerdict
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import KNOWN

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "cannot serve on port 70000"),
        (["--host", "192.0.2.1"], "cannot serve on port"),
        (["--port", "{taken}"], "(Address already in use): name another --port"),
        (["--source", "http://cache"], "source is the path of p0f's socket"),
    ],
)
def test_it_says_why_it_cannot_serve(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with DemoServer("127.0.0.1", 0) as other:
        given = [word.format(taken=other.server_port) for word in arguments]
        assert main(["demo", "--port", "0", *given]) == 2
    assert words in capsys.readouterr().err


def test_a_system_that_keeps_no_syns_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "save_syn", Mock(side_effect=OSError("only Linux keeps SYNs")))
    assert main(["demo", "--port", "0"]) == 2
    assert capsys.readouterr().err == "p0f-middleware: only Linux keeps SYNs\n"


def test_a_stores_password_is_not_shown() -> None:
    assert "secret" not in origin_of("redis://a:secret@cache")


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", r"127\.0\.0\.1"),
        ("::1", r"\[::1\]"),
        ("0.0.0.0", r"(?!0\.0\.0\.0|127\.0\.0\.1).+"),
    ],
)
def test_its_url_has_an_address_that_its_visitors_can_open(host: str, shown: str) -> None:
    with DemoServer(host, 0) as server:
        assert re.fullmatch(rf"http://{shown}:{server.server_port}/", url_of(server, host))


def get(path: str, source: Any, **headers: str) -> str:
    """The answer to a request from `KNOWN`, through the middleware."""
    environ = {"PATH_INFO": path, "REMOTE_ADDR": KNOWN, "wsgi.url_scheme": "http", **headers}
    app: Any = P0fWSGIMiddleware(make_app("a test"), source)
    return b"".join(app(environ, lambda status, headers: None)).decode()


@pytest.mark.parametrize(("system", "lie"), [("Linux", WINDOWS), ("Windows", MACOS)])
def test_the_page_of_a_lie_shows_what_the_visitor_would_get(
    p0f: FakeP0f, system: str, lie: str
) -> None:
    p0f.hosts[KNOWN] = P0fInfo(os_name=system)
    honest, page = (get(path, p0f.socket_path, HTTP_USER_AGENT=LINUX) for path in ("/", "/lie"))
    assert f"<h1>{system}</h1>" in honest
    assert f"Your fingerprint, {KNOWN}" in honest
    assert '<a href="/lie">' in honest
    assert "Your browser did not send this User-Agent." in page
    assert "They disagree." in page
    assert lie in page
    assert LINUX not in page
    assert '<a href="/">' in page


def test_the_json_has_status_claim_and_fingerprint(p0f: FakeP0f) -> None:
    answer = json.loads(get("/json", p0f.socket_path, HTTP_USER_AGENT=LINUX))
    assert answer.pop("claim").items() >= {"verdict": "agree", "claimed": "Linux"}.items()
    assert answer == {"status": "ok", "reason": None, "info": SAMPLE.as_dict()}


# The page

VISIT = {
    "p0f.info": P0fInfo(os_name="Linux"),
    "p0f.reason": None,
    "p0f.claim": Claim(ClaimVerdict.AGREE, "Linux", "Linux"),
    "p0f.address": KNOWN,
    "HTTP_USER_AGENT": LINUX,
}


def shown(**changes: Any) -> str:
    """The page of `VISIT` with changes of its "p0f." keys, its text in one line."""
    changed = {f"p0f.{name}": value for name, value in changes.items()}
    return " ".join(render(VISIT | changed, "a test").split())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("p0f", "Your packets say"),
        ("syn", "Your first packet says"),
        ("address", "A packet from your address says"),
    ],
)
def test_it_says_what_the_fingerprint_is_of_and_loads_nothing_from_elsewhere(
    source: Any, words: str
) -> None:
    page = shown(info=P0fInfo(raw_sig="4:64", source=source, seen_as={"Linux": 1}))
    assert words in page
    assert "<h1>A system that no signature knows</h1>" in page
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
    assert LINUX in browser
    assert "Sec-CH-UA-Platform: &quot;Windows&quot;" in browser
    assert '<p class="system">Linux</p>' in fingerprint


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        *((Claim(verdict, "Windows", "Linux"), "") for verdict in ClaimVerdict),
        (Claim(ClaimVerdict.MISMATCH, "Apple", "Windows"), "No proxy explains it"),
        (
            Claim(ClaimVerdict.MISMATCH, "Windows", "Linux", relay_possible=True),
            "the visitor is honest and a proxy opened the connection",
        ),
        (
            Claim(ClaimVerdict.AGREE, "Linux", "Linux", platform="Windows"),
            "The browser contradicts itself.",
        ),
    ],
)
def test_every_verdict_is_in_words(claim: Claim, words: str) -> None:
    verdict = re.findall('<p class="verdict.*?</p>', shown(claim=claim))
    assert len(verdict) == 1
    assert re.search("<strong>[A-Z][A-Za-z ]+[.]</strong>", verdict[0])
    assert str(claim).replace("'", "&#x27;")[1:] in verdict[0]
    assert words in verdict[0]


def test_it_pictures_how_often_which_families_sent_such_a_syn() -> None:
    page = shown(info=P0fInfo(source="syn", seen_as={"Windows": 5, "Linux": 20, "<b>": 0}))
    bars = re.findall(
        r"<li><span>(.*?)</span><i><b style=\"width:(.*?)%\"></b></i><em>(.*?)</em>", page
    )
    assert bars == [("Linux", "100.0", "20"), ("Windows", "25.0", "5"), ("&lt;b&gt;", "0.0", "0")]
    assert "How many of the 25 variants" in page
    assert "not the odds that you run that system" in page
    assert "not the odds" not in shown()


def test_a_visit_over_loopback_is_explained() -> None:
    assert "with --host 0.0.0.0" in shown(info=P0fInfo(os_name="Linux", link_type="loopback"))
    assert "with --host 0.0.0.0" not in shown()


@pytest.mark.parametrize("reason", [None, "no"])
def test_no_text_from_outside_adds_markup(reason: str | None) -> None:
    def markup(text: str) -> int:
        info = P0fInfo(os_name=text, os_flavor=text, link_type=text, raw_sig=text, signature=text)
        visit = {"HTTP_USER_AGENT": text, "HTTP_SEC_CH_UA_PLATFORM": text, "p0f.address": text}
        visit |= {"p0f.info": None if reason else info, "p0f.reason": text}  # type: ignore[dict-item]
        page = render(VISIT | visit, origin=text)
        return sum(page.count(character) for character in "<>\"'")

    assert markup("<b>\"'&$x${y}%s{0}") == markup("x")
