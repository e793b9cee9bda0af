"""The command line, on a p0f that is imitated."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware import P0fInfo, P0fStatus, P0fWSGIMiddleware, __version__
from p0f_middleware.__main__ import main, make_parser
from p0f_middleware._commands import demo_source
from p0f_middleware._commands.demo import PORT, make_app, make_server
from p0f_middleware._commands.demo_page import render
from p0f_middleware._commands.demo_source import Source, open_source
from p0f_middleware.syn import Syn
from p0f_middleware.testing import SAMPLE, FakeP0f

KNOWN, UNKNOWN = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def _no_socket_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)


@pytest.fixture
def p0f() -> Iterator[FakeP0f]:
    with FakeP0f() as fake:
        fake.hosts[KNOWN] = SAMPLE
        yield fake


def test_without_a_command_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert {"demo", "query"} <= set(capsys.readouterr().out.split())


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"p0f-middleware {__version__}\n"


def test_it_runs_as_a_module() -> None:
    printed = subprocess.check_output([sys.executable, "-m", "p0f_middleware", "--version"])
    assert printed.decode() == f"p0f-middleware {__version__}\n"


def test_query_prints_a_known_host_in_words(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", KNOWN, "--socket", p0f.socket_path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Operating system  Linux 3.11 and newer", "Distance          9 hops"]
    assert len(lines) == len(SAMPLE.describe())


def test_query_prints_a_known_host_as_json(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", KNOWN, "--socket", p0f.socket_path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SAMPLE.as_dict()


def test_query_finds_the_socket_in_the_environment(
    p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", p0f.socket_path)
    assert main(["query", KNOWN]) == 0


def test_query_says_that_a_host_is_unknown(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", UNKNOWN, "--socket", p0f.socket_path]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"p0f-middleware: p0f has not seen {UNKNOWN} since it started, on its interface\n"
    )


def test_query_prints_null_for_an_unknown_host(
    p0f: FakeP0f, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", UNKNOWN, "--socket", p0f.socket_path, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) is None


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ([KNOWN], "Set P0F_SOCKET or give --socket"),
        ([KNOWN, "--socket", "/nowhere/p0f.sock"], "is p0f running with -s /nowhere/p0f.sock?"),
        (["localhost", "--socket", "/nowhere/p0f.sock"], "not an IPv4 or IPv6 address"),
    ],
)
def test_query_that_cannot_be_asked_says_what_to_do(
    arguments: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert remedy in output.err


def test_demo_says_when_the_port_it_was_given_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with make_server("127.0.0.1", 0) as other:
        assert main(["demo", "--port", str(other.server_port)]) == 2
        assert f"port {other.server_port} of 127.0.0.1 is taken" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--host", "192.0.2.1"]])
def test_demo_says_when_it_cannot_serve_there(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *arguments]) == 2
    assert "cannot serve on port" in capsys.readouterr().err


def test_demo_takes_a_free_port_where_none_was_asked_for_and_its_own_is_taken() -> None:
    with make_server("127.0.0.1", None) as first, make_server("127.0.0.1", None) as second:
        assert second.server_port not in (first.server_port, PORT)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_demo_uses_the_p0f_it_is_given(p0f: FakeP0f, listener: socket.socket) -> None:
    with open_source(listener, socket_path=p0f.socket_path) as source:
        assert (source.ask, source.sample_because) == (p0f.socket_path, None)


def test_demo_reads_syns_where_no_p0f_is_given(listener: socket.socket) -> None:
    with open_source(listener) as source:
        assert isinstance(source.ask, Syn)
        assert source.sample_because is None


def test_demo_offers_every_source_there_is() -> None:
    for kind in demo_source.WAYS:
        assert make_parser().parse_args(["demo", "--source", kind]).source == kind


def test_demo_shows_the_sample_where_it_is_asked_for(p0f: FakeP0f, listener: socket.socket) -> None:
    with open_source(listener, socket_path=p0f.socket_path, kind="sample") as source:
        assert source.sample_because == "it was asked for"


def pretend(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a shell script in p0f's place."""
    (folder / "p0f").write_text(f"#!/bin/sh\n{program}\n")
    (folder / "p0f").chmod(0o755)
    monkeypatch.setattr(demo_source, "P0F_FOLDERS", ())
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ('echo "You don\'t have permission to perform this capture" >&2; exit 1', "run this as"),
        ("echo '[-] No such device exists' >&2; exit 1", "did not start: [-] No such device"),
        ("exit 1", "it gave no reason"),
        ("exec /bin/sleep 60", "did not start in"),
    ],
)
def test_a_p0f_that_does_not_start_gives_the_reason_for_the_sample(
    program: str,
    reason: str,
    listener: socket.socket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(program, tmp_path, monkeypatch)
    monkeypatch.setattr(demo_source, "STARTING", 0.1 if "sleep" in program else 10)
    with open_source(listener, kind="p0f") as source:
        assert reason in (source.sample_because or "")


def test_without_p0f_the_sample_says_how_to_get_it(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_source, "P0F_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_source(listener, kind="p0f") as source:
        assert "apt-get install p0f" in (source.sample_because or "")


def get(path: str, source: Source) -> tuple[str, str]:
    """The demo's answer to a request from 192.0.2.1, through the middleware."""
    started: list[Any] = []
    environ = {"PATH_INFO": path, "REMOTE_ADDR": KNOWN}
    app = P0fWSGIMiddleware(make_app(source), source.ask)
    body = app(environ, lambda *arguments: started.append(arguments))  # type: ignore[arg-type]
    return started[0][0], b"".join(body).decode()


def test_the_demos_page_shows_the_visitors_system(p0f: FakeP0f) -> None:
    status, page = get("/", Source(p0f.socket_path, "a test"))
    assert status == "200 OK"
    assert "<h1>Linux</h1>" in page
    assert f"Your fingerprint, {KNOWN}" in page


def test_the_demos_json_has_status_and_fingerprint(p0f: FakeP0f) -> None:
    _, body = get("/json", Source(p0f.socket_path, "a test"))
    assert json.loads(body) == {
        "sample": False,
        "status": "ok",
        "reason": None,
        "info": SAMPLE.as_dict(),
    }


def test_the_demos_json_says_that_it_is_a_sample(p0f: FakeP0f) -> None:
    _, body = get("/json", Source(p0f.socket_path, "a test", sample_because="no p0f"))
    assert json.loads(body)["sample"] is True


def test_the_demo_has_no_other_pages(p0f: FakeP0f) -> None:
    status, _ = get("/favicon.ico", Source(p0f.socket_path, "a test"))
    assert status == "404 Not Found"


def shown(
    info: P0fInfo | None, status: P0fStatus, reason: str | None = None, **options: Any
) -> str:
    return " ".join(render(info, status, reason, address=KNOWN, origin="a test", **options).split())


def test_a_page_without_a_fingerprint_gives_the_reason() -> None:
    page = shown(None, P0fStatus.UNAVAILABLE, "there is no <socket>")
    assert "<p>There is no &lt;socket&gt;.</p>" in page


def test_a_page_says_what_a_verdict_rests_on() -> None:
    info = P0fInfo(os_name="Linux", raw_sig="4:64+0:0:1460:mss*44,7:mss:df:0")
    page = shown(info, P0fStatus.OK, "the SYN matches s:unix:Linux:")
    assert "<p>The SYN matches s:unix:Linux:.</p>" in page
    assert "4:64+0:0:1460:mss*44,7:mss:df:0" in page


@pytest.mark.parametrize("status", [s for s in P0fStatus if s is not P0fStatus.OK])
def test_a_page_without_a_fingerprint_says_why(status: P0fStatus) -> None:
    page = shown(None, status)
    assert status.describe().replace("'", "&#x27;") in page
    assert "<h1></h1>" not in page


def test_a_page_about_a_host_without_a_known_system_says_so() -> None:
    assert "<h1>A system that no signature knows</h1>" in shown(P0fInfo(), P0fStatus.OK)


def test_the_sample_is_not_taken_for_the_visitor() -> None:
    page = shown(SAMPLE, P0fStatus.OK, sample_because="p0f is <missing>")
    assert "This is a sample, not you.</strong> Reason: p0f is &lt;missing&gt;." in page
    assert "Your fingerprint" not in page


@pytest.mark.parametrize(
    "field", ["os_name", "os_flavor", "http_name", "http_flavor", "link_type", "language"]
)
def test_what_p0f_says_is_escaped(field: str) -> None:
    given: dict[str, Any] = {"os_name": "x", "http_name": "x", field: "<b>&"}
    page = shown(P0fInfo(**given), P0fStatus.OK)
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page


def test_signatures_prints_where_the_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signatures"]) == 0
    assert Path(capsys.readouterr().out.strip()).read_text().startswith(";")


def test_signatures_merges_with_an_installed_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p0f.fp").write_text("classes = win\n[http:request]\nlabel = s:!:Browser:\n")
    assert main(["signatures", "--merge", str(tmp_path / "p0f.fp")]) == 0
    printed = capsys.readouterr().out
    assert "[tcp:request]" in printed
    assert "label = s:!:Browser:" in printed


def test_signatures_says_what_it_cannot_merge_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["signatures", "--merge", str(tmp_path / "none")]) == 2
    assert "cannot merge" in capsys.readouterr().err


def test_query_says_in_one_line_why_it_could_not_ask(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "p0f_middleware", "query", KNOWN, "--socket"]
    asked = subprocess.run(
        [*command, str(tmp_path / "none")], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 2
    assert len(asked.stderr.splitlines()) == 1
    assert "is p0f running" in asked.stderr
