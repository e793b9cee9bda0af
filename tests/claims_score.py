"""How often check_claim accuses honest senders, and how many lies it catches.

`python -m tests.claims_score [TABLE] [SIGNATURES]` prints both for a table of SYN shapes that
counts the User-Agents each shape came with; what they may be at most and at least; and how many of
the User-Agents of public lists are read as their list says, of the lists that are installed:
crawler-user-agents, fake-useragent and device-detector.

An alarm is a mismatch between a shape and a User-Agent it did come with, so that the table's own
lies and proxies count as alarms. A lie is made by giving every SYN of one family the User-Agents of
another. The fact a reader would get wrong: the two kinds of counts in the table differ, see
`fingerprint.shapes`; variants make strays look a thousand times as common as they are.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

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
def tallies(
    kind: str, table: Path = TABLE, signatures: str | None = None
) -> tuple[dict[str, Tally], dict[str, Tally]]:
    """Honest senders by label, and "all" together; liars by "family", where both other families are
    claimed in equal parts, and by "family as other"."""
    honest: dict[str, Tally] = defaultdict(Tally)
    lying: dict[str, Tally] = defaultdict(Tally)
    for shape in read_table(table):
        syns = list(packets(shape))
        counts = {label: count / len(syns) for label, count in KINDS[kind](shape).items()}
        for info in (fingerprint_syn(syn, signatures) for syn in syns):
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


# Public lists of User-Agents, each with the name of its system or "robot"


def robots() -> Iterable[tuple[str, str]]:
    text = (files("crawleruseragents") / "crawler-user-agents.json").read_text()
    return [(agent, "robot") for entry in json.loads(text) for agent in entry["instances"]]


def browsers() -> Iterable[tuple[str, str]]:
    text = (files("fake_useragent") / "data" / "browsers.jsonl").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    return [(entry["useragent"], entry["os"]) for entry in entries]


def devices(left_out: str = "clienthints") -> Iterable[tuple[str, str]]:
    """The fixtures of device-detector, which are matomo's."""
    import yaml

    # Those with client hints need not say it all in the User-Agent.
    for path in (files("device_detector") / "tests" / "fixtures" / "upstream").iterdir():
        if path.name.endswith(".yml") and not re.search(left_out, path.name):
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


LISTS: dict[str, Callable[[], Iterable[tuple[str, str]]]] = {
    "crawleruseragents": robots,
    "fake_useragent": browsers,
    "device_detector": devices,
}


def read_as_listed(listed: Iterable[tuple[str, str]]) -> Counter[str]:
    """How many User-Agents claim the family that their list names ("right"), none, or another."""
    kinds: Counter[str] = Counter()
    for agent, system in listed:
        family = read_user_agent(agent).family
        right = family == family_of(system)
        kinds["right" if right else "no claim" if family is None else "wrong"] += 1
    return kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", type=Path, default=TABLE)
    parser.add_argument("signatures", nargs="?")
    given = parser.parse_args()
    for kind in KINDS:
        honest, lying = tallies(kind, given.table, given.signatures)
        _print(f"{kind}, honest", honest)
        _print(f"{kind}, lying", lying)
        for name, most in MOST_ALARMS.items():
            share = honest[name].percent("mismatch")
            print(f"{'ok' if share <= most else 'MISSED':<8}{name}: {share:.2f}, at most {most}")
        for name, least in LEAST_CAUGHT.items():
            share = lying[name].percent("mismatch")
            print(f"{'ok' if share >= least else 'MISSED':<8}{name}: {share:.2f}, at least {least}")
        print()
    for package, listed in LISTS.items():
        try:
            print(f"{package}: {dict(read_as_listed(listed()))}")
        except ModuleNotFoundError:
            print(f"{package} is not installed")


def _print(title: str, tallies: Mapping[str, Tally]) -> None:
    print(f"{title + ' (%)':<24}     agree  mismatch  no relay     relay    unsure")
    for name, tally in tallies.items():
        if any(tally.weights.values()):
            shares = [*map(tally.percent, ("agree", "mismatch", "relay", "unsure"))]
            shares.insert(2, tally.percent("mismatch", (False,)))
            print(f"{name:<24}" + "".join(f"{share:10.2f}" for share in shares))
    print()


if __name__ == "__main__":
    main()
