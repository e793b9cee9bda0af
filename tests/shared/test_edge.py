"""The edge's core: what it writes, and what it does while the store is down; tests/real runs it."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from p0f_middleware import _outage
from p0f_middleware._store import Store
from p0f_middleware.edge import agent as edge
from p0f_middleware.edge.agent import TTL, Edge, notify, read_sign
from p0f_middleware.edge.tap import Tap
from p0f_middleware.shared.keys import PackedSyn, read_syn

from .stores import RealStore
from .syns import syn

CLIENT, PORT = "192.0.2.1", 54321
ADDRESS, CONNECTION = f"p0f:{{{CLIENT}}}", f"p0f:{{{CLIENT}}}:{PORT}"


class FakeTap(Tap):
    """A tap with SYNs in it."""

    interface = "test0"

    def __init__(self, *syns: bytes) -> None:
        self.syns = [*syns]

    def read(self, most: int) -> list[PackedSyn]:
        found, self.syns = self.syns[:most], self.syns[most:]
        return [whole for one in found if (whole := read_syn(one))]

    def lost(self) -> int:
        return 7


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


class Scene:
    """An edge with a tap and a clock of its own."""

    def __init__(self, url: str, **options: Any) -> None:
        self.tap, self.clock = FakeTap(), Clock()
        self.edge = Edge(self.tap, Store(url), **options)

    def see(self, *syns: bytes, after: float = 0.0) -> None:
        """Have the edge see SYNs that come together."""
        self.clock.now += after
        self.tap.syns += syns
        self.edge.step()


@pytest.fixture
def scene(
    store: RealStore, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Scene]:
    scene = Scene(store.url, **getattr(request, "param", {}))
    for module in (edge, _outage):
        monkeypatch.setattr(module, "time", scene.clock)
    yield scene
    scene.edge.close()


def written(contents: Any) -> dict[str, bytes]:
    return {key.decode(): contents.get(key) for key in contents.scan_iter()}


# What is written


@pytest.mark.parametrize("address", [CLIENT, "2001:db8::1"])
def test_a_syn_is_written_for_its_connection_and_its_address(
    scene: Scene, contents: Any, address: str
) -> None:
    scene.see(whole := syn(address, PORT))
    keys = f"p0f:{{{address}}}:{PORT}", f"p0f:{{{address}}}"
    assert written(contents) == dict.fromkeys(keys, whole)
    assert all(TTL - 60 < contents.ttl(key) <= TTL for key in keys)


@pytest.mark.parametrize("scene", [{"ttl": 60, "addresses": False}], indirect=True)
def test_addresses_may_be_left_out_and_the_time_be_chosen(scene: Scene, contents: Any) -> None:
    scene.see(whole := syn(CLIENT, PORT))
    assert written(contents) == {CONNECTION: whole}
    assert 0 < contents.ttl(CONNECTION) <= 60


def test_syns_to_two_ports_from_the_same_port_do_not_replace_each_other(
    scene: Scene, contents: Any
) -> None:
    first, second = syn(CLIENT, PORT, to=80), syn(CLIENT, PORT, to=443)
    scene.see(first, second, second)
    together = contents.getdel(CONNECTION)
    for whole in (first, second, second):
        scene.see(whole)
    assert contents.get(CONNECTION) == together == second + first
    assert contents.ttl(CONNECTION) > 0


@pytest.mark.parametrize("scene", [{"max_rate": 10}], indirect=True)
def test_above_the_rate_syns_are_counted_and_not_written(scene: Scene, contents: Any) -> None:
    for pause in (0, 0.5, 99):
        scene.see(*(syn(CLIENT, port) for port in range(1, 31)), after=pause)
    assert len(written(contents)) == 11
    assert contents.get(ADDRESS) == syn(CLIENT, 10)  # the last of an address that was written
    assert scene.edge.counts() == (
        "90 SYNs seen, 25 written, 65 over the rate, 0 dropped (store down), 7 lost by the kernel"
    )


# The store down


def test_while_the_store_is_away_syns_are_dropped_and_counted_and_that_is_two_lines_in_the_log(
    scene: Scene, store: RealStore, contents: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "p0f_middleware")
    store.kill()
    for _ in range(5):
        scene.see(syn(CLIENT, 1), syn(CLIENT, 2))
    counts = scene.edge.counts()
    store.start()
    scene.see(syn(CLIENT, PORT), after=3.2)
    down, back = caplog.messages

    assert counts.startswith("10 SYNs seen, 0 written, 0 over the rate, 10 dropped")
    assert set(written(contents)) == {CONNECTION, ADDRESS}
    assert down.startswith("the SYN store is down, SYNs are dropped and counted: no connection")
    assert back == f"the SYN store at {store.url} is back after 3.2 s; 4 writes were skipped"


@pytest.mark.parametrize(
    ("change", "back", "words"),
    [
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY|read only replica"),
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "maxmemory"),
    ],
)
def test_a_server_that_refuses_is_away_and_left_since_the_name_may_lead_to_another(
    scene: Scene,
    contents: Any,
    caplog: pytest.LogCaptureFixture,
    change: str,
    back: str,
    words: str,
) -> None:
    before = contents.info("stats")["total_connections_received"]
    contents.execute_command(*change.split())
    try:
        scene.see(syn(CLIENT, 1))
    finally:
        contents.execute_command(*back.split())
    scene.see(syn(CLIENT, 1), after=1)

    assert any(word in caplog.text for word in words.split("|"))
    assert scene.edge.counts().startswith("2 SYNs seen, 1 written, 0 over the rate, 1 dropped")
    assert contents.info("stats")["total_connections_received"] - before == 2


# The sign of life


def test_its_sign_of_life_says_where_it_is_and_what_it_has_done(
    scene: Scene, contents: Any
) -> None:
    scene.see(syn(CLIENT, PORT))
    scene.edge.give_sign()
    assert read_sign(contents.get("p0f:edge")) == (socket.gethostname(), "test0", 1, 1000)
    assert 0 < contents.ttl("p0f:edge") <= 180


GOOD: dict[str, object] = {"host": "a", "interface": "eth0", "written": 1, "last_syn": 1.5}
ODD: dict[str, list[object]] = {
    "host": [1, None],
    "interface": [[], {}],
    "written": ["x", None, 1.5, True],
    "last_syn": ["x", float("nan"), float("inf"), 1e300, 10**30, -1, True],
}
ODD_VALUES: list[object] = [
    *(json.dumps(GOOD | {name: odd}).encode() for name in ODD for odd in ODD[name]),
    *(b"[" * 100_000, b'{"host": ' * 50_000, b"\xff", b"", b"null", b"[]", b"7", b"9" * 5000),
    *(None, 7, "text"),
]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:40])
def test_an_odd_sign_of_life_is_none(value: object) -> None:
    assert read_sign(value) is None


# systemd


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    path = f"@p0f-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path.replace("@", "\0", 1))
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify("READY=1")
        assert listener.recv(100) == b"READY=1"


@pytest.mark.parametrize("path", ["", "/nonexistent/socket"])
def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    notify("READY=1")
