"""The edge's core: what it writes, and what it does while the store is down."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
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
ADDRESS, CONNECTION = f"p0f:{{{CLIENT}}}", f"p0f:{{{CLIENT}}}:{PORT}"


class FakeTap(Tap):
    """A tap with SYNs in it."""

    interface = "test0"

    def __init__(self) -> None:
        self.syns: list[bytes] = []

    def read(self, most: int) -> list[bytes]:
        found, self.syns = self.syns[:most], self.syns[most:]
        return found

    def lost(self) -> int:
        return 7

    def check(self) -> None:
        """Nothing is wrong."""


class FakeStore(Store):
    """A store that keeps what is written, or does not; its own client, pool and pipeline."""

    name = "redis://cache/0"

    def __init__(self) -> None:
        self.written: dict[str, tuple[bytes, int]] = {}
        self.writes = 0
        self.disconnected = 0
        self.away = False
        self.refusal: str | None = None
        self.commands: list[tuple[Any, ...]] = []
        self.connection_pool = self

    def client(self, step_timeout: float = 1.0) -> FakeStore:
        return self

    def pipeline(self, *, transaction: bool) -> FakeStore:
        self.commands = []
        return self

    def disconnect(self) -> None:
        self.disconnected += 1

    def explain(self, error: Exception) -> P0fError:
        return P0fUnavailable(str(error))

    def execute_command(self, *words: Any) -> None:
        self.commands.append(words)

    def execute(self, *, raise_on_error: bool) -> list[Any]:
        self.writes += 1
        if self.away:
            raise ConnectionError("nobody listens")
        if self.refusal:
            return [RuntimeError(self.refusal)] * len(self.commands)
        replies = []
        for name, key, value, ex, ttl, *get in self.commands:
            assert (name, ex) == (b"SET", b"EX")
            before = self.written.get(key.decode(), (None,))[0]
            replies.append(before if get else True)
            self.written[key.decode()] = value, int(ttl)
        return replies


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000 + self.now


class Scene:
    """An edge with a tap, a store and a clock of its own."""

    def __init__(self, **options: Any) -> None:
        self.tap, self.store, self.clock = FakeTap(), FakeStore(), Clock()
        self.edge = Edge(self.tap, self.store, **options)

    def see(self, *syns: bytes, after: float = 0.0) -> None:
        """Have the edge see SYNs that come together."""
        self.clock.now += after
        self.tap.syns += syns
        self.edge.step()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Scene:
    scene = Scene(**getattr(request, "param", {}))
    for module in (agent, _outage):
        monkeypatch.setattr(module, "time", scene.clock)
    return scene


def options(**options: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scene", [options], indirect=True)


# What is written


@pytest.mark.parametrize("address", [CLIENT, "2001:db8::1"])
def test_a_syn_is_written_for_its_connection_and_its_address(scene: Scene, address: str) -> None:
    scene.see(whole := syn(address, PORT))
    keys = f"p0f:{{{address}}}:{PORT}", f"p0f:{{{address}}}"
    assert scene.store.written == dict.fromkeys(keys, (whole, 600))


@options(ttl=60, addresses=False)
def test_addresses_may_be_left_out_and_the_time_be_chosen(scene: Scene) -> None:
    scene.see(whole := syn(CLIENT, PORT))
    assert scene.store.written == {CONNECTION: (whole, 60)}


def test_all_that_is_there_is_one_write_and_an_addresss_last_syn_counts(scene: Scene) -> None:
    scene.see(*(syn(CLIENT, port) for port in range(1, 500)))
    assert (scene.store.writes, len(scene.store.written)) == (1, 500)
    assert scene.store.written[ADDRESS] == (syn(CLIENT, 499), 600)


@pytest.mark.parametrize("seen", [[], [b"\x45"]])
def test_nothing_and_what_has_no_sender_is_no_write(scene: Scene, seen: list[bytes]) -> None:
    scene.see(*seen)
    assert scene.store.writes == 0


def test_syns_to_two_ports_from_the_same_port_do_not_replace_each_other(scene: Scene) -> None:
    first, second = syn(CLIENT, PORT, to=80), syn(CLIENT, PORT, to=443)
    scene.see(first, second, second)
    together = scene.store.written.pop(CONNECTION)
    for whole in (first, second, second):
        scene.see(whole)
    assert scene.store.written[CONNECTION] == together == (second + first, 600)


def test_the_same_port_to_the_same_end_is_a_new_connection(scene: Scene) -> None:
    scene.see(syn(CLIENT, PORT, LINUX))
    scene.see(last := syn(CLIENT, PORT, WINDOWS))
    assert scene.store.written[CONNECTION] == (last, 600)


# Rates


@options(max_rate=10)
def test_above_the_rate_syns_are_counted_and_not_written(scene: Scene) -> None:
    for pause in (0, 0.5):
        scene.see(*(syn(CLIENT, port) for port in range(1, 31)), after=pause)
    assert scene.edge.counts() == Counts(seen=60, written=15, over_rate=45, lost=7)
    assert str(scene.edge.counts()) == (
        "60 SYNs seen, 15 written, 45 over the rate, 0 dropped (store down), 7 lost by the kernel"
    )


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


def test_while_the_store_is_away_syns_are_dropped_and_counted_and_not_kept(scene: Scene) -> None:
    scene.store.away = True
    for _ in range(10):
        scene.see(*(syn(CLIENT, port) for port in range(1, 11)))
    writes, counts = scene.store.writes, scene.edge.counts()
    scene.store.away = False
    scene.see(syn(CLIENT, PORT), after=1)

    assert (writes, counts) == (1, Counts(seen=100, dropped=100, lost=7))
    assert set(scene.store.written) == {CONNECTION, ADDRESS}


def test_going_and_coming_back_are_a_line_each(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "p0f_middleware")
    for away, pause in ((True, 0), (False, 3.2)):
        scene.store.away = away
        scene.clock.now += pause
        for _ in range(5):
            scene.see(syn(CLIENT, 1))

    assert [record.getMessage() for record in caplog.records] == [
        "the SYN store is down, SYNs are dropped and counted: nobody listens",
        "the SYN store at redis://cache/0 is back after 3.2 s; 4 writes were skipped",
    ]


@pytest.mark.parametrize("refusal", ["READONLY You can't write against a replica.", "OOM command"])
def test_a_server_that_refuses_is_away_and_left_since_the_name_may_lead_to_another(
    scene: Scene, refusal: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene.store.refusal = refusal
    scene.see(syn(CLIENT, 1))
    assert refusal in caplog.text
    assert scene.edge.counts().dropped == scene.store.disconnected == 1


def test_a_store_that_refuses_and_accepts_by_turns_does_not_fill_the_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for turn in range(200):
        scene.store.refusal = "OOM" if turn % 2 else None
        scene.see(syn(CLIENT, 1), after=0.05)
    assert 2 <= len(caplog.records) <= 10


# The loop, and the sign of life


def test_it_runs_until_it_is_told_to_end_and_gives_a_sign_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    scene.tap.syns += [syn(CLIENT, port % 65000 + 1) for port in range(2 * BATCH)]
    (ready, packets), (wake, waker) = socket.socketpair(), socket.socketpair()
    ended = threading.Event()
    with ready, packets, wake, waker:
        monkeypatch.setattr(scene.tap, "fileno", ready.fileno)
        packets.send(b"x")
        thread = threading.Thread(target=scene.edge.run, args=(wake.fileno(), ended.is_set))
        thread.start()
        while scene.tap.syns and thread.is_alive():
            time.sleep(0)
        ended.set()
        waker.send(b"\0")
        thread.join(10)
        assert not thread.is_alive()
    sign = read_sign(scene.store.written["p0f:edge"][0])

    assert scene.edge.counts().written == 2 * BATCH
    assert sign is not None
    assert (sign.interface, sign.host) == ("test0", socket.gethostname())


def test_an_interface_that_has_gone_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, (wake, waker) = Scene(), socket.socketpair()
    monkeypatch.setattr(scene.tap, "fileno", wake.fileno)
    monkeypatch.setattr(scene.tap, "check", lambda: os.stat("/nonexistent/interface"))
    with wake, waker, pytest.raises(OSError, match="interface"):
        scene.edge.run(wake.fileno(), lambda: False)


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


@pytest.mark.parametrize("path", ["", "/nonexistent/socket"])
def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    notify("READY=1")
