"""`edge` and `watch`: their options, signals and lines, and what they say when they cannot work."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware import P0fInfo
from p0f_middleware.__main__ import main
from p0f_middleware._commands import edge as command
from p0f_middleware._commands.edge import as_line
from p0f_middleware.edge.agent import TTL
from tests.shared.syns import LINUX, WINDOWS, syn

EDGE = ["edge", "--interface", "lo", "--port", "443"]
WATCH = ["watch", "--interface", "lo"]
STORE = ["--store", "redis://edge:hunter2@cache/0"]
SYNS = [
    syn("192.0.2.1", 1024, WINDOWS),
    syn("192.0.2.1", 1025, WINDOWS),
    syn("2001:db8::1", 1024, LINUX),
    b"no SYN",
]


class FakeEdge:
    """What the command makes of its options; it sends itself signals and waits for one."""

    signals = (signal.SIGTERM,)
    options: dict[str, Any]

    def __init__(self, tap: object, store: Any, **options: Any) -> None:
        FakeEdge.options = {**options, "name": store.name}

    def run(self, wake: int, ended: Any) -> None:
        assert not ended()
        for number in self.signals:
            os.kill(os.getpid(), number)
        while not ended():
            assert os.read(wake, 64)

    def counts(self) -> str:
        return "counts"

    def close(self) -> None:
        FakeEdge.options["left"] = True


@pytest.fixture(autouse=True)
def tap(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """How the tap was made. It has some SYNs before somebody presses Ctrl-C."""
    made: dict[str, Any] = {}

    class FakeTap:
        def __init__(self, interface: str, ports: list[int]) -> None:
            made.update(interface=interface, ports=ports)
            self._syns = list(SYNS)

        def wait(self, seconds: float) -> bool:
            if not self._syns:
                raise KeyboardInterrupt
            return True

        def read(self, most: int) -> list[bytes]:
            syns, self._syns = self._syns, []
            return syns

        def close(self) -> None:
            made["closed"] = True

    monkeypatch.setattr(command, "Tap", FakeTap)
    monkeypatch.setattr(command, "Edge", FakeEdge)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_edge_has_defaults_and_takes_options(tap: dict[str, Any]) -> None:
    assert main([*EDGE, *STORE]) == 0
    assert tap == {"interface": "lo", "ports": [443], "closed": True}
    made = {"name": "redis://cache/0", "left": True}
    assert FakeEdge.options == {"ttl": TTL, "addresses": True, "max_rate": 50_000, **made}
    main([*EDGE, *STORE, *["--port", "80", "--ttl", "60", "--no-address", "--max-rate", "10"]])
    assert tap["ports"] == [443, 80]
    assert FakeEdge.options == {"ttl": 60, "addresses": False, "max_rate": 10, **made}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigusr1_prints_the_edges_counts_and_another_signal_ends_it(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(FakeEdge, "signals", (signal.SIGUSR1, number))
    caplog.set_level("INFO", "p0f_middleware")
    assert main([*EDGE, *STORE]) == 0
    assert caplog.messages[1:] == ["counts"] * 2  # asked for, and at the end


def test_the_store_may_be_named_in_the_environment_or_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("P0F_STORE", "redis://cache/1")
    main(EDGE)
    assert FakeEdge.options["name"] == "redis://cache/1"
    (tmp_path / "url").write_text("redis://cache/2\n")
    main([*EDGE, "--store-file", str(tmp_path / "url")])
    assert FakeEdge.options["name"] == "redis://cache/2"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "no store given: set P0F_STORE, or use --store URL or --store-file PATH"),
        (["--store", "redis://edge:hunter2/@cache"], "write / ? # and @ of a password as"),
    ],
)
def test_without_a_store_it_says_what_is_wrong_and_no_password(
    capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    status = main([*EDGE, *options])
    said = capsys.readouterr().err
    assert status == 2
    assert text in said
    assert "hunter2" not in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["edge", *STORE],
        ["edge", "--interface", "lo", *STORE],
        *([*EDGE, "--port", port, *STORE] for port in ("0", "65536", "http")),
        [*EDGE, "--ttl", "0", *STORE],
        [*EDGE, "--max-rate", "-1", *STORE],
        [*EDGE, "--store-file", "/dev/null", *STORE],
        [*EDGE, "--store-file", "/nonexistent"],
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(options)


@pytest.mark.parametrize("words", [[*EDGE, *STORE], WATCH])
def test_who_may_not_read_packets_is_told_what_that_needs(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(command, "Tap", refuse)
    assert main(words) == 2
    assert "reading packets needs CAP_NET_RAW" in capsys.readouterr().err


def test_help_does_not_show_the_password_in_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_STORE", "redis://edge:hunter2@cache/0")
    with pytest.raises(SystemExit):
        main(["edge", "--help"])
    assert "hunter2" not in capsys.readouterr().out


# watch


def test_each_syn_is_a_line(tap: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--interface", "eth0", "--port", "80", "--port", "443"]) == 0
    assert tap == {"interface": "eth0", "ports": [80, 443], "closed": True}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{6}  192\.0\.2\.1:1024         Windows 10 or 11 .*"
        r"4:128\+0:0:1460:mss\*44,8:mss,nop,ws,nop,nop,sok:df,id\+:0 .*MTU 1500, .+",
        lines[0],
    )
    assert "  [2001:db8::1]:1024  " in lines[2]


def test_programs_get_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    main([*WATCH, "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    senders = [(line["address"], line["port"]) for line in lines]
    assert senders == [("192.0.2.1", 1024), ("192.0.2.1", 1025), ("2001:db8::1", 1024)]
    assert {"time", "os_name", "raw_sig", "link_mtu"} <= lines[0].keys()


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
        assert main([*WATCH, "--json"]) == 1
    assert tap["closed"]
    assert capfd.readouterr().err == ""
