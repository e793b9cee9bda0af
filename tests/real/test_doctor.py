"""The doctor on a real p0f, in every state that leaves `p0f.info` None."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands.doctor_p0f import Fault, Finding, examine_p0f
from p0f_middleware._commands.p0f import SIGNATURES

from .. import own_network
from .daemon import RealP0f


def diagnosis(path: str, address: str | None = None, port: int | None = None) -> Finding:
    """What is found last, with its mark."""
    try:
        return list(examine_p0f(path, address, port))[-1]
    except Fault as fault:
        return "FAULT", str(fault)


def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RealP0f(tmp_path, "-f", str(SIGNATURES)) as p0f:
        p0f.introduce("127.8.8.8")
        assert main(["doctor", "--socket", p0f.socket_path, "::ffff:127.8.8.8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6].rstrip() for line in lines] == ["ok"] * 5
    assert f"p0f -i lo -s {p0f.socket_path} -f {SIGNATURES}" in lines[0]
    assert "of p0f's 20 API connections are in use" in lines[1]
    assert "p0f answers in" in lines[2]
    assert "p0f sees this machine's connections to itself" in lines[3]
    assert "p0f knows 127.8.8.8: Linux" in lines[4]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (RealP0f.kill, "nothing listens on {path}: p0f has ended; start it again"),
        (RealP0f.pause, "p0f is stopped: continue it with kill -CONT {pid}"),
        (lambda p0f: os.unlink(p0f.socket_path), "If somebody has deleted the file, restart p0f"),
    ],
)
def test_a_p0f_that_cannot_be_asked(
    real_p0f: RealP0f, break_it: Callable[[RealP0f], None], said: str
) -> None:
    break_it(real_p0f)
    mark, text = diagnosis(real_p0f.socket_path)
    assert mark == "FAULT"
    assert said.format(path=real_p0f.socket_path, pid=real_p0f.pid) in text


def test_p0f_that_is_full_is_not_bothered(real_p0f: RealP0f) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.connect(real_p0f.socket_path)
        before = real_p0f.cpu_seconds()
        mark, text = diagnosis(real_p0f.socket_path)
        assert real_p0f.cpu_seconds() - before < 0.1
    assert mark == "FAULT"
    assert "20 of p0f's 20 API connections are in use: start it with a higher -S" in text


def test_filter_without_the_sites_port(tmp_path: Path) -> None:
    with RealP0f(tmp_path, "tcp port 443") as p0f:
        mark, text = diagnosis(p0f.socket_path, port=8000)
        assert diagnosis(p0f.socket_path, port=443)[0] == "ok"
        assert diagnosis(p0f.socket_path)[0] == "?"
    assert mark == "FAULT"
    assert "does its filter leave them out (tcp port 443)" in text


def test_p0f_in_a_container_sees_what_passes_there(tmp_path: Path) -> None:
    with RealP0f(tmp_path, interface="any", runner=own_network.COMMAND) as p0f:
        mark, text = diagnosis(p0f.socket_path)
    assert mark == "FAULT"
    assert text.endswith("or has its container another network?")


def test_socket_that_an_ended_p0f_has_left(real_p0f: RealP0f, tmp_path: Path) -> None:
    """As a bind mount of the socket's file shows it after p0f has started again."""
    os.link(real_p0f.socket_path, tmp_path / "mounted")
    real_p0f.restart()
    mark, text = diagnosis(str(tmp_path / "mounted"))
    assert mark == "FAULT"
    assert "bind mount of an earlier p0f's socket: mount the folder" in text
