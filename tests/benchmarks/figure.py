"""The picture of a run: bars as SVG, readable on light and dark pages. Knows nothing of p0f."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, LABELS, FIGURES, ROW, TOP = 800, 290, 130, 24, 34
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600 }
  .ours { fill: #2f6fd0 } .other { fill: #8b949e } .noise { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ours { fill: #58a6ff } .other { fill: #6e7681 }
    .noise { stroke: #e6edf3 }
  }
"""


class Row(NamedTuple):
    """One bar of a panel."""

    label: str
    value: float
    noise: tuple[float, float]
    figure: str
    """The value in words, at the bar's end."""
    ours: bool


class Panel(NamedTuple):
    """Bars on one scale, under a heading."""

    heading: str
    rows: Sequence[Row]


def draw(title: str, panels: Sequence[Panel]) -> str:
    """The panels below each other, as an SVG document."""
    parts: list[str] = []
    y = 0
    for panel in panels:
        parts += _panel(panel, y)
        y += TOP + ROW * len(panel.rows) + 12
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}"'
        f' height="{y}" role="img">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n'
        f"{body}\n</svg>\n"
    )


def _panel(panel: Panel, y: int) -> list[str]:
    longest = max(max(row.value, row.noise[1]) for row in panel.rows)
    scale = (WIDTH - LABELS - FIGURES) / longest
    parts = [f'<text class="head" x="0" y="{y + 20}">{escape(panel.heading)}</text>']
    for number, row in enumerate(panel.rows):
        top = y + TOP + ROW * number
        middle = top + ROW / 2 - 2
        low, high = (LABELS + value * scale for value in row.noise)
        length = row.value * scale
        end = max(LABELS + length, high) + 8
        kind = "ours" if row.ours else "other"
        parts += [
            f'<text x="{LABELS - 8}" y="{top + 15}" text-anchor="end">{escape(row.label)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{top + 2}" width="{length:.1f}" height="16"/>',
            f'<path class="noise" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>',
            f'<text x="{end:.1f}" y="{top + 15}">{escape(row.figure)}</text>',
        ]
    return parts
