"""What SharedSyn and AsyncSharedSyn promise alike: whose SYN is told, outages, and deadlines."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import redis

from p0f_middleware import (
    AsyncSharedSyn,
    P0fError,
    P0fStatus,
    P0fTimeout,
    P0fUnavailable,
    SharedSyn,
)
from p0f_middleware._outcome import Outcome

from .asking import Blocking, Connect, Kind
from .stores import RealStore, stand_in
from .syns import LINUX, WINDOWS, FakeVisitor, syn

CLIENT, PORT = "192.0.2.1", 54321
SHORT = 0.1  # the timeout of sources that are to use it up
ROUND_TRIP = 0.2
SLACK = 0.4  # seconds that a busy machine may add


visitor = FakeVisitor(CLIENT, PORT)


@contextlib.contextmanager
def within(most: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < most + SLACK


def test_every_client_is_told_its_own_over_one_connection(
    connect: Connect, store: RealStore, contents: Any
) -> None:
    ports = range(20_000, 20_100)
    for port in ports:
        contents.set(f"p0f:{{{CLIENT}}}:{port}", syn(CLIENT, port, (WINDOWS, LINUX)[port % 2]))
    contents.set(f"p0f:{{{CLIENT}}}", syn(CLIENT, 1))
    source = connect(store.url)
    before: int = contents.info("stats")["total_connections_received"]

    outcomes = source.together([FakeVisitor(CLIENT, port) for port in (*ports, None)])

    told = [(each.info.os_name, each.info.source) for each in outcomes if each.info]
    assert told == [("Windows", "syn"), ("Linux", "syn")] * 50 + [("Linux", "address")]
    assert contents.info("stats")["total_connections_received"] - before == 1


def test_lookups_wait_for_two_round_trips_at_most_and_for_nobody_elses(connect: Connect) -> None:
    requests = []

    def answer(data: bytes) -> bytes:
        requests.append(data)
        time.sleep(ROUND_TRIP)
        return b"*2\r\n$-1\r\n$-1\r\n" * data.count(b"MGET")

    with stand_in(answer) as url:
        source = connect(url)
        source.ask(visitor)  # which connects
        before = len(requests)
        with within(3 * ROUND_TRIP):
            source.together([FakeVisitor(CLIENT, port) for port in range(1, 41)])
    assert len(requests) - before <= 3


def test_where_no_thread_can_be_had_a_thread_asks_itself_and_a_task_learns_why(
    connect: Connect, store: RealStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = connect(store.url)
    # as in an isolated sub-interpreter, where the constructor raises
    monkeypatch.setattr(threading, "Thread", Mock(side_effect=RuntimeError("no thread today")))
    if isinstance(source, Blocking):
        assert source.ask(visitor).status == "no_match"
    else:
        with pytest.raises(P0fUnavailable, match="no thread today"):
            source.ask(visitor)


@pytest.mark.usefixtures("retry_at_once")
def test_a_signal_handler_that_raises_while_a_thread_is_started_is_got_over(
    connect: Connect, store: RealStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = connect(store.url, timeout=SHORT)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            source.ask(visitor)
    with pytest.raises(P0fTimeout):
        source.ask(visitor)

    assert _eventually(source).status is P0fStatus.NO_MATCH


# The store away, slow, full, and something else


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nonexistent/store.sock"])
def test_a_store_that_is_not_there_is_unavailable_at_once(connect: Connect, url: str) -> None:
    with pytest.raises(P0fUnavailable, match="no connection to the SYN store at"):
        connect(url).ask(visitor)


def test_a_stopped_store_costs_the_timeout_once_and_is_asked_again(
    connect: Connect, store: RealStore
) -> None:
    source = connect(store.url, timeout=SHORT)
    source.ask(visitor)
    store.stop()
    try:
        with within(SHORT), pytest.raises(P0fTimeout):
            source.ask(visitor)
        with pytest.raises(P0fUnavailable, match=r"is down; next try in 0\.\d s"):
            source.ask(visitor)
    finally:
        store.resume()
    assert _eventually(source).status is P0fStatus.NO_MATCH


def test_a_connection_that_the_store_has_closed_is_opened_again_unnoticed(
    connect: Connect, store: RealStore, contents: redis.Redis
) -> None:
    source = connect(store.url)
    source.ask(visitor)
    contents.client_kill_filter(_type="normal", skipme=True)
    assert source.ask(visitor).status is P0fStatus.NO_MATCH


@pytest.mark.usefixtures("retry_at_once")
def test_a_store_that_was_killed_is_found_again_and_that_is_two_lines_in_the_log(
    connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "p0f_middleware")
    with RealStore(tmp_path) as store:
        source = connect(store.url, timeout=SHORT)
        assert _eventually(source).status is P0fStatus.NO_MATCH
        caplog.clear()
        store.kill()
        for _ in range(3):
            with pytest.raises(P0fUnavailable):
                source.ask(visitor)
        store.start()
        assert _eventually(source).status is P0fStatus.NO_MATCH
    down, back = caplog.messages

    assert down.startswith("the SYN store is down, requests go on without p0f.info: no connection")
    assert back.startswith(f"the SYN store at {store.url} is back after ")


GARBAGE = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "too few values": b"*1\r\n$-1\r\n",
    "an array without end": b"*1000000000\r\n" + b"$-1\r\n" * 100,
    "a nest of arrays": b"*1\r\n" * 100_000,
    "a value without end": b"*2\r\n$1000000000\r\n" + bytes(1000),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_a_server_that_is_not_a_store_is_found_out_in_time(
    connect: Connect, garbage: bytes
) -> None:
    with (
        within(2 * SHORT),
        stand_in(lambda _: garbage) as url,
        pytest.raises(P0fError, match=r"does not answer as Redis|did not answer in"),
    ):
        connect(url, timeout=2 * SHORT).ask(visitor)


@pytest.mark.usefixtures("stopped")
def test_a_lookup_that_had_hardly_any_time_ends_in_time_and_does_not_begin_an_outage(
    connect: Connect, store: RealStore
) -> None:
    source = connect(store.url)
    with within(SHORT), pytest.raises(P0fTimeout):
        source.ask(visitor, time.monotonic() + SHORT)
    with pytest.raises(P0fTimeout, match="no time is left"):
        source.ask(visitor, time.monotonic())
    store.resume()
    assert source.ask(visitor).status is P0fStatus.NO_MATCH


def _eventually(source: Kind) -> Outcome:
    deadline = time.monotonic() + 20
    while True:
        try:
            return source.ask(visitor)
        except P0fError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


# Options


def test_the_password_is_never_shown(connect: Connect) -> None:
    source = connect("redis://app:hunter2@127.0.0.1:1/0?password=hunter3")
    with pytest.raises(P0fUnavailable) as caught:
        source.ask(visitor)
    shown = f"{caught.value} {source.source!r} {caught.value.__cause__}"
    assert "hunter" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "http://app:hunter2@cache/0",
        "redis://app:hunter2/x@cache/0",
        "redis://app:hunter2#x@cache/0",
        "redis://app:hunter2?x@cache/0",
        "redis://app:hunter2@cache:port/0",
        "redis://app:[hunter2@cache/0",
        "redis://app:hunter2@cache/0?ssl=true",
        "unix:///run/redis.sock?password=hunter2&family=0",
        "redis://app:hunter2@cache/0?socket_timeout=x",
        "hunter2",
    ],
)
def test_a_url_that_makes_no_sense_is_an_error_that_does_not_show_it(
    connect: Connect, url: str
) -> None:
    with pytest.raises(ValueError, match="store") as caught:
        connect(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_options_that_make_no_sense_are_an_error(connect: Connect) -> None:
    with pytest.raises(ValueError, match="timeout is a number of seconds"):
        connect("redis://127.0.0.1:1/0", timeout=-1)
    with pytest.raises(TypeError, match="store is a URL or a client of redis-py"):
        connect(object())


@pytest.mark.parametrize(("library", "name"), [("redis", "Redis"), ("valkey", "Valkey")])
def test_clients_of_both_libraries_and_of_the_right_kind_are_taken(library: str, name: str) -> None:
    blocking = getattr(pytest.importorskip(library), name)()
    awaited = getattr(pytest.importorskip(f"{library}.asyncio"), name)()
    SharedSyn(blocking)
    AsyncSharedSyn(awaited)

    with pytest.raises(TypeError, match="give it to AsyncSharedSyn"):
        SharedSyn(awaited)
    with pytest.raises(TypeError, match="give it to SharedSyn"):
        AsyncSharedSyn(blocking)
