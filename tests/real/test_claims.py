"""The daemon answers for an address: who shares it is not accused for the systems of others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .daemon import unavailable

Tallies = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def tallies(tmp_path_factory: pytest.TempPathFactory) -> Tallies:
    """How often each verdict came; see `shared_address`."""
    if os.geteuid() != 0:
        unavailable("network namespaces need root")
    folder: Path = tmp_path_factory.mktemp("p0f")
    program = ["unshare", "--net", sys.executable, "-m", "tests.real.shared_address", str(folder)]
    try:
        done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    except OSError as error:
        unavailable(f"unshare cannot be run: {error}")
    if done.returncode != 0 and "Operation not permitted" in done.stderr:
        unavailable(f"no network namespace here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    result: Tallies = json.loads(done.stdout)
    print("", *(f"{name}: {tally}" for name, tally in result.items()), sep="\n")
    return result


@pytest.mark.parametrize("hold", [10, 0])
def test_honest_machines_behind_one_address_are_hardly_ever_accused(
    hold: int, tallies: Tallies
) -> None:
    honest = dict(tallies[f"hold={hold}, honest"])
    others = honest.pop("another machine's answer")
    requests = sum(honest.values())

    assert requests > 1000
    assert others > requests / 20, "p0f told them apart all the time: nothing was tried"
    assert honest.get("mismatch", 0) <= requests * 0.005


@pytest.mark.parametrize("hold", [10, 0])
def test_a_liar_alone_behind_an_address_is_accused(hold: int, tallies: Tallies) -> None:
    lying = tallies[f"hold={hold}, lying"]

    assert lying["mismatch"] >= 0.9 * sum(lying.values())
