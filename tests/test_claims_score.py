"""The rule of claims on the table of SYN shapes, with the signatures that are shipped.

The bars are those for SYNs that neither rule nor signatures were made from; here they hold on those
that the signatures were made from, which is less than that and still catches a rule gone wrong.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from p0f_middleware._user_agent import read_user_agent

from .claims_score import (
    KINDS,
    LEAST_CAUGHT,
    MOST_ALARMS,
    SURE,
    Tallies,
    browsers,
    device_detector,
    honest,
    lies,
    percent,
    read_as_listed,
    robots,
    senders,
)
from .fingerprint.shapes import TABLE, read_table


@cache
def tallies(kind: str) -> tuple[Tallies, Tallies]:
    people = list(senders(read_table(TABLE), kind))
    return honest(people), lies(people)


@pytest.mark.parametrize("label", MOST_ALARMS)
@pytest.mark.parametrize("kind", KINDS)
def test_honest_senders_are_rarely_accused(kind: str, label: str) -> None:
    assert percent(tallies(kind)[0][label], "mismatch") <= MOST_ALARMS[label]


@pytest.mark.parametrize("kind", KINDS)
def test_honest_senders_mostly_agree(kind: str) -> None:
    assert percent(tallies(kind)[0]["all"], "agree") >= 85


@pytest.mark.parametrize("family", LEAST_CAUGHT)
@pytest.mark.parametrize("kind", KINDS)
def test_most_lies_between_families_are_caught(kind: str, family: str) -> None:
    assert percent(tallies(kind)[1][family], "mismatch") >= LEAST_CAUGHT[family]


@pytest.mark.parametrize("kind", KINDS)
def test_no_honest_sender_of_linux_is_surely_a_liar(kind: str) -> None:
    alarms = tallies(kind)[0]

    assert percent(alarms["all"], SURE) <= 0.9
    assert [alarms[label][SURE] for label in ("Android", "ChromiumOS", "Linux")] == [0, 0, 0]


def test_robots_of_a_public_list_claim_nothing() -> None:
    pytest.importorskip("crawleruseragents")
    listed = robots()

    claiming = [agent for agent in listed if read_user_agent(agent).family]

    assert len(listed) > 2000
    assert len(claiming) <= 0.015 * len(listed), claiming


def test_every_browser_of_a_public_list_is_read_right() -> None:
    kinds = read_as_listed(browsers())

    assert kinds["right"] == sum(kinds.values()) > 5000


def test_hardly_a_user_agent_of_another_public_list_claims_what_it_is_not() -> None:
    pytest.importorskip("device_detector")
    pytest.importorskip("yaml")
    kinds = read_as_listed(device_detector())

    assert kinds["right"] >= 0.98 * sum(kinds.values()) > 30000
    assert kinds["wrong"] <= 0.0015 * sum(kinds.values())


def figures_in_the_manual(heading: str) -> dict[str, list[str]]:
    """The rows of the table of docs/claims.md that begins with *heading*."""
    page = (Path(__file__).parents[1] / "docs" / "claims.md").read_text()
    table = re.search(rf"^\| {heading}.*?\n\|---.*?\n((?:\|.*\n)+)", page, re.M)
    assert table is not None
    rows = [row.strip("| ").split(" | ") for row in table[1].splitlines()]
    return {name: cells for name, *cells in rows}


def test_the_manual_says_how_many_honest_senders_are_accused() -> None:
    names = {"MacOS": "macOS", "ChromiumOS": "ChromeOS"}
    measured = {
        names.get(label, label): [
            f"{percent(tally, 'mismatch'):.1f}" if tally else "-"
            for tally in (tallies(kind)[0][label] for kind in KINDS)
        ]
        for label in MOST_ALARMS
    }

    assert figures_in_the_manual("honest senders") == measured


def test_the_manual_says_how_many_liars_are_caught() -> None:
    measured = {
        family: [f"{percent(tallies(kind)[1][family], 'mismatch'):.1f}" for kind in KINDS]
        for family in ("Apple", "Linux", "Windows")
    }

    assert figures_in_the_manual("liars") == measured
