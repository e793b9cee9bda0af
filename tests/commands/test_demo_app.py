"""The demo's application through the middleware, on a p0f that is imitated."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from p0f_middleware import P0fInfo, P0fWSGIMiddleware
from p0f_middleware._commands.demo_app import MACOS, WINDOWS, make_app
from p0f_middleware.testing import SAMPLE, FakeP0f

KNOWN = "192.0.2.1"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def p0f() -> Iterator[FakeP0f]:
    with FakeP0f() as fake:
        fake.hosts[KNOWN] = SAMPLE
        yield fake


def get(path: str, source: Any, **headers: str) -> tuple[str, str]:
    """Status and body of the answer to a request from `KNOWN`, through the middleware."""
    started: list[Any] = []
    environ = {"PATH_INFO": path, "REMOTE_ADDR": KNOWN, "wsgi.url_scheme": "http", **headers}
    app = P0fWSGIMiddleware(make_app("a test"), source)
    body = app(environ, lambda *arguments: started.append(arguments))  # type: ignore[arg-type]
    return started[0][0], b"".join(body).decode()


def test_the_page_shows_the_visitors_system(p0f: FakeP0f) -> None:
    status, page = get("/", p0f.socket_path)
    assert status == "200 OK"
    assert "<h1>Linux</h1>" in page
    assert f"Your fingerprint, {KNOWN}" in page


def test_the_page_of_a_lie_shows_what_the_visitor_would_get(p0f: FakeP0f) -> None:
    status, page = get("/lie", p0f.socket_path, HTTP_USER_AGENT=LINUX)
    assert status == "200 OK"
    assert "Your browser did not send this User-Agent." in page
    assert "They disagree." in page
    assert WINDOWS in page
    assert LINUX not in page


def test_the_lie_is_another_one_for_windows(p0f: FakeP0f) -> None:
    p0f.hosts[KNOWN] = P0fInfo(os_name="Windows", os_flavor="10 or 11")
    _, page = get("/lie", p0f.socket_path)
    assert MACOS in page
    assert "They disagree." in page


@pytest.mark.parametrize("host", ["demo.example:8000", "$(reboot)'; reboot; '<b>"])
def test_the_page_of_a_lie_gives_the_command_that_sends_it(p0f: FakeP0f, host: str) -> None:
    _, page = get("/lie", p0f.socket_path, HTTP_HOST=host)
    command = page.partition("<pre>")[2].partition("</pre>")[0]
    assert "<b>" not in command
    assert shlex.split(unescape(command)) == ["curl", "-A", WINDOWS, f"http://{host}/json"]


def test_the_json_has_status_claim_and_fingerprint(p0f: FakeP0f) -> None:
    _, body = get("/json", p0f.socket_path, HTTP_USER_AGENT=LINUX)
    answer = json.loads(body)
    assert answer.pop("claim").items() >= {"verdict": "agree", "claimed": "Linux"}.items()
    assert answer == {"status": "ok", "reason": None, "info": SAMPLE.as_dict()}


def test_there_are_no_other_pages(p0f: FakeP0f) -> None:
    status, _ = get("/favicon.ico", p0f.socket_path)
    assert status == "404 Not Found"


@pytest.mark.parametrize("path", ["/", "/lie", "/json"])
def test_headers_of_any_bytes_break_no_page(p0f: FakeP0f, path: str) -> None:
    hostile = "\x00\xff<script>{0}{style}%s" + "x" * 10_000
    status, page = get(
        path,
        p0f.socket_path,
        HTTP_USER_AGENT=hostile,
        HTTP_SEC_CH_UA_PLATFORM=hostile,
        HTTP_HOST=hostile,
    )
    assert status == "200 OK"
    assert "<script>" not in page
