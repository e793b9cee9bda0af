"""The demo's server and its command line. tests/real runs it as a user does."""

from __future__ import annotations

import pytest

from p0f_middleware.__main__ import main, make_parser
from p0f_middleware._commands.demo import PORT, make_server
from p0f_middleware._commands.demo_source import SOURCE_MAKERS


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


@pytest.mark.parametrize("kind", SOURCE_MAKERS)
def test_it_offers_every_source_there_is(kind: str) -> None:
    assert make_parser().parse_args(["demo", "--source", kind]).source == kind
