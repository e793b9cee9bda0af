"""The demo's command line, and its application on a p0f that is imitated.

tests/real runs it as a user does.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import pytest

from p0f_middleware import P0fInfo, P0fWSGIMiddleware
from p0f_middleware.__main__ import main
from p0f_middleware._commands import demo
from p0f_middleware._commands.demo import MACOS, WINDOWS, DemoServer, make_app, make_source, url_of
from p0f_middleware.shared.source import SharedSyn
from p0f_middleware.syn import Syn
from p0f_middleware.testing import SAMPLE, FakeP0f

from .conftest import KNOWN

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "cannot serve on port 70000"),
        (["--host", "192.0.2.1"], "cannot serve on port"),
        (["--store-file", "/none/url"], "/none/url"),
        (["--port", "{taken}"], "of 127.0.0.1 is in use: name another with --port"),
    ],
)
def test_it_says_why_it_cannot_serve(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with DemoServer("127.0.0.1", 0) as other:
        given = [word.format(taken=other.server_port) for word in arguments]
        assert main(["demo", "--port", "0", *given]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")
def test_its_source_is_syn_a_path_or_a_stores_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert isinstance(make_source(None, listener)[0], Syn)
        assert isinstance(make_source("syn", listener)[0], Syn)
        assert make_source("/a.sock", listener) == ("/a.sock", "p0f at /a.sock")
        source, origin = make_source("redis://a:secret@cache", listener)
    assert isinstance(source, SharedSyn)
    assert "secret" not in origin


def test_a_system_that_keeps_no_syns_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise OSError("only Linux keeps SYNs")

    monkeypatch.setattr(demo, "save_syn", refuse)
    assert main(["demo", "--port", "0"]) == 2
    assert capsys.readouterr().err == "p0f-middleware: only Linux keeps SYNs\n"


@pytest.mark.parametrize(
    "others", [["--socket", "/a"], ["--store", "redis://a"], ["--store-file", "/a"]]
)
def test_sources_that_exclude_each_other_are_refused(
    others: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["demo", "--source", "syn", *others])
    assert "not allowed with argument --source" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "start"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")]
)
def test_its_url_has_its_host(host: str, start: str) -> None:
    with DemoServer(host, 0) as server:
        assert url_of(server, host).startswith(f"{start}{server.server_port}/ in a browser")


def test_the_url_of_every_interface_has_an_address_that_a_phone_can_open() -> None:
    with DemoServer("0.0.0.0", 0) as server:
        url = url_of(server, "0.0.0.0")
    host = url.removeprefix("http://").partition(":")[0]
    assert host not in ("0.0.0.0", "127.0.0.1")
    assert "from a phone too" in url


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
    assert get("/favicon.ico", p0f.socket_path)[0] == "404 Not Found"


@pytest.mark.parametrize(("system", "lie"), [("Linux", WINDOWS), ("Windows", MACOS)])
def test_the_page_of_a_lie_shows_what_the_visitor_would_get(
    p0f: FakeP0f, system: str, lie: str
) -> None:
    p0f.hosts[KNOWN] = P0fInfo(os_name=system)
    status, page = get("/lie", p0f.socket_path, HTTP_USER_AGENT=LINUX)
    assert status == "200 OK"
    assert "Your browser did not send this User-Agent." in page
    assert "They disagree." in page
    assert lie in page
    assert LINUX not in page


def test_the_json_has_status_claim_and_fingerprint(p0f: FakeP0f) -> None:
    _, body = get("/json", p0f.socket_path, HTTP_USER_AGENT=LINUX)
    answer = json.loads(body)
    assert answer.pop("claim").items() >= {"verdict": "agree", "claimed": "Linux"}.items()
    assert answer == {"status": "ok", "reason": None, "info": SAMPLE.as_dict()}


@pytest.mark.parametrize("path", ["/", "/lie", "/json"])
def test_headers_of_any_bytes_break_no_page(p0f: FakeP0f, path: str) -> None:
    hostile = "\x00\xff<script>{0}{style}%s$title" + "x" * 10_000
    headers = {"HTTP_USER_AGENT": hostile, "HTTP_SEC_CH_UA_PLATFORM": hostile}
    status, page = get(path, p0f.socket_path, **headers)
    assert status == "200 OK"
    assert "<script>" not in page or path == "/json"
