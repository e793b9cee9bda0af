"""Public lists of User-Agents, and what check_claim reads in them.

Both come from PyPI and are installed for the tests alone: crawler-user-agents (robots by what they
send) and the fixtures of matomo's device-detector, which its Python port ships. A robot should
claim nothing, and anything else no other family than the one of the system its list names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from p0f_middleware import check_claim

_FAMILIES = {
    "Windows": "Windows",
    "Windows Mobile": "Windows",
    "Mac": "Apple",
    "iOS": "Apple",
    "Android": "Linux",
    "Chrome OS": "Linux",
    "Firefox OS": "Linux",  # and KaiOS
    "GNU/Linux": "Linux",
    "Google TV": "Linux",
    "Tizen": "Linux",
    "webOS": "Linux",
    # Television sets and readers that their User-Agents call Linux, too
    "Orsay": "Linux",
    "Vega OS": "Linux",
    "Whale OS": "Linux",
}
"""The family of a system, or of a family of systems, by device-detector's name. Others have none."""


class Entry(NamedTuple):
    """One User-Agent of a list. `family` is what it may claim; None for robots and other systems."""

    user_agent: str
    family: str | None


def _folder(module: str) -> Path | None:
    found = find_spec(module)
    return Path(found.origin).parent if found and found.origin else None


def crawlers() -> Iterator[Entry]:
    """The list of crawler-user-agents; nothing where it is not installed."""
    folder = _folder("crawleruseragents")
    if folder is not None:
        for robot in json.loads((folder / "crawler-user-agents.json").read_text()):
            yield from (Entry(user_agent, None) for user_agent in robot["instances"])


def device_detector(*, robots: bool) -> Iterator[Entry]:
    """The fixtures of device-detector; nothing where it is not installed."""
    folder = _folder("device_detector")
    if folder is not None:
        # Those with client hints have headers beside the User-Agent, which then need not say it all.
        for path in sorted((folder / "tests/fixtures/upstream").glob("*.yml")):
            if (path.name == "bots.yml") == robots and not path.name.startswith("clienthints"):
                yield from map(_entry, _yaml(path))


def _entry(fixture: dict[str, Any]) -> Entry:
    system = fixture.get("os") or {}
    names = (system.get("name"), fixture.get("os_family"))
    return Entry(fixture["user_agent"], next(filter(None, map(_FAMILIES.get, names)), None))


def _yaml(path: Path) -> Any:
    import yaml  # with libyaml: the fixtures are 10 MB

    return yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


LISTS = {
    "crawler-user-agents": crawlers,
    "device-detector, bots": lambda: device_detector(robots=True),
    "device-detector, others": lambda: device_detector(robots=False),
}


class Reading(NamedTuple):
    """How a list's User-Agents are read."""

    as_listed: int
    nothing: int
    """The list names a system, and nothing is claimed: lies of these are not seen."""
    wrong: tuple[Entry, ...]
    """The claim is not what the list names: honest senders of these may get a mismatch."""

    @property
    def total(self) -> int:
        return self.as_listed + self.nothing + len(self.wrong)


@cache
def reading(name: str) -> Reading:
    """How the list of that name is read."""
    counts: Counter[str] = Counter()
    wrong = []
    for entry in LISTS[name]():
        claimed = check_claim(None, entry.user_agent).claimed
        if claimed == entry.family:
            counts["as listed"] += 1
        elif claimed is None:
            counts["nothing"] += 1
        else:
            wrong.append(entry)
    return Reading(counts["as listed"], counts["nothing"], tuple(wrong))
