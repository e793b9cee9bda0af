"""What the figures say: the bars, and the tables. Measures nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .ratios import Bar, Round, Spread, spread
from .web import Load

C, C_64 = "C", "C, 64 in flight"
PlacedRounds = Mapping[str, Sequence[Round]]
"""The rounds of lookups for each place of p0f."""
Loads = Mapping[str, Sequence[Mapping[str, Load]]]
"""For each server its rounds, each with what wrk saw of 'bare', 'wrapped' and so on."""


def yardstick(name: str) -> str:
    """The C run that a contender is compared with: the one with as many lookups under way."""
    return C if ", 1 task," in name or "task" not in name else C_64


def _beside_c(name: str) -> Bar:
    limits = {"AsyncP0f, 1 task, asyncio": 2.0, "AsyncP0f, 1 task, uvloop": 1.5, "P0f": 1.25}
    return Bar(f"{name} / {C}", limits[name], lambda one: one[name] / one[C])


def _with_64_tasks(loop: str) -> Bar:
    name = f"AsyncP0f, 64 tasks, {loop}"
    return Bar(f"{name} / {C_64}", 0.9, lambda one: one[name] / one[C_64])


BARS = (
    _beside_c("P0f"),
    Bar(
        f"(WSGI, wrapped - WSGI, bare) / {C}",
        1.35,
        lambda one: (one["WSGI, wrapped"] - one["WSGI, bare"]) / one[C],
    ),
    _with_64_tasks("asyncio"),
    _with_64_tasks("uvloop"),
    _beside_c("AsyncP0f, 1 task, asyncio"),
    _beside_c("AsyncP0f, 1 task, uvloop"),
)


def _kept_rate(one: Round) -> float:
    return one["wrapped"] / one["bare"]


def _server_bar(name: str) -> Bar:
    limit = 0.90 if name.startswith("gunicorn") else 0.92
    return Bar(f"{name}: requests/s, wrapped / bare", limit, _kept_rate, at_least=True)


def judge(rounds: PlacedRounds, loads: Loads) -> Iterator[tuple[Bar, Spread]]:
    """Each bar that was measured, with its ratio."""
    for place, here in rounds.items():
        for bar in BARS:
            with contextlib.suppress(KeyError):  # without uvloop there is no such contender
                yield replace(bar, name=f"{bar.name}, {place}"), bar.of(here)
    for name, each in loads.items():
        bar = _server_bar(name)
        yield bar, bar.of(_rates(each))


def _rates(rounds: Sequence[Mapping[str, Load]]) -> list[Round]:
    return [{kind: load.requests_per_second for kind, load in one.items()} for one in rounds]


def lookups_table(rounds: Sequence[Round]) -> str:
    """Time for a lookup or request, and how that compares with C."""
    lines = [f"{'':36}{'median us':>10}{'quartiles':>16}   times C (95 %)"]
    for name in rounds[0]:
        times = spread([one[name] * 1e6 for one in rounds])
        ratio = spread([one[name] / one[yardstick(name)] for one in rounds])
        low, high = times.quartiles
        lines.append(f"{name:36}{times.median:10.2f}{f'{low:.2f} - {high:.2f}':>16}   {ratio}")
    return "\n".join(lines)


def servers_table(loads: Loads) -> str:
    """What wrk saw; the ratio is taken round by round."""
    lines = [f"{'':48}{'requests/s':>11}{'p50 ms':>8}{'p99 ms':>8}   times bare (95 %)"]
    for name, rounds in loads.items():
        rates = _rates(rounds)
        for kind in rounds[0]:
            rate, p50, p99 = (
                spread([getattr(one[kind], field) for one in rounds]).median
                for field in ("requests_per_second", "p50", "p99")
            )
            kept = spread([one[kind] / one["bare"] for one in rates])
            figures = f"{rate:11.0f}{p50 * 1e3:8.2f}{p99 * 1e3:8.2f}   {kept}"
            lines.append(f"{f'{name}, {kind}':48}{figures}")
    return "\n".join(lines)


def bars_table(judged: Sequence[tuple[Bar, Spread]]) -> str:
    lines = [f"{'':76}{'bar':>8}   measured (95 %)"]
    for bar, measured in judged:
        limit = f"{'>=' if bar.at_least else '<='} {bar.limit:.2f}"
        lines.append(f"{bar.name:76}{limit:>8}   {measured}  {bar.verdict(measured)}")
    return "\n".join(lines)
