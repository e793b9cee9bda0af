"""Which figures of a run README shows."""

from __future__ import annotations

from collections.abc import Sequence

from .figure import Panel, Row, draw
from .ratios import Round, spread
from .report import C_64, C, Loads, PlacedRounds, bare_of

ONE_BY_ONE = (
    C,
    "Python, send and recv",
    "P0f",
    "WSGI, wrapped",
    "WSGI, held",
    "AsyncP0f, 1 task, uvloop",
    "AsyncP0f, 1 task, asyncio",
    "p0f 1.0.0, connection kept",
    "p0f 1.0.0 as in Django",
)
MANY = (C_64, "AsyncP0f, 64 tasks, uvloop", "AsyncP0f, 64 tasks, asyncio")


def picture(rounds: PlacedRounds, loads: Loads) -> str:
    """An SVG: lookups one by one, many at once, and the servers."""
    panels = []
    for place, each in rounds.items():
        panels += [
            _times(f"One lookup at a time, {place}: time, and times C", ONE_BY_ONE, C, each),
            _times(f"64 lookups at a time, {place}: time, and times C", MANY, C_64, each),
        ]
    if loads:
        panels.append(_rates(loads))
    return draw("Time for a lookup, and requests per second with and without it", panels)


def _times(heading: str, names: Sequence[str], base: str, rounds: Sequence[Round]) -> Panel:
    rows = []
    for name in (name for name in names if name in rounds[0]):
        ratio = spread([one[name] / one[base] for one in rounds])
        microseconds = spread([one[name] for one in rounds]).median * 1e6
        figure = f"{microseconds:.1f} µs, {ratio.median:.2f}"
        ours = not name.startswith(("C", "Python", "p0f 1.0.0"))
        rows.append(Row(name, ratio.median, ratio.noise, figure, ours))
    return Panel(heading, rows)


def _rates(loads: Loads) -> Panel:
    rows = []
    for name, rounds in loads.items():
        for kind in rounds[0]:
            rate = spread([one[kind].requests_per_second for one in rounds])
            share = spread(
                [
                    one[kind].requests_per_second / one[bare_of(kind)].requests_per_second
                    for one in rounds
                ]
            )
            figure = f"{rate.median:,.0f}, {share.median:.0%}"
            row = Row(
                f"{_short(name)}, {kind}",
                rate.median,
                rate.noise,
                figure,
                not kind.startswith("bare"),
            )
            rows.append(row)
    return Panel("Requests per second, 64 connections (wrk), and share of the bare app's", rows)


def _short(name: str) -> str:
    return name.replace("uvloop and httptools", "uvloop")
