"""`p0f-middleware edge`: its options, its signals, and what it says when it cannot work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware.__main__ import main
from p0f_middleware._commands import edge as command
from p0f_middleware.shared.edge import TTL

OPTIONS = ["edge", "--interface", "lo", "--port", "443"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the command makes of its options, and the signals to send before the edge waits for one.

    Nothing is captured or written.
    """
    made: dict[str, Any] = {"signals": [signal.SIGTERM]}

    class FakeTap:
        def __init__(self, interface: str, ports: list[int]) -> None:
            made.update(interface=interface, ports=ports)

        def close(self) -> None:
            made["closed"] = True

    class FakeEdge:
        def __init__(self, tap: object, store: Any, **options: Any) -> None:
            made.update(options, name=store.name)

        def run(self, wake: int, ended: Any) -> None:
            assert not ended()
            for number in made["signals"]:
                os.kill(os.getpid(), number)
            while not ended():
                made["woken"] = os.read(wake, 64)

        def counts(self) -> str:
            return "counts"

        def close(self) -> None:
            made["left"] = True

    monkeypatch.setattr(command, "Tap", FakeTap)
    monkeypatch.setattr(command, "Edge", FakeEdge)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_has_defaults_and_takes_options(made: dict[str, Any]) -> None:
    assert main([*OPTIONS, "--store", "redis://edge:secret@cache/0"]) == 0
    assert (made["interface"], made["ports"], made["name"]) == ("lo", [443], "redis://cache/0")
    assert (made["ttl"], made["addresses"], made["max_rate"]) == (TTL, True, 50_000)
    assert made["closed"]
    assert made["left"]
    options = "--port 80 --ttl 60 --no-address --max-rate 10 --store redis://cache/0"
    main([*OPTIONS, *options.split()])
    assert (made["ports"], made["ttl"]) == ([443, 80], 60)
    assert (made["addresses"], made["max_rate"]) == (False, 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(made: dict[str, Any], number: int) -> None:
    made["signals"] = [number]
    assert main([*OPTIONS, "--store", "redis://cache/0"]) == 0


def test_sigusr1_prints_counts(made: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    made["signals"] = [signal.SIGUSR1, signal.SIGTERM]
    caplog.set_level("INFO", "p0f_middleware")
    main([*OPTIONS, "--store", "redis://cache/0"])
    assert caplog.messages[1:] == ["counts"] * 2  # asked for, and at the end


def test_the_store_may_be_named_in_the_environment_or_in_a_file(
    made: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("P0F_STORE", "redis://cache/1")
    main(OPTIONS)
    assert made["name"] == "redis://cache/1"
    (tmp_path / "url").write_text("redis://cache/2\n")
    main([*OPTIONS, "--store-file", str(tmp_path / "url")])
    assert made["name"] == "redis://cache/2"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "no store given: set P0F_STORE, or use --store URL or --store-file PATH"),
        (["--store-file", "/nonexistent"], "/nonexistent: No such file or directory"),
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


@pytest.mark.parametrize(
    "options",
    [
        ["edge"],
        ["edge", "--interface", "lo"],
        *([*OPTIONS, "--port", port] for port in ("0", "65536", "http")),
        [*OPTIONS, "--ttl", "0"],
        [*OPTIONS, "--max-rate", "-1"],
        [*OPTIONS, "--store-file", "/x"],
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*options, "--store", "redis://cache/0"])


def test_help_does_not_show_the_password_in_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_STORE", "redis://edge:hunter2@cache/0")
    with pytest.raises(SystemExit):
        main(["edge", "--help"])
    assert "hunter2" not in capsys.readouterr().out
