"""`p0f-middleware doctor --store`: what it finds on the way of a lookup."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
import redis

from p0f_middleware.__main__ import main
from tests.shared.stores import RealStore, stand_in
from tests.shared.syns import WINDOWS, syn

CLIENT = "192.0.2.1"
NO_RIGHTS = ("--user", "default", "on", "nopass", "~*", "-@all")
Doctor: TypeAlias = "Callable[..., tuple[int, list[str]]]"


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RealStore]:
    with RealStore(tmp_path, getattr(request, "param", ())) as store:
        yield store


@pytest.fixture
def contents(store: RealStore) -> Iterator[redis.Redis]:
    with redis.Redis(port=store.port) as client:
        yield client


def sign(contents: redis.Redis, **changes: object) -> None:
    """The sign of life of an edge."""
    now = int(time.time())
    life = {"host": "edge1", "interface": "eth0", "time": now, "last_syn": now, "written": 12}
    contents.set("p0f:edge", json.dumps(life | changes))


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The command: its exit status, and what it prints."""

    def doctor(url: str, *words: str) -> tuple[int, list[str]]:
        status = main(["doctor", "--store", url, *words])
        return status, capsys.readouterr().out.splitlines()

    return doctor


def test_all_is_well(store: RealStore, contents: redis.Redis, doctor: Doctor) -> None:
    sign(contents)
    contents.set(f"p0f:{{{CLIENT}}}", syn(CLIENT, 1, WINDOWS))
    status, lines = doctor(store.url, CLIENT)

    assert status == 0
    assert [line[:6] for line in lines] == ["ok    "] * 4
    assert lines[0] == f"ok    the server at {store.url} answers"
    assert "the edge on edge1 (eth0) has written 12 SYNs" in lines[2]
    assert lines[3].startswith(f"ok    the store has a SYN of {CLIENT}: Windows 10 or 11")


def test_a_store_that_is_not_there_is_a_fault_without_its_password(doctor: Doctor) -> None:
    status, lines = doctor("redis://app:hunter2@127.0.0.1:1/0")
    assert status == 1
    assert lines[0].startswith("FAULT no connection to the SYN store at redis://127.0.0.1:")
    assert "hunter2" not in lines[0]


def test_something_else_is_a_fault(doctor: Doctor) -> None:
    with stand_in(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        status, lines = doctor(url)
    assert status == 1
    assert "does not answer as Redis or Valkey do" in lines[0]


def test_a_url_that_names_no_store_is_a_fault(doctor: Doctor) -> None:
    told = "FAULT the URL of a store begins with redis://, rediss://, unix://"
    assert doctor("http://app:hunter2@cache") == (1, [told])


@pytest.mark.parametrize(
    ("store", "refused"),
    [
        ([*NO_RIGHTS], "ping"),
        ([*NO_RIGHTS, "+ping"], "mget"),
        ([*NO_RIGHTS, "+ping", "+mget"], "get"),
    ],
    indirect=["store"],
)
def test_missing_rights_are_named(store: RealStore, doctor: Doctor, refused: str) -> None:
    status, lines = doctor(store.url)
    assert status == 1
    assert f"'{refused}' command" in lines[-1]
    assert lines[-1].endswith("grant its user %R~p0f:* +get +mget +ping")


def test_no_edge_that_writes_or_an_odd_sign_of_life(
    store: RealStore, contents: redis.Redis, doctor: Doctor
) -> None:
    for _ in range(2):
        status, lines = doctor(store.url, CLIENT)
        assert status == 1
        assert lines[-1].startswith("FAULT no edge has written in the last 3 minutes")
        contents.set("p0f:edge", "garbage")


@pytest.mark.parametrize(
    ("last_syn", "words"),
    [(None, "runs, and had seen no SYN"), (946728000, "the last at 2000-01-01 ")],
)
def test_an_edge_that_sees_nobody_or_has_for_long_is_a_question(
    store: RealStore, contents: redis.Redis, doctor: Doctor, last_syn: int | None, words: str
) -> None:
    sign(contents, last_syn=last_syn)
    status, lines = doctor(store.url)
    assert status == 0
    assert lines[-1].startswith("?     the edge on edge1 (eth0) ")
    assert words in lines[-1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, f"the store has no p0f:{{{CLIENT}}}: has {CLIENT} connected"),
        (syn("198.51.100.7", 1), f"the value of p0f:{{{CLIENT}}} is not a SYN of {CLIENT}: find"),
        (b"no SYN", f"the value of p0f:{{{CLIENT}}} is not a SYN of {CLIENT}: find"),
    ],
)
def test_an_address_without_a_syn_of_its_own(
    store: RealStore, contents: redis.Redis, doctor: Doctor, value: bytes | None, text: str
) -> None:
    sign(contents)
    if value is not None:
        contents.set(f"p0f:{{{CLIENT}}}", value)
    status, lines = doctor(store.url, CLIENT)
    assert status == 1
    assert lines[-1].startswith(f"FAULT {text}")
