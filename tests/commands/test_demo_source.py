"""Where the demo's fingerprints come from, on a p0f that is imitated."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware._commands import demo_source
from p0f_middleware._commands.demo_source import SampleHost, open_source
from p0f_middleware.syn import Syn
from p0f_middleware.testing import SAMPLE, FakeP0f


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_the_p0f_that_is_given_is_used(fake_p0f: FakeP0f, listener: socket.socket) -> None:
    with open_source(listener, socket_path=fake_p0f.socket_path) as source:
        assert (source.source, source.sample_because) == (fake_p0f.socket_path, None)


def test_where_no_p0f_is_given_syns_are_read(listener: socket.socket) -> None:
    with open_source(listener) as source:
        assert isinstance(source.source, Syn)
        assert source.sample_because is None


def test_the_sample_is_shown_where_it_is_asked_for(
    fake_p0f: FakeP0f, listener: socket.socket
) -> None:
    with open_source(listener, socket_path=fake_p0f.socket_path, kind="sample") as source:
        assert source.sample_because == "you chose it with --source sample"


def test_the_sample_is_a_source_that_gives_every_address_the_same_host() -> None:
    assert SampleHost().lookup("192.0.2.1") is SAMPLE


def test_where_syns_are_not_kept_and_no_p0f_starts_both_reasons_are_given(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError("SYNs are not kept here")

    monkeypatch.setattr(demo_source, "save_syn", refuse)
    pretend("exit 1", tmp_path, monkeypatch)
    with open_source(listener) as source:
        because = source.sample_because or ""
    assert because.startswith("SYNs are not kept here; p0f did not start")


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
    monkeypatch.setattr(demo_source, "START_TIMEOUT", 0.1 if "sleep" in program else 10)
    with open_source(listener, kind="p0f") as source:
        assert reason in (source.sample_because or "")


def test_without_p0f_the_sample_says_how_to_get_it(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_source, "P0F_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_source(listener, kind="p0f") as source:
        assert "apt-get install p0f" in (source.sample_because or "")
