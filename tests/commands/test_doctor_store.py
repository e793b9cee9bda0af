"""`p0f-middleware doctor --store`: what it finds on the way of a lookup."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.shared.stores import RealStore, stand_in
from tests.shared.syns import WINDOWS, syn

from .conftest import KNOWN, Doctor

KEY = f"p0f:{{{KNOWN}}}"
NO_RIGHTS = ("--user", "default", "on", "nopass", "~*", "-@all")


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


def test_all_is_well(store: RealStore, contents: redis.Redis, doctor: Doctor) -> None:
    sign(contents)
    contents.set(KEY, syn(KNOWN, 1, WINDOWS))
    lines = doctor("--store", store.url, KNOWN)
    assert [line[:6] for line in lines] == ["ok    "] * 4
    assert lines[0] == f"ok    the server at {store.url} answers"
    assert "the edge on edge1 (eth0) has written 12 SYNs" in lines[2]
    assert lines[3].startswith(f"ok    the store has a SYN of {KNOWN}: Windows 10 or 11")


def test_a_store_that_cannot_be_asked_is_a_fault_without_its_password(doctor: Doctor) -> None:
    faults = doctor("--store", "redis://app:hunter2@127.0.0.1:1/0")
    faults += doctor("--store", "http://app:hunter2@cache")
    with stand_in(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        faults += doctor("--store", url)
    assert faults[0].startswith("FAULT no connection to the SYN store at redis://127.0.0.1:")
    assert faults[1] == "FAULT the URL of a store begins with redis://, rediss://, unix://"
    assert "does not answer as Redis or Valkey do" in faults[2]
    assert "hunter2" not in "".join(faults)


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
    fault = doctor("--store", store.url)[-1]
    assert f"'{refused}' command" in fault
    assert fault.endswith("grant the application's user %R~p0f:* +get +mget +ping")


def test_no_edge_that_writes_or_an_odd_sign_of_life(
    store: RealStore, contents: redis.Redis, doctor: Doctor
) -> None:
    for _ in range(2):
        fault = doctor("--store", store.url, KNOWN)[-1]
        assert fault.startswith("FAULT no edge has written in the last 3 minutes")
        contents.set("p0f:edge", "garbage")


@pytest.mark.parametrize(
    ("last_syn", "words"),
    [(None, "runs, and had seen no SYN"), (946728000, "the last at 2000-01-01 ")],
)
def test_an_edge_that_sees_nobody_or_has_for_long_is_a_question(
    store: RealStore, contents: redis.Redis, doctor: Doctor, last_syn: int | None, words: str
) -> None:
    sign(contents, last_syn=last_syn)
    line = doctor("--store", store.url)[-1]
    assert line.startswith("?     the edge on edge1 (eth0) ")
    assert words in line


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, f"the store has no SYN of {KNOWN} as {KEY}: has it connected"),
        (syn("198.51.100.7", 1), f"the value of {KEY} is not a SYN of {KNOWN}"),
        (b"no SYN", f"the value of {KEY} is not a SYN of {KNOWN}"),
    ],
)
def test_an_address_without_a_syn_of_its_own(
    store: RealStore, contents: redis.Redis, doctor: Doctor, value: bytes | None, words: str
) -> None:
    sign(contents)
    if value is not None:
        contents.set(KEY, value)
    assert doctor("--store", store.url, KNOWN)[-1].startswith(f"FAULT {words}")
