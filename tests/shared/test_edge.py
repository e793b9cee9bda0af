"""The edge's core: what it writes, and what it does while the store is down."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fError, P0fUnavailable, _outage
from p0f_middleware._store import Store
from p0f_middleware.edge import agent
from p0f_middleware.edge.agent import BATCH, Counts, Edge, Rate, notify, read_sign
from p0f_middleware.edge.tap import Tap

from .syns import LINUX, WINDOWS, syn

CLIENT, PORT = "192.0.2.1", 54321


class FakeTap(Tap):
    """A tap with SYNs in it."""

    interface = "test0"

    def __init__(self) -> None:
        self.syns: list[bytes] = []
        self.gone = 0

    def fileno(self) -> int:
        raise AssertionError("nobody polls here")

    def read(self, most: int) -> list[bytes]:
        found, self.syns = self.syns[:most], self.syns[most:]
        return found

    def lost(self) -> int:
        return self.gone

    def check(self) -> None:
        """Nothing is wrong."""


class FakeStore(Store):
    """A store that keeps what is written, or does not, and its own client."""

    name = "redis://cache/0"

    def __init__(self) -> None:
        self.written: dict[str, tuple[bytes, int]] = {}
        self.writes = 0
        self.away = False
        self.refusal: str | None = None
        self.connection_pool = self
        self.connections = 1

    def client(self, step_timeout: float = 1.0) -> FakeStore:
        return self

    def pipeline(self, *, transaction: bool) -> FakePipeline:
        return FakePipeline(self)

    def disconnect(self) -> None:
        self.connections += 1

    def explain(self, error: Exception) -> P0fError:
        return P0fUnavailable(str(error))


class FakePipeline:
    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.commands: list[tuple[Any, ...]] = []

    def execute_command(self, *words: Any) -> None:
        self.commands.append(words)

    def execute(self, *, raise_on_error: bool) -> list[Any]:
        self.store.writes += 1
        if self.store.away:
            raise ConnectionError("nobody listens")
        if self.store.refusal:
            return [RuntimeError(self.store.refusal)] * len(self.commands)
        replies = []
        for name, key, value, ex, ttl, *get in self.commands:
            assert (name, ex) == (b"SET", b"EX")
            before = self.store.written.get(key.decode(), (None,))[0]
            replies.append(before if get else True)
            self.store.written[key.decode()] = value, int(ttl)
        return replies


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(agent, "time", clock)
    monkeypatch.setattr(_outage, "time", clock)
    return clock


@pytest.fixture
def tap(clock: Clock) -> FakeTap:
    return FakeTap()


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def edge(tap: FakeTap, store: FakeStore) -> Edge:
    return Edge(tap, store)


# What is written


@pytest.mark.parametrize("address", [CLIENT, "2001:db8::1"])
def test_a_syn_is_written_for_its_connection_and_its_address(
    edge: Edge, tap: FakeTap, store: FakeStore, address: str
) -> None:
    tap.syns.append(whole := syn(address, PORT))
    edge.step()

    assert store.written == {
        f"p0f:{{{address}}}:{PORT}": (whole, 600),
        f"p0f:{{{address}}}": (whole, 600),
    }


def test_addresses_may_be_left_out_and_the_time_be_chosen(tap: FakeTap, store: FakeStore) -> None:
    tap.syns.append(whole := syn(CLIENT, PORT))
    Edge(tap, store, ttl=60, addresses=False).step()

    assert store.written == {f"p0f:{{{CLIENT}}}:{PORT}": (whole, 60)}


def test_the_last_syn_of_an_address_counts(edge: Edge, tap: FakeTap, store: FakeStore) -> None:
    tap.syns += [syn(CLIENT, 1), syn(CLIENT, 2), last := syn(CLIENT, 3)]
    edge.step()

    assert store.written[f"p0f:{{{CLIENT}}}"] == (last, 600)


def test_all_that_is_there_is_one_write(edge: Edge, tap: FakeTap, store: FakeStore) -> None:
    tap.syns += [syn(CLIENT, port) for port in range(1, 500)]
    edge.step()

    assert (store.writes, len(store.written)) == (1, 500)


def test_what_has_no_sender_is_not_written(edge: Edge, tap: FakeTap, store: FakeStore) -> None:
    tap.syns.append(b"\x45")
    edge.step()

    assert store.writes == 0


def test_nothing_there_is_no_write(edge: Edge, store: FakeStore) -> None:
    edge.step()

    assert store.writes == 0


@pytest.mark.parametrize("together", [True, False])
def test_syns_to_two_ports_from_the_same_port_do_not_replace_each_other(
    edge: Edge, tap: FakeTap, store: FakeStore, together: bool
) -> None:
    first, second = syn(CLIENT, PORT, to=80), syn(CLIENT, PORT, to=443)
    for whole in (first, second, second):
        tap.syns.append(whole)
        if not together:
            edge.step()
    edge.step()

    assert store.written[f"p0f:{{{CLIENT}}}:{PORT}"] == (second + first, 600)


def test_the_same_port_to_the_same_end_is_a_new_connection(
    edge: Edge, tap: FakeTap, store: FakeStore
) -> None:
    for system in (LINUX, WINDOWS):
        tap.syns.append(last := syn(CLIENT, PORT, system))
        edge.step()

    assert store.written[f"p0f:{{{CLIENT}}}:{PORT}"] == (last, 600)


# Rates


def test_above_the_rate_syns_are_counted_and_not_written(
    tap: FakeTap, store: FakeStore, clock: Clock
) -> None:
    edge = Edge(tap, store, max_rate=10)
    tap.syns += [syn(CLIENT, port) for port in range(1, 31)]
    edge.step()
    clock.now += 0.5
    tap.syns += [syn(CLIENT, port) for port in range(101, 131)]
    edge.step()

    assert edge.counts() == Counts(seen=60, written=15, over_rate=45)


@given(
    st.integers(1, 1000), st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3000)), max_size=30)
)
def test_a_rate_never_lets_more_through(most: int, arrivals: list[tuple[float, int]]) -> None:
    rate = Rate(most)
    now, through = 1000.0, 0
    for pause, count in arrivals:
        now += pause
        through += rate.allow(count, now)

        assert through <= most * (now - 1000.0 + 1) + 1e-6


# The store down


def test_while_the_store_is_away_syns_are_dropped_and_counted(
    edge: Edge, tap: FakeTap, store: FakeStore, clock: Clock
) -> None:
    store.away = True
    for _ in range(10):
        tap.syns += [syn(CLIENT, port) for port in range(1, 11)]
        edge.step()

    assert (store.writes, edge.counts()) == (1, Counts(seen=100, dropped=100))


def test_nothing_is_kept_for_later(
    edge: Edge, tap: FakeTap, store: FakeStore, clock: Clock
) -> None:
    store.away = True
    tap.syns.append(syn(CLIENT, 1))
    edge.step()
    store.away = False
    clock.now += 1
    tap.syns.append(syn(CLIENT, 2))
    edge.step()

    assert f"p0f:{{{CLIENT}}}:1" not in store.written
    assert f"p0f:{{{CLIENT}}}:2" in store.written


def test_going_and_coming_back_are_a_line_each(
    edge: Edge,
    tap: FakeTap,
    store: FakeStore,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "p0f_middleware")
    store.away = True
    for _ in range(5):
        tap.syns.append(syn(CLIENT, 1))
        edge.step()
    store.away = False
    clock.now += 3.2
    for _ in range(5):
        tap.syns.append(syn(CLIENT, 1))
        edge.step()

    assert [record.getMessage() for record in caplog.records] == [
        "the SYN store is down, SYNs are dropped and counted: nobody listens",
        "the SYN store at redis://cache/0 is back after 3.2 s; 4 writes were skipped",
    ]


def test_a_full_store_is_away_in_its_own_words(
    edge: Edge, tap: FakeTap, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.refusal = "OOM command not allowed when used memory > 'maxmemory'."
    tap.syns.append(syn(CLIENT, 1))
    edge.step()

    assert "OOM command not allowed" in caplog.text
    assert edge.counts() == Counts(seen=1, dropped=1)


@pytest.mark.parametrize(
    "refusal", ["READONLY You can't write against a read only replica.", "OOM"]
)
def test_a_server_that_refuses_is_left_since_the_name_may_lead_to_another(
    edge: Edge, tap: FakeTap, store: FakeStore, refusal: str
) -> None:
    store.refusal = refusal
    tap.syns.append(syn(CLIENT, 1))
    edge.step()

    assert store.connections == 2


def test_a_store_that_refuses_and_accepts_by_turns_does_not_fill_the_log(
    edge: Edge, tap: FakeTap, store: FakeStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for turn in range(200):
        store.refusal = "OOM" if turn % 2 else None
        clock.now += 0.05
        tap.syns.append(syn(CLIENT, 1))
        edge.step()

    assert 2 <= len(caplog.records) <= 10


# The loop


def test_it_runs_until_it_is_told_to_end_and_gives_a_sign_of_life(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, write = os.pipe()

    class ReadyTap(FakeTap):
        def fileno(self) -> int:
            return ready

    wake, waker = socket.socketpair()
    ended = threading.Event()
    tap = ReadyTap()
    tap.syns += [syn(CLIENT, port % 65000 + 1) for port in range(2 * BATCH)]
    edge = Edge(tap, store)
    thread = threading.Thread(target=edge.run, args=(wake.fileno(), ended.is_set))
    os.write(write, b"x")
    thread.start()
    while tap.syns and thread.is_alive():
        pass
    ended.set()
    waker.send(b"\0")
    thread.join(10)
    alive = thread.is_alive()
    for thing in (wake, waker):
        thing.close()
    os.close(ready)
    os.close(write)
    sign = read_sign(store.written["p0f:edge"][0])

    assert not alive
    assert edge.counts().written == 2 * BATCH
    assert sign is not None
    assert (sign.interface, sign.host) == ("test0", socket.gethostname())


GOOD: dict[str, object] = {"host": "a", "interface": "eth0", "written": 1, "last_syn": 1.5}
ODD: dict[str, list[object]] = {
    "host": [1, None, [], {}],
    "interface": [1, None, [], {}],
    "written": ["x", None, 1.5, [], True],
    "last_syn": ["x", [], {}, float("nan"), float("inf"), 1e300, 10**30, -1, True],
}
ODD_VALUES: list[object] = [
    *(json.dumps(GOOD | {name: odd}).encode() for name in ODD for odd in ODD[name]),
    *(b"[" * 100_000, b'{"host": ' * 50_000, b"\xff", b"", b"null", b"[]", b"7", b"9" * 5000),
    *(None, 7, "text"),
]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:40])
def test_an_odd_sign_of_life_is_none(value: object) -> None:
    assert read_sign(value) is None


@given(
    st.binary()
    | st.text()
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_no_sign_of_life_raises(value: object) -> None:
    read_sign(value)


def test_an_interface_that_has_gone_ends_it(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap, (wake, waker) = FakeTap(), socket.socketpair()
    monkeypatch.setattr(tap, "fileno", wake.fileno)
    monkeypatch.setattr(tap, "check", lambda: os.stat("/nonexistent/interface"))
    with wake, waker, pytest.raises(OSError, match="interface"):
        Edge(tap, store).run(wake.fileno(), lambda: False)


def test_counts_say_what_became_of_syns(edge: Edge, tap: FakeTap) -> None:
    tap.gone = 7

    assert str(edge.counts()) == (
        "0 SYNs seen, 0 written, 0 over the rate, 0 dropped (store down), 7 lost by the kernel"
    )


# systemd


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        path = f"@p0f-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
        listener.bind(path.replace("@", "\0", 1))
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify("READY=1")
        listener.settimeout(10)

        assert listener.recv(100) == b"READY=1"


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    notify("READY=1")


def test_a_notify_socket_that_has_gone_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))

    notify("READY=1")
