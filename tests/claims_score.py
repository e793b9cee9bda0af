"""How often check_claim accuses honest senders, and how many lies it catches.

``python -m tests.claims_score [TABLE] [SIGNATURES]`` prints both for a table of SYN shapes that
counts the User-Agents each shape came with; what they may be at most and at least (BARS); and how
many of the User-Agents of public lists are read as their list says, of the lists that are there:
crawler-user-agents, fake-useragent and device-detector (packages), and ``--systems FILE``,
uap-core's test_os.yaml.

An alarm is a mismatch between a shape and a User-Agent it did come with, so that the table's own
lies and proxies count as alarms. A lie is made by giving every SYN of one family the User-Agents of
another. The fact a reader would get wrong: the two kinds of counts in the table differ, see
`syn.shapes`; variants make strays look a thousand times as common as they are.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, TypeAlias

from p0f_middleware import ClaimVerdict, P0fInfo, check_claim
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
# Percent of honest senders whose verdict may be a mismatch, and of liars for whom it has to be one
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


class Sender(NamedTuple):
    """SYNs of one shape and size, and how often they came with each label."""

    info: P0fInfo | None
    counts: dict[str, float]


Counts: TypeAlias = Callable[[Shape], Mapping[str, int]]
Tallies: TypeAlias = "dict[str, Counter[str]]"
KINDS: dict[str, Counts] = {
    "variants": lambda shape: shape.variants,
    "connections": lambda shape: shape.connections,
}


@lru_cache(4096)
def _fingerprint(syn: bytes, signatures: Path | None) -> P0fInfo | None:
    return fingerprint_syn(syn, None if signatures is None else str(signatures))


def senders(shapes: Iterable[Shape], kind: str, signatures: Path | None = None) -> Iterator[Sender]:
    """The table's senders by counts of that kind."""
    for shape in shapes:
        syns = list(packets(shape))
        for syn in syns:
            counts = {label: n / len(syns) for label, n in KINDS[kind](shape).items() if n}
            yield Sender(_fingerprint(syn, signatures), counts)


def honest(people: Iterable[Sender]) -> Tallies:
    """Verdicts by label, and on "all" together, on senders of their own User-Agents."""
    tallies: Tallies = {name: Counter() for name in ("all", *USER_AGENTS)}
    for info, counts in people:
        for label, count in counts.items():
            for agent in USER_AGENTS[label]:
                for verdict in _verdicts(info, agent):
                    for name in ("all", label):
                        tallies[name][verdict] += count / len(USER_AGENTS[label])  # type: ignore[assignment]
    return tallies


SURE = "no relay"  # counts mismatches that no relay explains, beside the verdict itself


def _verdicts(info: P0fInfo | None, agent: str) -> list[str]:
    claim = check_claim(info, agent)
    sure = claim.verdict == ClaimVerdict.MISMATCH and not claim.relay_possible
    return [claim.verdict.value, *([SURE] if sure else [])]


def lies(people: Iterable[Sender]) -> Tallies:
    """Verdicts on families whose members all claim another: by "family", both others in equal
    parts, and by "family as other"."""
    tallies: Tallies = {}
    for info, counts in people:
        for family, labels in FAMILIES.items():
            count = sum(counts.get(label, 0) for label in labels)
            for other in FAMILIES.keys() - {family}:
                for verdict in _verdicts(info, USER_AGENTS[LIES[other]][0]):
                    for name in (family, f"{family} as {other}"):
                        tallies.setdefault(name, Counter())[verdict] += count  # type: ignore[assignment]
    return dict(sorted(tallies.items()))


def percent(tally: Counter[str], verdict: str) -> float:
    return 100 * tally[verdict] / ((sum(tally.values()) - tally[SURE]) or 1)


# Public lists of User-Agents


def robots() -> list[str]:
    """The User-Agents of crawler-user-agents; ModuleNotFoundError without the package."""
    text = (files("crawleruseragents") / "crawler-user-agents.json").read_text()
    return [agent for entry in json.loads(text) for agent in entry["instances"]]


def browsers() -> list[tuple[str, str]]:
    """The User-Agents of fake-useragent, each with its system; ModuleNotFoundError without it."""
    text = (files("fake_useragent") / "data" / "browsers.jsonl").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    return [(entry["useragent"], entry["os"]) for entry in entries]


def device_detector() -> list[tuple[str, str]]:
    """The fixtures of device-detector, which are matomo's, each with its system, a robot's with
    "robot"; ModuleNotFoundError without the package or PyYAML."""
    import yaml

    listed = []
    for path in (files("device_detector") / "tests" / "fixtures" / "upstream").iterdir():
        # Those with client hints need not say it all in the User-Agent.
        if path.name.endswith(".yml") and not path.name.startswith("clienthints"):
            for entry in yaml.load(path.read_text(), Loader=yaml.CSafeLoader):
                names = [(entry.get("os") or {}).get("name"), entry.get("os_family")]
                system = next((name for name in names if name and family_of(name)), "another")
                listed.append((entry["user_agent"], "robot" if path.name == "bots.yml" else system))
    return listed


def uap_core(path: Path) -> list[tuple[str, str]]:
    """The User-Agents of uap-core's tests/test_os.yaml, each with its system."""
    found = re.findall(
        r"""user_agent_string: *(['"]?)(.*)\1\s+family: *(['"]?)(.*?)\3\s*$""",
        path.read_text(),
        re.M,
    )
    return [(agent, system) for _, agent, _, system in found]


_FAMILIES_OF_SYSTEMS = {
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
    return next(
        (family for family, named in _FAMILIES_OF_SYSTEMS.items() if named.match(system)), None
    )


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
    parser.add_argument("signatures", nargs="?", type=Path)
    parser.add_argument("--systems", type=Path, help="uap-core's tests/test_os.yaml")
    given = parser.parse_args()
    for kind in KINDS:
        people = list(senders(read_table(given.table), kind, given.signatures))
        alarms, caught = honest(people), lies(people)
        _print(f"{kind}, honest", alarms)
        _print(f"{kind}, lying", caught)
        _print_bars(alarms, caught)
    try:
        said = robots()
        claims = sum(read_user_agent(agent).family is not None for agent in said)
        print(f"crawler-user-agents: {len(said) - claims} of {len(said)} claim nothing")
    except ModuleNotFoundError:
        print("crawler-user-agents is not installed")
    print("fake-useragent:", dict(read_as_listed(browsers())))
    try:
        print("device-detector:", dict(read_as_listed(device_detector())))
    except ModuleNotFoundError:
        print("device-detector or PyYAML is not installed")
    if given.systems:
        print(f"{given.systems.name}:", dict(read_as_listed(uap_core(given.systems))))


def _print(title: str, tallies: Tallies) -> None:
    verdicts = [verdict.value for verdict in ClaimVerdict if verdict != ClaimVerdict.NO_CLAIM]
    verdicts.insert(2, SURE)
    print(f"{title + ' (%)':<24}" + "".join(f"{verdict:>10}" for verdict in verdicts))
    for name, tally in tallies.items():
        if sum(tally.values()):
            cells = "".join(f"{percent(tally, verdict):10.2f}" for verdict in verdicts)
            print(f"{name:<24}{cells}")
    print()


def _print_bars(alarms: Tallies, caught: Tallies) -> None:
    for label, most in MOST_ALARMS.items():
        share = percent(alarms[label], "mismatch")
        print(f"{'ok' if share <= most else 'MISSED':<8}{label}: {share:.2f}, at most {most}")
    for label, least in LEAST_CAUGHT.items():
        share = percent(caught[label], "mismatch")
        print(f"{'ok' if share >= least else 'MISSED':<8}{label}: {share:.2f}, at least {least}")
    print()


if __name__ == "__main__":
    main()
