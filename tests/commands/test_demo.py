"""The demo's server, its source and its command line. tests/real runs it as a user does."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import demo
from p0f_middleware._commands.demo import PORT, make_server, make_source, url_of
from p0f_middleware.shared.source import SharedSyn
from p0f_middleware.syn import Syn


def test_it_says_when_the_port_it_was_given_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with make_server("127.0.0.1", 0) as other:
        assert main(["demo", "--port", str(other.server_port)]) == 2
        assert f"port {other.server_port} of 127.0.0.1 is in use" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--host", "192.0.2.1"]])
def test_it_says_when_it_cannot_serve_there(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *arguments]) == 2
    assert "cannot serve on port" in capsys.readouterr().err


def test_it_takes_a_free_port_where_none_was_asked_for_and_its_own_is_taken() -> None:
    with make_server("127.0.0.1", None) as first, make_server("127.0.0.1", None) as second:
        assert second.server_port not in (first.server_port, PORT)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")
@pytest.mark.parametrize("named", [None, "syn"])
def test_it_reads_syns_where_no_other_source_is_named(named: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert isinstance(make_source(named, listener)[0], Syn)


def test_a_path_and_a_stores_url_are_sources() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
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


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--port", "0", "--store-file", str(tmp_path / "none")]) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "start"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")]
)
def test_its_url_has_its_host(host: str, start: str) -> None:
    with make_server(host, 0) as server:
        assert url_of(server, host).startswith(f"{start}{server.server_port}/ in a browser")


def test_the_url_of_every_interface_has_an_address_that_a_phone_can_open() -> None:
    with make_server("0.0.0.0", 0) as server:
        url = url_of(server, "0.0.0.0")
    host = url.removeprefix("http://").partition(":")[0]
    assert host not in ("0.0.0.0", "127.0.0.1")
    assert "from a phone too" in url
