"""A table of shapes, made of a labelled collection of SYNs.

A collection is text, one SYN a line: the label of its sender's User-Agent (Android, Linux,
ChromiumOS, Windows, MacOS or iOS), a tab, and the SYN in p0f's notation, the raw_sig of p0f's log.

The fact a reader would get wrong: a line that comes twice is one variant and two connections.
Leave repeats in if the collection has them; without them both counts are the same, and say little
of how many visitors sent a shape.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .shapes import COLUMNS, LABELS

_SHOWN = 3
"""MSS values that a row names."""
_INITIAL_TTLS = (32, 64, 128, 255)


class _Counts(NamedTuple):
    sizes: Counter[int]
    variants: Counter[str]
    connections: Counter[str]


def make_table(lines: Iterable[str]) -> Iterator[str]:
    """The lines of the table of a collection, the shapes with the most variants first.

    SYNs of IPv6, and those with quirks that a table cannot hold, are left out; stderr says how
    many. Raises ValueError for a line that is not label, tab, SYN.
    """
    counts, left_out = _count(lines)
    if left_out:
        print(
            f"left out {left_out} SYNs: IPv6, or quirks that a table cannot hold", file=sys.stderr
        )
    yield "\t".join(COLUMNS)
    for shape, found in sorted(counts.items(), key=lambda item: -item[1].variants.total()):
        yield "\t".join((*shape, *_cells(found)))


def _count(lines: Iterable[str]) -> tuple[dict[tuple[str, ...], _Counts], int]:
    counts: dict[tuple[str, ...], _Counts] = {}
    left_out = 0
    seen = set()
    for line in lines:
        label, tab, syn = line.rstrip("\n").partition("\t")
        if not tab or label not in LABELS or syn.count(":") != 7:
            raise ValueError(f"expected a label, a tab and a SYN in p0f's notation: {line!r}")
        shape, mss = _shape(syn)
        if shape is None:
            left_out += 1
            continue
        found = counts.setdefault(shape, _Counts(Counter(), Counter(), Counter()))
        found.connections[label] += 1
        if (label, syn) not in seen:
            seen.add((label, syn))
            found.variants[label] += 1
            found.sizes[mss] += 1
    return counts, left_out


def _shape(syn: str) -> tuple[tuple[str, ...] | None, int]:
    """The cells that say which shape a SYN has, None if a table cannot hold it; and its MSS."""
    version, ttl, ip_options, mss, window_scale, layout, names, payload = syn.split(":")
    quirks = set(names.split(",")) - {""}
    others = quirks - {"df", "id+", "id-", "ecn"}
    if version != "4" or ip_options != "0" or payload != "0" or not others <= {"ts1-"}:
        return None, 0
    window, _, scale = window_scale.partition(",")
    observed = int(ttl.partition("+")[0])
    zero_id = "id-" in quirks or {"df", "id+"} & quirks == {"df"}
    cells = (
        str(next(initial for initial in _INITIAL_TTLS if observed <= initial)),
        *(layout, window, scale),
        "yes" if "df" in quirks else "no",
        "0" if zero_id else "nonzero",
        "yes" if "ecn" in quirks else "no",
        ",".join(others) or "-",
    )
    return cells, int(mss)


def _cells(found: _Counts) -> Iterator[str]:
    shown = [str(size) for size, _ in found.sizes.most_common(_SHOWN)]
    more = len(found.sizes) - len(shown)
    yield " ".join([*shown, f"+{more}"] if more else shown)
    yield from (str(found.variants[label]) for label in LABELS)
    yield from (str(found.connections[label]) for label in LABELS if f"c_{label}" in COLUMNS)
