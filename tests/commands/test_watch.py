"""`p0f-middleware watch`: a line for each SYN."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from p0f_middleware import P0fInfo
from p0f_middleware.__main__ import main
from p0f_middleware._commands import watch as command
from p0f_middleware._commands.watch import as_line
from p0f_middleware.shared.keys import read_syn
from tests.shared.syns import LINUX, WINDOWS, syn

SYNS = [
    read_syn(syn("192.0.2.1", 1024, WINDOWS)),
    read_syn(syn("192.0.2.1", 1025, WINDOWS)),
    read_syn(syn("2001:db8::1", 1024, LINUX)),
]


@pytest.fixture(autouse=True)
def tap(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A tap that has seen some SYNs before somebody presses Ctrl-C."""
    made: dict[str, Any] = {}

    class FakeTap:
        def __init__(self, interface: str, ports: list[int]) -> None:
            made.update(interface=interface, ports=ports)
            self._syns = list(SYNS)

        def wait(self, seconds: float) -> bool:
            if not self._syns:
                raise KeyboardInterrupt
            return True

        def read(self, most: int) -> list[Any]:
            syns, self._syns = self._syns, []
            return syns

        def close(self) -> None:
            made["closed"] = True

    monkeypatch.setattr(command, "Tap", FakeTap)
    before = signal.getsignal(signal.SIGTERM)
    yield made
    signal.signal(signal.SIGTERM, before)


def test_each_syn_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--interface", "lo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{6}  192\.0\.2\.1:1024         Windows 10 or 11 .*"
        r"4:128\+0:0:1460:mss\*44,8:mss,nop,ws,nop,nop,sok:df,id\+:0 .*MTU 1500, .+",
        lines[0],
    )
    assert "  [2001:db8::1]:1024  " in lines[2]


def test_programs_get_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    main(["watch", "--interface", "lo", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    senders = [(line["address"], line["port"]) for line in lines]
    assert senders == [("192.0.2.1", 1024), ("192.0.2.1", 1025), ("2001:db8::1", 1024)]
    assert {"time", "os_name", "raw_sig", "link_mtu"} <= lines[0].keys()


def test_interface_and_ports_are_those_of_the_options(tap: dict[str, Any]) -> None:
    main(["watch", "--interface", "eth0", "--port", "80", "--port", "443"])
    assert tap == {"interface": "eth0", "ports": [80, 443], "closed": True}


def test_a_system_in_words() -> None:
    assert "  ???  None  MTU" in as_line("192.0.2.1", 1, P0fInfo())
    info = P0fInfo(os_name="Linux", os_flavor="3.x\n")
    assert "  Linux 3.x\\n  None  MTU" in as_line("192.0.2.1", 1, info)


def test_a_reader_that_has_gone_ends_it_quietly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tap: dict[str, Any]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as gone:
        monkeypatch.setattr("sys.stdout", gone)
        assert main(["watch", "--interface", "lo", "--json"]) == 1
    assert tap["closed"]
    assert capfd.readouterr().err == ""
