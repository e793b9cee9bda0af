"""How often check_claim accuses honest senders, and how many lies it catches, on the table of SYN
shapes and with the signatures that are shipped; and how User-Agents of public lists are read.

An alarm is a mismatch between a shape and a User-Agent it did come with, so that the table's own
lies and proxies count as alarms. A lie is made by giving every SYN of one family the User-Agents of
another. The fact a reader would get wrong: the two kinds of counts in the table differ, see
`fingerprint.shapes`; variants make strays look a thousand times as common as they are.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from p0f_middleware import Claim, ClaimVerdict, check_claim
from p0f_middleware._user_agent import read_user_agent
from p0f_middleware.fingerprint import fingerprint_syn

from .fingerprint.shapes import FAMILIES, TABLE, Shape, packets, read_table

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
# What the browsers of each label send; where there are two, each counts half. Only the second, the
# Safari of an Apple system, comes with a relay of its own.
USER_AGENTS = {
    "Windows": (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",),
    "MacOS": (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME} Safari/537.36",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Version/18.3 Safari/605.1.15",
    ),
    "iOS": (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {_WEBKIT} CriOS/134.0.6998.33"
        " Mobile/15E148 Safari/604.1",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {_WEBKIT} Version/18.3"
        " Mobile/15E148 Safari/604.1",
    ),
    "Android": (f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36",),
    "Linux": (f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Safari/537.36",),
    "ChromiumOS": (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_CHROME} Safari/537.36",),
}
# The label whose first User-Agent somebody sends who claims a family; Apple's is Chrome's
LIES = {"Windows": "Windows", "Apple": "MacOS", "Linux": "Android"}


KINDS: dict[str, Callable[[Shape], Mapping[str, int]]] = {
    "variants": lambda shape: shape.variants,
    "connections": lambda shape: shape.connections,
}
# Percent of honest senders whose verdict may be a mismatch, and of liars for whom it has to be one.
# These are the bars for SYNs that neither rule nor signatures were made from; here they hold on
# those that the signatures were made from, which is less and still catches a rule gone wrong.
MOST_ALARMS = {
    "all": 0.9,
    "Windows": 2.5,
    "MacOS": 2.1,
    "iOS": 1.0,
    "Android": 0.1,
    "ChromiumOS": 0.1,
    "Linux": 0.3,
}
LEAST_CAUGHT = {"Linux as Windows": 74, "Windows": 60, "Apple": 85}


class Tally:
    """Claims on senders, each with its weight; in percent."""

    def __init__(self) -> None:
        self.weights: dict[tuple[ClaimVerdict, bool], float] = defaultdict(float)

    def add(self, claim: Claim, weight: float) -> None:
        self.weights[claim.verdict, claim.relay_possible] += weight

    def percent(self, verdict: str, relay_possible: tuple[bool, ...] = (False, True)) -> float:
        total = sum(self.weights.values()) or 1
        return (
            100
            * sum(self.weights.get((ClaimVerdict(verdict), r), 0) for r in relay_possible)
            / total
        )


@cache
def tallies(kind: str) -> tuple[dict[str, Tally], dict[str, Tally]]:
    """Honest senders by label, and "all" together; liars by "family", where both other families are
    claimed in equal parts, and by "family as other"."""
    honest: dict[str, Tally] = defaultdict(Tally)
    lying: dict[str, Tally] = defaultdict(Tally)
    for shape in read_table(TABLE):
        syns = list(packets(shape))
        counts = {label: count / len(syns) for label, count in KINDS[kind](shape).items()}
        for info in map(fingerprint_syn, syns):
            for label, agents in USER_AGENTS.items():
                for agent in agents:
                    claim = check_claim(info, agent)
                    for name in ("all", label):
                        honest[name].add(claim, counts.get(label, 0) / len(agents))
            for family, other in itertools.permutations(FAMILIES, 2):
                claim = check_claim(info, USER_AGENTS[LIES[other]][0])
                for name in (family, f"{family} as {other}"):
                    lying[name].add(claim, sum(counts.get(label, 0) for label in FAMILIES[family]))
    return honest, lying


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


# Public lists of User-Agents, each with the name of its system or "robot"


def robots() -> Iterable[tuple[str, str]]:
    text = (files("crawleruseragents") / "crawler-user-agents.json").read_text()
    return [(agent, "robot") for entry in json.loads(text) for agent in entry["instances"]]


def browsers() -> Iterable[tuple[str, str]]:
    text = (files("fake_useragent") / "data" / "browsers.jsonl").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    return [(entry["useragent"], entry["os"]) for entry in entries]


def devices() -> Iterable[tuple[str, str]]:
    """The fixtures of device-detector, which are matomo's."""
    yaml = pytest.importorskip("yaml")
    # Those with client hints need not say it all in the User-Agent, and of tens of thousands of
    # Android's phones and tablets some thousands will do.
    left_out = re.compile(r"clienthints|.*-\d|.*(?<!\.yml)\Z")
    for path in (files("device_detector") / "tests" / "fixtures" / "upstream").iterdir():
        if not left_out.match(path.name):
            for entry in yaml.load(path.read_text(), Loader=yaml.CSafeLoader):
                names = [(entry.get("os") or {}).get("name"), entry.get("os_family")]
                system = next((name for name in names if name and family_of(name)), "another")
                yield entry["user_agent"], "robot" if path.name == "bots.yml" else system


FAMILIES_OF_SYSTEMS = {
    "Windows": re.compile("Windows"),
    "Apple": re.compile("iOS|iPadOS|Mac|ATV OS|tvOS|watchOS", re.IGNORECASE),
    "Linux": re.compile(
        "Android|Linux|GNU|Ubuntu|Debian|Fedora|Chrome ?OS|Tizen|web.?OS|Red Hat|CentOS|Gentoo"
        "|Mageia|Mandriva|Puppy|Slackware|SUSE|Arch|Mint|KaiOS|Chromecast|Kindle|MeeGo|Maemo"
        "|HarmonyOS$|Raspbian|Roku|WeTab|LG|Sony|Philips|Sailfish|VectorLinux|Google ?TV|Bada"
        "|Firefox OS|SteamOS|Orsay|Vega OS|Whale OS",
        re.IGNORECASE,
    ),
}


def family_of(system: str) -> str | None:
    """The family of a list's name of a system."""
    families = (name for name, named in FAMILIES_OF_SYSTEMS.items() if named.match(system))
    return next(families, None)


@pytest.mark.parametrize(
    ("package", "listed", "length", "least_right", "most_wrong"),
    [
        ("crawleruseragents", robots, 2000, 0.985, 0.015),
        ("fake_useragent", browsers, 5000, 1, 0),
        ("device_detector", devices, 5500, 0.96, 0.005),
    ],
)
def test_hardly_a_user_agent_of_a_public_list_claims_what_it_is_not(
    package: str,
    listed: Callable[[], Iterable[tuple[str, str]]],
    length: int,
    least_right: float,
    most_wrong: float,
) -> None:
    pytest.importorskip(package)
    kinds: Counter[str] = Counter()
    for agent, system in listed():
        family = read_user_agent(agent).family
        right = family == family_of(system)
        kinds["right" if right else "no claim" if family is None else "wrong"] += 1

    assert kinds["right"] >= least_right * kinds.total() > least_right * length
    assert kinds["wrong"] <= most_wrong * kinds.total()
