"""`p0f-middleware edge`: its options, and what it says when it cannot work."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import edge as command

OPTIONS = ["edge", "--interface", "lo", "--port", "443"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P0F_STORE", raising=False)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command makes of its options; nothing is captured or written."""
    made: dict[str, Any] = {}

    class FakeTap:
        def __init__(self, interface: str, ports: list[int]) -> None:
            made.update(interface=interface, ports=ports)

        def close(self) -> None:
            made["closed"] = True

    class FakeEdge:
        def __init__(self, tap: object, connection: object, name: str, **options: Any) -> None:
            made.update(options, name=name)

        def run(self, wake: int, ended: Any) -> None:
            made["ran"] = True

        def counts(self) -> str:
            return "counts"

    monkeypatch.setattr(command, "Tap", FakeTap)
    monkeypatch.setattr(command, "Edge", FakeEdge)
    return made


def test_what_it_does_unless_told_otherwise(made: dict[str, Any]) -> None:
    status = main([*OPTIONS, "--store", "redis://edge:secret@cache/0"])

    assert status == 0
    assert made == {
        "interface": "lo",
        "ports": [443],
        "name": "redis://cache/0",
        "ttl": 600,
        "address_ttl": 3600,
        "max_rate": 50_000,
        "ran": True,
        "closed": True,
    }


def test_all_of_it_may_be_told(made: dict[str, Any]) -> None:
    options = [
        "--port",
        "80",
        "--ttl",
        "60",
        "--no-address",
        "--max-rate",
        "10",
        "--store",
        "redis://cache/0",
    ]
    main([*OPTIONS, *options])

    assert (made["ports"], made["ttl"], made["address_ttl"], made["max_rate"]) == (
        [443, 80],
        60,
        None,
        10,
    )


def test_the_store_may_stand_in_the_environment(
    made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_STORE", "redis://cache/1")
    main(OPTIONS)

    assert made["name"] == "redis://cache/1"


def test_the_store_may_stand_in_a_file(made: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://cache/2\n")
    main([*OPTIONS, "--store-file", str(tmp_path / "url")])

    assert made["name"] == "redis://cache/2"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "where is the store? Set P0F_STORE, or give --store or --store-file"),
        (["--store-file", "/nonexistent"], "No such file or directory"),
        (["--store", "http://edge:hunter2@cache"], "the URL of a store begins with redis://"),
        (["--store", "redis://edge:hunter2/@cache"], "write / ? # and @ of a password as"),
    ],
)
def test_without_a_store_it_says_what_is_wrong_and_no_password(
    capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    status = main([*OPTIONS, *options])
    said = capsys.readouterr().err

    assert status == 2
    assert text in said
    assert "hunter2" not in said
    assert said.count("\n") == 1


def test_an_interface_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["edge", "--interface", "nope0", "--port", "1", "--store", "redis://cache/0"])

    assert status == 2
    assert capsys.readouterr().err in (
        "p0f-middleware: there is no interface nope0\n",
        f"p0f-middleware: {command.CAPABILITY} ([Errno 1] Operation not permitted)\n",
    )


@pytest.mark.parametrize(
    "options",
    [
        ["edge"],
        ["edge", "--interface", "lo"],
        [*OPTIONS, "--port", "0"],
        [*OPTIONS, "--port", "65536"],
        [*OPTIONS, "--port", "http"],
        [*OPTIONS, "--ttl", "0"],
        [*OPTIONS, "--max-rate", "-1"],
    ],
)
def test_options_that_make_no_sense_are_refused(
    capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*options, "--store", "redis://cache/0"])


def test_help_does_not_show_the_password_in_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_STORE", "redis://edge:hunter2@cache/0")
    with pytest.raises(SystemExit):
        main(["edge", "--help"])

    assert "hunter2" not in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_wakes_it_and_ends_it(number: signal.Signals) -> None:
    agent: Any = object()
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    with command.Signals(agent) as signals:
        ended = signals.ended()
        os.kill(os.getpid(), number)
        woken = os.read(signals.fileno(), 64)

        assert (ended, signals.ended(), woken) == (False, True, bytes([number]))
    assert {n: signal.getsignal(n) for n in before} == before


def test_sigusr1_prints_counts_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "p0f_middleware")

    class Agent:
        def counts(self) -> str:
            return "some counts"

    agent: Any = Agent()
    with command.Signals(agent) as signals:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.read(signals.fileno(), 64)
        ended = [signals.ended() for _ in range(3)]

    assert ended == [False] * 3
    assert caplog.messages == ["some counts"]
