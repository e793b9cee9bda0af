"""The benchmarks' pieces, run on tiny counts so that they do not rot; no time is asserted."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from p0f_middleware import P0f
from p0f_middleware.testing import SAMPLE, FakeP0f
from tests.benchmarks.__main__ import parser
from tests.benchmarks.contenders import LEAST_FOR_A_TASK, TASKS, all_contenders, c_client
from tests.benchmarks.p0f_here import (
    HOST,
    introduce,
    loopback_addresses,
    placed,
    placements,
    running_p0f,
    syn,
)
from tests.benchmarks.picture import picture
from tests.benchmarks.ratios import Bar, spread
from tests.benchmarks.report import BARS, bars_table, judge, lookups_table, servers_table
from tests.benchmarks.rounds import alternate

from .benchmarks import claims, growth, lag, web

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
LOADS = {
    "gunicorn gthread": [
        {
            "bare": web.Load(1000.0, 0.001, 0.002, 2e-05),
            "p0f": web.Load(950.0, 0.001, 0.002, 2e-05),
            "Syn": web.Load(940.0, 0.001, 0.002, 2e-05),
            "bare, a connection each": web.Load(500.0, 0.001, 0.002, 2e-05),
            "p0f, a connection each": web.Load(400.0, 0.001, 0.002, 2e-05),
        },
    ]
}


@pytest.fixture
def fake_p0f() -> Iterator[FakeP0f]:
    with FakeP0f(default=SAMPLE) as p0f:
        yield p0f


@needs_cc
def test_every_contender_looks_up_as_often_as_it_is_told_and_once_before(
    fake_p0f: FakeP0f, tmp_path: Path
) -> None:
    asks = {}
    with all_contenders(fake_p0f.socket_path, tmp_path) as contenders:
        for name, run in contenders.items():
            before = len(fake_p0f.queries)
            assert run(640) > 0
            asks[name] = len(fake_p0f.queries) - before
    few = {name: count for name, count in asks.items() if "512" not in name}
    others = {"WSGI, bare": 0, "p0f 1.0.0 as in Django": 640} | {
        name: 1 for name in few if name.startswith("ASGI, bare")
    }
    others |= {name: 2 for name in few if ", held" in name}  # one before, and one that is held
    assert few == {name: others.get(name, 641) for name in few}
    assert {n for name, n in asks.items() if "512" in name} == {512 * LEAST_FOR_A_TASK + 1}
    assert {
        "C",
        "Python, send and recv",
        "C, 64 in flight",
        "P0f",
        "WSGI, wrapped",
        "ASGI, wrapped, asyncio",
    } <= asks.keys()
    assert sum("task" in name and "asyncio" in name for name in asks) == len(TASKS)


@needs_cc
def test_the_c_client_asks_for_its_addresses_in_turn(fake_p0f: FakeP0f, tmp_path: Path) -> None:
    addresses = ["192.0.2.1", "192.0.2.2"]
    with c_client(fake_p0f.socket_path, tmp_path, addresses) as c:
        c["C"](3)
        c["C, 64 in flight"](200)
    assert fake_p0f.queries == [addresses[number % 2] for number in range(1 + 3 + 1 + 200)]


@needs_cc
def test_what_was_measured_is_judged_shown_and_drawn(fake_p0f: FakeP0f, tmp_path: Path) -> None:
    with all_contenders(fake_p0f.socket_path, tmp_path) as contenders:
        rounds = {"here": alternate(contenders, 2, block=0.0001)}
    judged = list(judge(rounds, LOADS))
    assert {bar.name for bar, _ in judged} <= {f"{bar.name}, here" for bar in BARS} | {
        "gunicorn gthread: requests/s, p0f / bare",
        "gunicorn gthread: requests/s, Syn / bare",
    }
    assert "P0f / C, here" in bars_table(judged)
    assert all(name in lookups_table(rounds["here"]) for name in contenders)
    assert "950" in servers_table(LOADS)
    texts = [element.text for element in ET.fromstring(picture(rounds, LOADS)).iter()]
    assert "p0f 1.0.0 as in Django" in texts or "p0f 1.0.0 as in Django" not in contenders
    assert {"950, 95%", "400, 80%"} <= set(texts)


def test_a_spread_is_the_median_with_quartiles_and_its_noise() -> None:
    seen = spread([float(number) for number in range(101)])
    assert (seen.median, seen.quartiles, seen.noise) == (50, (25, 75), (40, 60))


def test_the_noise_of_few_values_is_all_of_them() -> None:
    assert spread([3.0, 1.0, 2.0]).noise == (1.0, 3.0)


@pytest.mark.parametrize(
    ("at_least", "values", "verdict"),
    [
        (False, [0.8, 0.8, 0.9], "kept"),
        (False, [0.8, 0.8, 1.2], "within noise"),
        (False, [1.1, 1.2, 1.3], "MISSED"),
        (True, [1.1, 1.2, 1.3], "kept"),
        (True, [0.8, 0.8, 1.2], "within noise"),
        (True, [0.8, 0.8, 0.9], "MISSED"),
    ],
)
def test_a_bar_is_missed_only_beyond_the_noise(
    at_least: bool, values: list[float], verdict: str
) -> None:
    bar = Bar("x", 1.0, lambda one: one["x"], at_least)
    assert bar.verdict(bar.of([{"x": value} for value in values])) == verdict


def test_wrk_s_figures_are_read_with_their_units() -> None:
    output = "50%  790.00us\n 99%    2.50ms\n 20000 requests in 1.62s\nRequests/sec:  12345.67\n"
    assert web.read_wrk(output, 1.0) == web.Load(12345.67, 0.00079, 0.0025, 1 / 20000)


def test_wrk_s_failed_requests_are_no_figures() -> None:
    output = "50% 1.00ms\n99% 2.00ms\nNon-2xx or 3xx responses: 7\nRequests/sec: 1.0\n"
    with pytest.raises(ValueError, match="Non-2xx"):
        web.read_wrk(output, 1.0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_processor_time_is_that_of_a_process_and_its_children() -> None:
    before, deadline = web.processor_time(os.getpid()), time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    assert web.processor_time(os.getpid()) > before


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
@pytest.mark.parametrize("name", web.SERVERS)
def test_a_server_is_pressed_bare_and_with_each_source(
    name: str, fake_p0f: FakeP0f, tmp_path: Path
) -> None:
    if name not in web.available():
        pytest.skip(f"{name} is not installed")
    [one] = web.measure(name, web.SERVERS[name], fake_p0f.socket_path, tmp_path, 1, 1)
    assert {kind: load.requests_per_second > 0 for kind, load in one.items()} == dict.fromkeys(
        web.all_kinds(), True
    )
    assert set(fake_p0f.queries) == {HOST}


def test_the_event_loop_is_watched_in_every_state(fake_p0f: FakeP0f) -> None:
    seen = asyncio.run(lag.watch(fake_p0f.socket_path, rounds=1, seconds=0.02))
    assert {what: watched.lookups > 0 for what, watched in seen.items()} == {
        f"{state}: {kind}": kind != "no lookups" for state in ("idle", "busy") for kind in lag.KINDS
    }
    assert all(re.fullmatch(r"[\d. -]+", str(watched)) for watched in seen.values())


def test_import_times_are_taken_in_processes_of_their_own() -> None:
    assert growth.import_times(1).keys() == growth.IMPORTS.keys()


def test_addresses_follow_each_other_past_a_byte() -> None:
    assert loopback_addresses(3, "127.1.0.255") == ["127.1.0.255", "127.1.1.0", "127.1.1.1"]


def test_a_place_is_for_this_process_and_p0f_and_left_again() -> None:
    everywhere = os.sched_getaffinity(0)
    with running_p0f() as (p0f, _):
        for ours, its in placements().values():
            with placed(p0f, ours, its):
                assert (os.sched_getaffinity(0), os.sched_getaffinity(p0f.pid)) == ({ours}, {its})
            assert os.sched_getaffinity(0) == os.sched_getaffinity(p0f.pid) == everywhere


def test_a_syn_adds_up() -> None:
    words = memoryview(syn("127.0.0.2", "127.0.0.1")).tobytes()
    pseudo = words[12:20] + b"\0\x06" + (len(words) - 20).to_bytes(2, "big")
    total = sum(
        int.from_bytes(part[at : at + 2], "big")
        for part in (pseudo, words[20:])
        for at in range(0, len(part), 2)
    )
    assert total % 0xFFFF == 0


def test_p0f_gets_to_know_hosts_by_their_syn_alone() -> None:
    with running_p0f("-m", "1000,5000") as (p0f, _):
        addresses = loopback_addresses(1200, "127.200.0.1")
        introduce(addresses, p0f.socket_path)
        with P0f(p0f.socket_path, timeout=5) as client:
            assert [address for address in addresses if client.lookup(address) is None] == []


@needs_cc
def test_lookups_are_measured_with_few_and_many_hosts() -> None:
    [one] = growth.many_hosts((1, 3), rounds=1)
    assert one.keys() == {"C 1", "P0f 1", "C 3", "P0f 3"}


def test_memory_is_measured_for_both_clients() -> None:
    measured = growth.memory(lookups=2560, addresses=100)
    assert {client: min(sizes) > 0 for client, sizes in measured.items()} == {
        "P0f": True,
        "AsyncP0f": True,
    }


@pytest.mark.parametrize(
    ("words", "run"),
    [([], "compare"), (["growth"], "main"), (["lag"], "main")],
)
def test_the_command_line_names_what_to_run(words: list[str], run: str) -> None:
    assert parser().parse_args(words).run.__name__ == run


def test_what_claims_cost_is_measured_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert claims.main(["--calls", "20", "--user-agents", "100"]) == 0

    printed = capsys.readouterr().out
    assert printed.count(" us (bar: ") == 5
    assert "memory of 100 User-Agents" in printed
