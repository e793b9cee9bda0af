"""The benchmarks' pieces, run on tiny counts so that they do not rot; no time is asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from p0f_middleware.testing import SAMPLE, FakeP0f
from tests.benchmarks import lookups, servers
from tests.benchmarks.figures import BEFORE, Bar, spread
from tests.shared.stores import RealStore

ROOT = Path(__file__).parents[1]


@pytest.mark.needs("cc", "redis-server")
def test_both_checkouts_are_asked_as_often_as_they_are_told(
    fake_p0f: FakeP0f, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_p0f.default = SAMPLE
    monkeypatch.setattr(lookups, "BLOCK", 0.0001)
    asked = {}
    with RealStore(tmp_path) as store:
        arguments = (fake_p0f.socket_path, store, tmp_path)
        with lookups.contenders(*arguments, other=ROOT) as contenders:
            for name, run in contenders.items():
                before = len(fake_p0f.queries)
                assert run(640) > 0
                asked[name] = len(fake_p0f.queries) - before
                if name == lookups.C_64:
                    assert sorted(fake_p0f.queries[before + 1 :]) == sorted(10 * lookups.HOSTS)
        rounds = lookups.measure(*arguments, 2, None)
    assert asked.keys() == {lookups.C, lookups.C_64} | {
        name + suffix for name in lookups.OURS for suffix in ("", BEFORE)
    }
    for name, count in asked.items():  # one that is not timed, and one that is held
        nobody = "bare" in name or "mget" in name or "Shared" in name
        assert count == (0 if nobody else 1 if "held" in name else 641), name
    assert "P0f / C" in {bar.what for bar in lookups.bars(rounds)}
    assert all(f"| {name} |" in lookups.lookups_table(rounds) for name in lookups.OURS)


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


def test_servers_are_shown_beside_their_bare_rate_and_the_other_checkout() -> None:
    one = {
        kind + suffix: servers.Load(1000.0 if "bare" in kind else 900.0, time)
        for kind in servers.KINDS
        for suffix, time in (("", 2e-5), (BEFORE, 4e-5))
    }
    loads = {"uvicorn": [one]}
    assert "| uvicorn | 1,000 | 90% | 90% | 90% | 90% |" in servers.page_table(loads)
    assert "| uvicorn, p0f | 20.0 | 0.50 (0.50 to 0.50) |" in servers.processor_table(loads)
    assert {bar.verdict for bar in servers.bars(loads)} == {"kept"}


@pytest.mark.needs("wrk")
def test_a_server_is_pressed(
    fake_p0f: FakeP0f, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn")
    monkeypatch.setattr(servers, "APPS", {"p0f": "p0f_"})
    monkeypatch.setattr(servers, "KINDS", ["p0f", f"p0f{servers.EACH}"])
    [one] = servers.measure("uvicorn", fake_p0f.socket_path, tmp_path, 0, 1, 1)
    assert one.keys() == {"p0f", "p0f, a connection each"}
    assert all(load.requests_per_second > 0 and load.processor > 0 for load in one.values())
    assert set(fake_p0f.queries) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("words", "shows"),
    [
        pytest.param("--rounds 1 --web-rounds 0", "| P0f / C, p0f", marks=pytest.mark.needs("cc")),
        ("edge --rate 1000 --seconds 1", "1000 SYNs seen, 1000 written"),
    ],
)
@pytest.mark.needs("root", "p0f", "redis-server")
def test_it_measures(words: str, shows: str) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", *words.split()]
    assert shows in subprocess.check_output(command, cwd=ROOT, text=True)
