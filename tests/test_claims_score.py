"""`claims_score` with the table of SYN shapes and the signatures that are shipped: few honest
senders are accused, most lies are caught, and User-Agents are read as public lists say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .claims_score import (
    KINDS,
    LEAST_CAUGHT,
    LISTS,
    MOST_ALARMS,
    devices,
    read_as_listed,
    tallies,
)


@pytest.mark.parametrize("kind", KINDS)
def test_honest_senders_are_rarely_accused_and_of_linux_never_for_certain(kind: str) -> None:
    alarms = tallies(kind)[0]
    shares = {label: alarms[label].percent("mismatch") for label in MOST_ALARMS}
    sure = {label: alarms[label].percent("mismatch", (False,)) for label in MOST_ALARMS}

    assert not {label for label, most in MOST_ALARMS.items() if shares[label] > most}, shares
    assert sure["all"] <= 0.9
    assert [sure[label] for label in ("Android", "ChromiumOS", "Linux")] == [0, 0, 0]
    assert alarms["all"].percent("agree") >= 85


@pytest.mark.parametrize("kind", KINDS)
def test_most_lies_between_families_are_caught(kind: str) -> None:
    shares = {family: tallies(kind)[1][family].percent("mismatch") for family in LEAST_CAUGHT}

    assert not {family for family, least in LEAST_CAUGHT.items() if shares[family] < least}, shares


def figures_in_the_manual(heading: str) -> dict[str, list[str]]:
    """The rows of the table of docs/claims.md that begins with *heading*."""
    page = (Path(__file__).parents[1] / "docs" / "claims.md").read_text()
    table = re.search(rf"^\| {heading}.*?\n\|---.*?\n((?:\|.*\n)+)", page, re.M)
    assert table is not None
    rows = [row.strip("| ").split(" | ") for row in table[1].splitlines()]
    return {name: cells for name, *cells in rows}


def test_the_manual_says_how_many_honest_senders_are_accused_and_liars_caught() -> None:
    names = {"MacOS": "macOS", "ChromiumOS": "ChromeOS"}
    alarms = {
        names.get(label, label): [
            f"{tally.percent('mismatch'):.1f}" if any(tally.weights.values()) else "-"
            for tally in (tallies(kind)[0][label] for kind in KINDS)
        ]
        for label in MOST_ALARMS
    }
    caught = {
        family: [f"{tallies(kind)[1][family].percent('mismatch'):.1f}" for kind in KINDS]
        for family in ("Apple", "Linux", "Windows")
    }

    assert figures_in_the_manual("honest senders") == alarms
    assert figures_in_the_manual("liars") == caught


@pytest.mark.parametrize(
    ("package", "length", "least_right", "most_wrong"),
    [
        ("crawleruseragents", 2000, 0.985, 0.015),
        ("fake_useragent", 5000, 1, 0),
        ("device_detector", 5500, 0.96, 0.005),
    ],
)
def test_hardly_a_user_agent_of_a_public_list_claims_what_it_is_not(
    package: str, length: int, least_right: float, most_wrong: float
) -> None:
    pytest.importorskip(package)
    # Of the tens of thousands of Android's phones and tablets, some thousands will do.
    listed = devices(r"clienthints|-\d") if package == "device_detector" else LISTS[package]()
    kinds = read_as_listed(listed)

    assert kinds["right"] >= least_right * kinds.total() > least_right * length
    assert kinds["wrong"] <= most_wrong * kinds.total()
