"""What P0f and AsyncP0f promise alike: answers, outages, and that p0f comes to no harm."""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from p0f_middleware import (
    AsyncP0f,
    P0f,
    P0fBadQuery,
    P0fError,
    P0fInfo,
    P0fNoMatch,
    P0fProtocolError,
    P0fStatus,
    P0fTimeout,
    P0fUnavailable,
    _outage,
)
from p0f_middleware._daemon import connection, protocol
from p0f_middleware._daemon.protocol import DIALECTS, P0F_3, Dialect, write_answer
from p0f_middleware.testing import SAMPLE, FakeP0f

from .clients import Blocking, InALoop, draining, named_after, opened, os_name

HOST, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "2001:db8::3"
OK = struct.pack("=II", 0x50304602, 0x10)

SHORT = 0.1
"""The timeout of clients that are to use it up; others get one that a busy machine does not."""

Connect = Callable[..., Blocking]


@pytest.fixture(params=[Blocking, InALoop], ids=["P0f", "AsyncP0f"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients of a p0f and ends them with the test."""
    with contextlib.ExitStack() as stack:

        def connect(p0f: FakeP0f | str, **options: Any) -> Blocking:
            socket_path = p0f if isinstance(p0f, str) else p0f.socket_path
            client: Blocking = request.param(socket_path, **{"timeout": 5} | options)
            stack.callback(client.end)
            if isinstance(p0f, FakeP0f):
                stack.callback(p0f.resume)  # `end` waits for what is owed
            return client

        yield connect


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "p0f_middleware")
    return caplog


def time_out(client: Blocking, ip_address: str) -> None:
    with pytest.raises(P0fTimeout):
        client.lookup(ip_address)


# Answers


def test_a_host_is_found_and_counted(connect: Connect, fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    client = connect(fake_p0f)

    assert fake_p0f.connections == 0, "a client connects when it is first used"
    assert client.lookup(HOST) == client.get_info(HOST) == SAMPLE
    raw = client.get_info(HOST, True)
    assert (raw["status"], raw["bad_sw"], raw["os_name"]) == (0x10, 0, "Linux")
    assert client.lookup(OTHER) is None
    assert (client.stats.matches, client.stats.no_matches, client.stats.lookups) == (3, 1, 4)


@pytest.mark.parametrize("raw", [False, True])
def test_get_info_raises_for_an_unknown_host(
    connect: Connect, fake_p0f: FakeP0f, raw: bool
) -> None:
    with pytest.raises(P0fNoMatch, match=r"^p0f knows nothing about 192\.0\.2\.1$"):
        connect(fake_p0f).get_info(HOST, raw)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_every_dialect_is_understood(connect: Connect, dialect: Dialect) -> None:
    info = P0fInfo(
        os_name="Linux",
        link_mtu=1500 if "link_mtu" in dialect.names else 0,
        tick_rate=250.0 if "tick_rate" in dialect.names else 0,
    )
    with FakeP0f(dialect=dialect.name, default=info) as p0f:
        client = connect(p0f)
        assert [client.lookup(address) for address in (HOST, OTHER)] == [info, info]
        client.close()


@pytest.mark.parametrize("method", ["lookup", "get_info"])
def test_what_is_no_address_is_not_asked_for(
    connect: Connect, fake_p0f: FakeP0f, method: str
) -> None:
    client = connect(fake_p0f)
    with pytest.raises(P0fBadQuery):
        getattr(client, method)("localhost")

    assert (fake_p0f.queries, fake_p0f.connections, client.stats.lookups) == ([], 0, 0)


# Timeouts


@pytest.mark.usefixtures("retry_at_once")
@pytest.mark.parametrize("timeouts", [1, 3])
def test_after_a_timeout_the_next_lookup_gets_its_own_answer(
    connect: Connect, fake_p0f: FakeP0f, timeouts: int
) -> None:
    fake_p0f.answer_with(named_after)
    client = connect(fake_p0f, timeout=SHORT)
    client.lookup(HOST)
    fake_p0f.stall()
    for _ in range(timeouts):
        time_out(client, OTHER)
    fake_p0f.resume()

    assert os_name(client, THIRD) == THIRD
    assert fake_p0f.queries == [HOST, *[OTHER] * timeouts, THIRD]
    stats = client.stats
    assert (stats.timeouts, stats.dropped, fake_p0f.connections) == (timeouts, timeouts, 1)


@pytest.mark.usefixtures("retry_at_once")
def test_a_stalled_p0f_is_never_owed_more_than_it_can_write(
    connect: Connect, fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MAX_IN_FLIGHT", 3)
    fake_p0f.answer_with(named_after)
    client = connect(fake_p0f, timeout=SHORT)
    client.lookup(HOST)
    fake_p0f.stall()
    for _ in range(5):
        time_out(client, OTHER)
    fake_p0f.resume()

    assert os_name(client, THIRD) == THIRD
    assert fake_p0f.queries == [HOST, OTHER, OTHER, OTHER, THIRD]


def test_a_timeout_says_what_may_be_wrong(connect: Connect, fake_p0f: FakeP0f) -> None:
    client = connect(fake_p0f, timeout=SHORT)
    client.lookup(HOST)
    fake_p0f.stall()

    with pytest.raises(P0fTimeout, match=r"did not answer within 0\.1 s: it is stopped or busy"):
        client.lookup(HOST)


@pytest.mark.usefixtures("retry_at_once")
def test_a_connection_that_p0f_never_accepted_is_let_go(
    connect: Connect, fake_p0f: FakeP0f
) -> None:
    fake_p0f.fill()
    before, owing = opened(), draining()
    client = connect(fake_p0f, timeout=SHORT)
    time_out(client, HOST)

    assert opened() <= before
    assert draining() <= owing


# The fingerprint of a visitor


def visitor(address: str | None) -> Any:
    return SimpleNamespace(address=address)


def in_time() -> float:
    return time.monotonic() + 10


def test_a_visitor_has_the_fingerprint_of_its_address(connect: Connect, fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    client = connect(fake_p0f)

    assert client.fingerprint(visitor(HOST), in_time()) == (SAMPLE, P0fStatus.OK, None)
    assert client.fingerprint(visitor(OTHER), in_time()) == (
        *(None, P0fStatus.NO_MATCH, "p0f has not seen this client"),
    )
    assert client.fingerprint(visitor(None), in_time()).status is P0fStatus.NO_ADDRESS
    assert (fake_p0f.queries, client.stats.lookups) == ([HOST, OTHER], 2)


@pytest.mark.parametrize("seconds", [-1, 0.05])
def test_a_deadline_cuts_a_fingerprint_short_and_is_no_outage(
    connect: Connect, fake_p0f: FakeP0f, seconds: float
) -> None:
    fake_p0f.answer_with(named_after)
    client = connect(fake_p0f)
    client.lookup(OTHER)
    fake_p0f.stall()
    began = time.monotonic()
    with pytest.raises(P0fTimeout):
        client.fingerprint(visitor(HOST), began + seconds)
    took = time.monotonic() - began
    fake_p0f.resume()

    assert took < 2
    assert os_name(client, THIRD) == THIRD
    assert (client.stats.timeouts, client.stats.outages) == (1, 0)


def test_a_deadline_just_before_the_timeout_is_kept_and_an_outage_is_noticed(
    connect: Connect, fake_p0f: FakeP0f
) -> None:
    client = connect(fake_p0f, timeout=0.5)
    fake_p0f.stall()
    began = time.monotonic()
    with pytest.raises(P0fTimeout):
        client.fingerprint(visitor(HOST), began + 0.49)
    took = time.monotonic() - began
    with pytest.raises(P0fUnavailable, match="is down"):
        client.fingerprint(visitor(HOST), in_time())

    assert 0.4 < took < 2
    assert (client.stats.timeouts, client.stats.skipped, client.stats.outages) == (1, 1, 1)


# Outages


def nothing_there(fake_p0f: FakeP0f) -> None:
    fake_p0f.refuse()
    os.unlink(fake_p0f.socket_path)


def a_file_there(fake_p0f: FakeP0f) -> None:
    nothing_there(fake_p0f)
    Path(fake_p0f.socket_path).touch()


def answers_of(size: int) -> Callable[[FakeP0f], None]:
    return lambda fake_p0f: fake_p0f.answer_with(OK.ljust(size, b"\0"))


OUTAGES: dict[str, tuple[Callable[[FakeP0f], object], type[P0fError], str]] = {
    "gone": (nothing_there, P0fUnavailable, "there is no socket .*: start p0f with -s"),
    "file": (a_file_there, P0fUnavailable, "is not a socket: use the path given to p0f with -s"),
    "ended": (FakeP0f.refuse, P0fUnavailable, "nothing listens on .*: p0f has ended"),
    "full": (FakeP0f.fill, P0fTimeout, "did not read the query .* raise it, at most 100"),
    "stopped": (FakeP0f.stall, P0fTimeout, "did not read the query .* or p0f is stopped"),
    "not p0f": (
        lambda p0f: p0f.answer_with(b"HTTP/1.1 400 Bad Request"),
        P0fProtocolError,
        "is not p0f v3: .*it begins with b'HTTP'",
    ),
    "chatter": (
        lambda p0f: p0f.answer_with(write_answer(None, P0F_3) * 2),
        P0fProtocolError,
        "is not p0f v3: .*it sent 464 bytes for one query",
    ),
    "short answer": (answers_of(100), P0fProtocolError, "sends answers of an unknown size"),
    "unknown answer": (answers_of(233), P0fProtocolError, "sends answers of an unknown size"),
    "hangs up": (lambda p0f: p0f.answer_with(b""), P0fUnavailable, "p0f closed its connection"),
}


each_outage = pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)


def failed(connect: Connect, p0f: FakeP0f, outage: Any) -> Blocking:
    """A client whose lookup has just failed, and said why."""
    fail, error, reason = outage
    fail(p0f)
    client = connect(p0f, timeout=SHORT)
    with pytest.raises(error, match=reason):
        client.lookup(HOST)
    return client


@each_outage
def test_while_it_is_down_p0f_is_left_alone_and_the_log_says_so_once(
    connect: Connect,
    fake_p0f: FakeP0f,
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
    outage: Any,
) -> None:
    monkeypatch.setattr(_outage, "FIRST_DELAY", 60.0)
    client = failed(connect, fake_p0f, outage)
    before = (fake_p0f.connections, len(fake_p0f.queries))
    for _ in range(3):
        with pytest.raises(P0fUnavailable, match=r"is down; next try in \d\d\.\d s"):
            client.lookup(HOST)

    assert client.stats.skipped == 3
    assert (fake_p0f.connections, len(fake_p0f.queries)) == before
    [record] = log.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("p0f is down, requests go on without p0f.info: ")


@pytest.mark.usefixtures("retry_at_once")
@each_outage
def test_when_p0f_is_back_so_are_the_answers(
    connect: Connect, fake_p0f: FakeP0f, log: pytest.LogCaptureFixture, outage: Any
) -> None:
    client = failed(connect, fake_p0f, outage)
    fake_p0f.resume()
    fake_p0f.restart()
    fake_p0f.answer_with(named_after)

    assert os_name(client, OTHER) == OTHER
    assert [record.levelname for record in log.records] == ["WARNING", "WARNING"]
    assert "is back after" in log.messages[1]


def test_a_restart_of_p0f_costs_no_lookup(
    connect: Connect, fake_p0f: FakeP0f, log: pytest.LogCaptureFixture
) -> None:
    fake_p0f.answer_with(named_after)
    client = connect(fake_p0f)
    client.lookup(HOST)
    fake_p0f.restart()

    assert os_name(client, OTHER) == OTHER
    assert (client.stats.errors, client.stats.reconnects, log.records) == (0, 1, [])


def test_of_many_lookups_one_tries_again(connect: Connect, fake_p0f: FakeP0f) -> None:
    client = connect(fake_p0f, timeout=SHORT)
    fake_p0f.fill()
    time_out(client, HOST)
    client.client._rules.outage._retry_at = 0
    ended = client.lookup_at_once(8, HOST)

    assert sorted(type(error).__name__ for error in ended) == ["P0fTimeout"] + 7 * [
        "P0fUnavailable"
    ]
    assert client.stats.skipped == 7


# Answers that make no sense


def with_status(status: int) -> bytes:
    return struct.pack("=II", 0x50304602, status).ljust(232, b"\0")


def with_bad_sw(bad_sw: int) -> bytes:
    return (OK + b"\0" * 30 + bytes([bad_sw])).ljust(232, b"\0")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (with_status(0x99), P0fProtocolError),
        (with_status(0), P0fBadQuery),
        (with_bad_sw(9), P0fProtocolError),
    ],
)
def test_one_odd_answer_is_no_outage(
    connect: Connect,
    fake_p0f: FakeP0f,
    log: pytest.LogCaptureFixture,
    answer: bytes,
    error: type[P0fError],
) -> None:
    client = connect(fake_p0f)
    fake_p0f.answer_with(lambda ip: answer if ip == HOST else named_after(ip))
    for _ in range(2):
        with pytest.raises(error):
            client.lookup(HOST)
        assert os_name(client, OTHER) == OTHER

    assert (client.stats.errors, client.stats.matches, fake_p0f.connections) == (2, 2, 1)
    assert [record.levelname for record in log.records] == ["WARNING"]


@pytest.mark.usefixtures("retry_at_once")
def test_after_garbage_the_connection_is_not_used_again(
    connect: Connect, fake_p0f: FakeP0f
) -> None:
    client = connect(fake_p0f)
    client.lookup(HOST)
    fake_p0f.answer_with(named_after(HOST) + named_after(OTHER))
    with pytest.raises(P0fProtocolError):
        client.lookup(HOST)
    fake_p0f.answer_with(named_after)

    assert os_name(client, THIRD) == THIRD
    assert fake_p0f.connections == 2


# Opening and closing


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_closing_lets_the_connection_go(
    connect: Connect, fake_p0f: FakeP0f, used: bool, times: int
) -> None:
    before = opened()  # other tests' clients may still be there
    client = connect(fake_p0f)
    if used:
        client.lookup(HOST)
    for _ in range(times):
        client.close()

    assert opened() <= before
    assert not draining()


def test_a_closed_client_opens_again(connect: Connect, fake_p0f: FakeP0f) -> None:
    client = connect(fake_p0f)
    client.lookup(HOST)
    client.close()
    fake_p0f.hosts[HOST] = SAMPLE

    assert client.lookup(HOST) == SAMPLE
    assert (fake_p0f.connections, client.stats.reconnects) == (2, 1)


def test_closing_waits_for_what_p0f_owes_and_no_longer(connect: Connect, fake_p0f: FakeP0f) -> None:
    before = opened()  # other tests' clients may still be there
    busy = threading.Event()
    client = connect(fake_p0f, timeout=SHORT)
    client.lookup(HOST)
    fake_p0f.answer_with(lambda ip: named_after(ip) if busy.wait(5) else b"")
    time_out(client, HOST)
    late = threading.Timer(0.05, busy.set)
    late.start()
    began = time.monotonic()
    client.close()
    took = time.monotonic() - began
    late.join()

    assert opened() <= before
    assert not draining()
    assert 0.02 < took < connection.CLOSE_TIMEOUT / 2


@pytest.mark.parametrize("state", ["full", "ended"])
def test_closing_does_not_wait_for_a_p0f_that_will_not_answer(
    connect: Connect, fake_p0f: FakeP0f, state: str
) -> None:
    client = connect(fake_p0f, timeout=SHORT)
    if state == "full":
        fake_p0f.fill()
        time_out(client, HOST)
    else:
        client.lookup(HOST)
        fake_p0f.stall()
        time_out(client, HOST)
        fake_p0f.refuse()
    began = time.monotonic()
    client.close()

    assert time.monotonic() - began < connection.CLOSE_TIMEOUT / 2


# Options


both = pytest.mark.parametrize("client", [P0f, AsyncP0f])
NO_SECONDS = ["0.1", None, float("nan"), float("inf"), True, 0, -1, 10**400]
NO_PATHS = [
    (b"/run/p0f.sock", TypeError, r"use os\.fsdecode\(b'/run/p0f\.sock'\)"),
    (None, TypeError, "the path given to p0f with -s"),
    ("", ValueError, "is empty"),
    ("/run/p0f\0.sock", ValueError, "NUL"),
    ("unix:/run/x", ValueError, "use '/run/x'"),
    ("UNIX:///run/x", ValueError, "use '/run/x'"),
    ("unix:p0f.sock", ValueError, "use 'p0f.sock'"),
    ("file:///run/x", ValueError, "use '/run/x'"),
]


@both
@pytest.mark.parametrize("value", NO_SECONDS, ids=lambda value: ascii(value)[:20])
def test_a_time_that_makes_no_sense_is_an_error(client: type[P0f | AsyncP0f], value: Any) -> None:
    with pytest.raises(ValueError, match=r"^timeout is a number of seconds,? above 0, not "):
        client("/run/p0f.sock", timeout=value)


@both
@pytest.mark.parametrize(("value", "error", "remedy"), NO_PATHS, ids=lambda value: ascii(value))
def test_a_path_that_makes_no_sense_is_an_error(
    client: type[P0f | AsyncP0f], value: Any, error: type[Exception], remedy: str
) -> None:
    with pytest.raises(error, match=f"^socket_path .*{remedy}"):
        client(value)


@both
@pytest.mark.parametrize(
    "path", ["/run/p0f.sock", Path("/run/p0f.sock"), "p0f:1.sock", "/run/unix:/x"]
)
def test_a_path_is_taken_as_it_is(client: type[P0f | AsyncP0f], path: str | Path) -> None:
    assert client(path).socket_path == str(path)


@both
def test_its_repr_names_the_socket(client: type[P0f | AsyncP0f]) -> None:
    assert repr(client("/run/p0f.sock")) == f"{client.__name__}('/run/p0f.sock', timeout=0.1)"
