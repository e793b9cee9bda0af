"""The benchmarks' pieces, run on tiny counts so that they do not rot; no time is asserted."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware import P0f
from p0f_middleware.testing import SAMPLE, FakeP0f
from tests.benchmarks import edge, lookups, servers
from tests.benchmarks.__main__ import parser
from tests.benchmarks.figures import Bar, spread
from tests.benchmarks.p0f_here import (
    HOST,
    introduce,
    loopback_addresses,
    placed,
    placements,
    running_p0f,
    running_store,
)
from tests.shared.stores import RealStore

ROOT = Path(__file__).parents[1]


@pytest.fixture
def fake_p0f() -> Iterator[FakeP0f]:
    with FakeP0f(default=SAMPLE) as p0f:
        yield p0f


@pytest.fixture
def store() -> Iterator[RealStore]:
    with running_store() as store:
        yield store


@pytest.mark.needs("cc", "redis-server")
def test_both_checkouts_are_asked_as_often_as_they_are_told(
    fake_p0f: FakeP0f, store: RealStore, tmp_path: Path
) -> None:
    asked = {}
    everybody = lookups.contenders(fake_p0f.socket_path, store, tmp_path, other=ROOT)
    with everybody as contenders:
        for name, run in contenders.items():
            before = len(fake_p0f.queries)
            assert run(640) > 0
            asked[name] = len(fake_p0f.queries) - before
        rounds = lookups.alternate(contenders, 2, block=0.0001)
    every = {lookups.C, lookups.C_64} | {
        name + suffix for name in lookups.OURS for suffix in ("", lookups.BEFORE)
    }
    assert asked.keys() == every
    for name, count in asked.items():  # one that is not timed, and one that is held
        nobody = "bare" in name or "mget" in name or "Shared" in name
        assert count == (0 if nobody else 1 if "held" in name else 641), name
    judged = {bar.what for bar in lookups.bars(rounds)}
    assert {"P0f / C", "ASGI, asked: time / the other checkout's"} <= judged
    assert all(f"| {name} |" in lookups.lookups_table(rounds) for name in lookups.OURS)


@pytest.mark.needs("cc")
def test_the_c_client_asks_for_its_addresses_in_turn(fake_p0f: FakeP0f, tmp_path: Path) -> None:
    addresses = ["192.0.2.1", "192.0.2.2"]
    command = [lookups.compile_c(tmp_path), fake_p0f.socket_path, *addresses]
    with lookups.process(command) as c:
        lookups.asking(c, "1 {}")(3)
        lookups.asking(c, "64 {}")(200)
    assert fake_p0f.queries == [addresses[number % 2] for number in range(1 + 3 + 1 + 200)]


@pytest.mark.parametrize(
    ("values", "measured", "verdict"),
    [
        (list(range(101)), (50, 40, 60), "MISSED"),
        ([3.0, 1.0, 2.0], (2, 1, 3), "within noise"),
        ([0.8, 0.8, 0.9], (0.8, 0.8, 0.9), "kept"),
    ],
)
def test_a_bar_is_missed_only_beyond_the_noise_of_the_median(
    values: list[float], measured: tuple[float, float, float], verdict: str
) -> None:
    assert spread(values) == measured
    assert Bar("x", spread(values), 1.0).verdict == verdict


def test_wrk_s_figures_are_read_and_its_failures_are_none() -> None:
    output = "20000 requests in 1.62s\nRequests/sec:  12345.67\n"
    assert servers.read_wrk(output, 1.0) == servers.Load(12345.67, 1 / 20000)
    with pytest.raises(ValueError, match="Non-2xx"):
        servers.read_wrk(f"{output}Non-2xx or 3xx responses: 7\n", 1.0)


def test_processor_time_is_that_of_a_process_and_its_children() -> None:
    before, deadline = servers.processor_time(os.getpid()), time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    assert servers.processor_time(os.getpid()) > before


def test_servers_are_shown_beside_their_bare_rate_and_the_other_checkout() -> None:
    kinds = [*servers.KINDS, *(kind + servers.EACH for kind in servers.CLOSED_KINDS)]
    one = {kind: servers.Load(1000.0 if "bare" in kind else 900.0, 2e-5) for kind in kinds}
    one |= {kind + lookups.BEFORE: servers.Load(900.0, 4e-5) for kind in kinds}
    loads = {"uvicorn": [one]}
    assert "| uvicorn | 1,000 | 90% | 90% | 90% | 90% |" in servers.page_table(loads)
    assert "| uvicorn, p0f | 20.0 | 0.50 (0.50 to 0.50) |" in servers.processor_table(loads)
    assert {bar.verdict for bar in servers.bars(loads)} == {"kept"}


@pytest.mark.needs("wrk")
def test_a_server_is_pressed_bare_and_with_a_source(
    fake_p0f: FakeP0f, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn")
    monkeypatch.setattr(servers, "KINDS", {"bare": "", "p0f": "p0f_"})
    monkeypatch.setattr(servers, "CLOSED_KINDS", ("p0f",))
    [one] = servers.measure("uvicorn", fake_p0f.socket_path, tmp_path, 1, 1)
    assert one.keys() == {"bare", "p0f", "p0f, a connection each"}
    assert all(load.requests_per_second > 0 for load in one.values())
    assert set(fake_p0f.queries) == {HOST}


@pytest.mark.needs("root", "p0f")
def test_p0f_gets_to_know_hosts_by_their_syn_alone_wherever_it_is_placed() -> None:
    everywhere = os.sched_getaffinity(0)
    addresses = loopback_addresses(1200, "127.200.0.255")
    assert addresses[:2] == ["127.200.0.255", "127.200.1.0"]
    with running_p0f("-m", "1000,5000") as (p0f, _):
        for ours, its in placements().values():
            with placed(p0f, ours, its):
                assert (os.sched_getaffinity(0), os.sched_getaffinity(p0f.pid)) == ({ours}, {its})
                introduce(addresses, p0f.socket_path)
            assert os.sched_getaffinity(0) == os.sched_getaffinity(p0f.pid) == everywhere
        with P0f(p0f.socket_path, timeout=5) as client:
            assert all(client.lookup(address) is not None for address in addresses)


@pytest.mark.needs("root", "ip", "redis-server")
def test_an_edge_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.Namespace(rate=1000, seconds=1, check=False)
    assert edge.main(options) == 0
    assert "SYNs not written | 0 | 0.00" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "run"), [([], "compare"), (["edge"], "main")])
def test_the_command_line_names_what_to_run(words: list[str], run: str) -> None:
    assert parser().parse_args(words).run.__name__ == run
