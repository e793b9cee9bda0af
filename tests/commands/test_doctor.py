"""The doctor's command line, its checks of Syn, and that its output is safe."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import doctor
from p0f_middleware._commands.doctor import check_kernel, check_listener, examine_syn
from p0f_middleware._commands.doctor_p0f import Finding
from p0f_middleware.testing import FakeP0f

from .conftest import add_process

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the doctor would check."""
    seen: list[tuple[object, ...]] = []
    for name in ("examine_p0f", "examine_store", "examine_syn"):

        def examine(*arguments: object, name: str = name) -> list[Finding]:
            seen.append((name, *arguments))
            return []

        monkeypatch.setattr(doctor, name, examine)
    return seen


@pytest.mark.parametrize(
    ("arguments", "environment", "checked"),
    [
        ([], {}, ("examine_syn", None)),
        (["--source", "syn", "--port", "80"], {}, ("examine_syn", 80)),
        (["--socket", "/a.sock"], {}, ("examine_p0f", "/a.sock", None, None)),
        (["--source", "/a", "::1", "--port", "8"], {}, ("examine_p0f", "/a", "::1", 8)),
        (["--store", "redis://a"], {}, ("examine_store", "redis://a", None)),
        (["--source", "unix:///a", "0::1"], {}, ("examine_store", "unix:///a", "::1")),
        ([], {"P0F_SOCKET": "/a"}, ("examine_p0f", "/a", None, None)),
        ([], {"P0F_STORE": "redis://a"}, ("examine_store", "redis://a", None)),
        (["--source", "syn"], {"P0F_SOCKET": "/a"}, ("examine_syn", None)),
    ],
)
def test_it_checks_the_source_that_is_named(
    proc: Path,
    examined: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    checked: tuple[object, ...],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", *arguments]) == 0
    assert examined == [checked]


def test_it_checks_the_only_p0f_that_runs(
    proc: Path, examined: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-s", "/no/a.sock")
    assert main(["doctor"]) == 0
    assert examined == [("examine_p0f", "/no/a.sock", None, None)]
    add_process(proc, 8, "-s", "/no/b.sock")
    assert main(["doctor"]) == 2
    assert "name one of /no/a.sock, /no/b.sock with --socket" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["localhost", "0.0.0.0", "", "\x1b[2J"])
def test_text_that_is_no_clients_address_is_refused(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", address]) == 2
    assert "is not an IP address that a client can have" in capsys.readouterr().err


def test_a_fault_is_printed_once_and_logged_only_for_who_set_up_logging(
    fake_p0f: FakeP0f,
    proc: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake_p0f.refuse()
    with caplog.at_level(logging.WARNING, "p0f_middleware"):
        assert main(["doctor", "--socket", fake_p0f.socket_path]) == 1
    output = capfd.readouterr()
    assert output.out.count("p0f has ended") == 1
    assert "bind mount of an earlier p0f's socket: mount the folder" in output.out
    assert output.err == ""
    assert "p0f is down" in caplog.text


@pytest.mark.parametrize("quoted", ["\x1b[2J", "\u202e", "a\rok    b", "\udcff"])
def test_other_processes_and_paths_write_nothing_to_the_terminal(
    quoted: str, fake_p0f: FakeP0f, proc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_process(proc, 7, "-i", "lo", "-s", fake_p0f.socket_path, f"port 80 {quoted}")
    main(["doctor", "--socket", fake_p0f.socket_path])
    assert main(["doctor", "--socket", f"/run/{quoted}.sock"]) == 1
    output = capsys.readouterr()
    assert all(line.isprintable() for line in (output.out + output.err).split("\n"))


@needs_linux
def test_this_system_keeps_syns() -> None:
    found, question = examine_syn(None)
    assert found.ok
    assert (question.ok, "--port" in question.text) == (None, True)


def test_a_system_that_keeps_none_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError("only Linux keeps SYNs")

    monkeypatch.setattr(doctor, "save_syn", refuse)
    (found,) = examine_syn(80)
    assert found == (False, "Syn() does not work here: only Linux keeps SYNs. Use p0f")


@needs_linux
def test_a_syn_that_was_not_kept_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "save_syn", lambda _: None)
    found = check_kernel()
    assert found.ok is False
    assert "net.ipv4.tcp_syncookies" in found.text


@needs_linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_which_program_listens_is_a_question_and_that_none_does_a_fault(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        found = check_listener(port)
        assert found.ok is None
        assert "use SharedSyn or p0f there" in found.text
    assert check_listener(port).ok is False
