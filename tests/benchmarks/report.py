"""What the figures say: the bars, and the tables. Measures nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .ratios import Bar, Round, Spread, spread
from .web import CLOSING, Load

C, C_64 = "C", "C, 64 in flight"
PlacedRounds = Mapping[str, Sequence[Round]]
"""The rounds of lookups for each place of p0f."""
Loads = Mapping[str, Sequence[Mapping[str, Load]]]
"""For each server its rounds, each with what wrk saw of 'bare', 'p0f' and so on."""


def yardstick(name: str) -> str:
    """The C run that a contender is compared with: the one with as many lookups under way."""
    return C if ", 1 task," in name or "task" not in name else C_64


def _beside_c(name: str) -> Bar:
    limits = {"AsyncP0f, 1 task, asyncio": 2.0, "AsyncP0f, 1 task, uvloop": 1.5, "P0f": 1.25}
    return Bar(f"{name} / {C}", limits[name], lambda one: one[name] / one[C])


def _with_64_tasks(loop: str) -> Bar:
    name = f"AsyncP0f, 64 tasks, {loop}"
    limit = 0.95 if loop == "asyncio" else 0.9
    return Bar(f"{name} / {C_64}", limit, lambda one: one[name] / one[C_64])


def _held(interface: str, suffix: str, limit: float) -> Bar:
    """What a held request adds, in microseconds: an absolute bar, for a quiet machine."""
    bare, held = _HELD_NAMES[interface]
    return Bar(
        f"{interface}, held{suffix} - {interface}, bare, us",
        limit,
        lambda one: (one[held.format(suffix)] - one[bare]) * 1e6,
    )


_HELD_NAMES = {
    "WSGI": ("WSGI, bare", "WSGI, held{}"),
    "ASGI": ("ASGI, bare, asyncio", "ASGI, held{}, asyncio"),
}

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
    _held("WSGI", ", claims=False", 1.0),
    _held("WSGI", "", 2.0),
    _held("ASGI", ", claims=False", 1.5),
    _held("ASGI", "", 2.5),
)


_SERVER_BARS: dict[str, dict[str, float]] = {
    "gunicorn gthread": {"p0f": 0.95, "Syn": 0.95},
    "uvicorn": {"p0f": 0.97, "Syn": 0.97, f"p0f{CLOSING}": 0.72, f"Syn{CLOSING}": 0.80},
    "uvicorn, uvloop and httptools": {
        **{"p0f": 0.95, "Syn": 0.95},
        **{f"p0f{CLOSING}": 0.72, f"Syn{CLOSING}": 0.80},
    },
}
"""For each server the share of the bare rate that it keeps at least."""


def bare_of(kind: str) -> str:
    """What a kind is compared with."""
    return f"bare{CLOSING}" if kind.endswith(CLOSING) else "bare"


def _server_bars(name: str) -> Iterator[Bar]:
    for kind, limit in _SERVER_BARS[name].items():
        yield Bar(
            f"{name}: requests/s, {kind} / bare",
            limit,
            lambda one, kind=kind: one[kind] / one[bare_of(kind)],  # type: ignore[misc]
            at_least=True,
        )


def judge(rounds: PlacedRounds, loads: Loads) -> Iterator[tuple[Bar, Spread]]:
    """Each bar that was measured, with its ratio."""
    for place, here in rounds.items():
        for bar in BARS:
            with contextlib.suppress(KeyError):  # without uvloop there is no such contender
                yield replace(bar, name=f"{bar.name}, {place}"), bar.of(here)
    for name, each in loads.items():
        for bar in _server_bars(name):
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
    """What wrk saw; the ratios are taken round by round."""
    head = f"{'':56}{'requests/s':>11}{'p50 ms':>8}{'p99 ms':>8}{'CPU us':>8}"
    lines = [f"{head}   requests/s, times bare (95 %)   bare's CPU time / CPU time"]
    for name, rounds in loads.items():
        rates = _rates(rounds)
        for kind in rounds[0]:
            rate, p50, p99, processor = (
                spread([getattr(one[kind], field) for one in rounds]).median
                for field in ("requests_per_second", "p50", "p99", "processor")
            )
            kept = spread([one[kind] / one[bare_of(kind)] for one in rates])
            share = spread(
                [one[bare_of(kind)].processor / (one[kind].processor or 1.0) for one in rounds]
            )
            figures = f"{rate:11.0f}{p50 * 1e3:8.2f}{p99 * 1e3:8.2f}{processor * 1e6:8.1f}"
            figures += f"   {f'{kept}':27}   {share}"
            lines.append(f"{f'{name}, {kind}':56}{figures}")
    return "\n".join(lines)


def bars_table(judged: Sequence[tuple[Bar, Spread]]) -> str:
    lines = [f"{'':76}{'bar':>8}   measured (95 %)"]
    for bar, measured in judged:
        limit = f"{'>=' if bar.at_least else '<='} {bar.limit:.2f}"
        lines.append(f"{bar.name:76}{limit:>8}   {measured}  {bar.verdict(measured)}")
    return "\n".join(lines)
