"""The daemon answers for an address: who shares it is not accused for the systems of others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .. import own_network
from .shared_address import CHANGED, OTHERS

pytestmark = pytest.mark.needs("root", "p0f")

Tallies = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def tallies(tmp_path_factory: pytest.TempPathFactory) -> Tallies:
    """How often each verdict came; see `shared_address`."""
    folder: Path = tmp_path_factory.mktemp("p0f")
    program = [sys.executable, "-m", "tests.real.shared_address", str(folder)]
    done = subprocess.run(
        [*own_network.COMMAND, *program], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    result: Tallies = json.loads(done.stdout)
    print("", *(f"{name}: {tally}" for name, tally in result.items()), sep="\n")
    return result


@pytest.mark.parametrize("hold", [10, 0])
def test_honest_machines_behind_one_address_are_hardly_ever_accused(
    hold: int, tallies: Tallies
) -> None:
    honest = dict(tallies[f"hold={hold}, honest"])
    others, _ = honest.pop(OTHERS), honest.pop(CHANGED)
    requests = sum(honest.values())

    assert requests > 1000
    assert others > requests / 20, "p0f told them apart all the time: nothing was tried"
    assert honest.get("mismatch", 0) <= requests * 0.005


def test_requests_of_one_connection_all_say_the_same(tallies: Tallies) -> None:
    held, asked_each_time = (tallies[f"hold={hold}, honest"][CHANGED] for hold in (10, 0))

    assert asked_each_time > 0, "p0f told nothing else all the time: nothing was tried"
    assert held == 0


@pytest.mark.parametrize("hold", [10, 0])
def test_a_liar_alone_behind_an_address_is_accused(hold: int, tallies: Tallies) -> None:
    lying = tallies[f"hold={hold}, lying"]

    assert lying["mismatch"] >= 0.9 * sum(lying.values())
