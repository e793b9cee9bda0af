"""How well a signature file names systems: scored on a table of SYN shapes with the system their
sender claimed.

``python -m tests.syn.score TABLE [SIGNATURES] [--altered N]``. TABLE is tab-separated: os,
initial TTL, option layout, window, scale, IP id (0 or nonzero), ECN (yes or no), count. With
--altered, N random changes of one or two properties of each row are scored instead, as a measure
for shapes that are not in the table.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from p0f_middleware.syn._match import Matcher
from p0f_middleware.syn._signatures import load

from .syns import CWR, ECE, SYN, ipv4, options, tcp

OURS = Path(__file__).parents[2] / "p0f_middleware" / "syn" / "signatures.fp"
FAMILIES = {
    "Linux": ("linux", "android", "chrom"),
    "Windows": ("windows",),
    "Apple": ("mac", "ios"),
    "BSD": ("bsd", "solaris", "illumos"),
}
MSS = (1460, 1452, 1440, 1412, 1400, 1380, 1360, 1330)


class Row(NamedTuple):
    os: str
    ttl: int
    layout: str
    window: str
    scale: int
    ident: int
    ecn: bool
    seen: int


def family(name: str | None) -> str | None:
    """The family of an operating system by words in its *name*; None for none, or for a proxy."""
    words = (name or "").lower()
    return next((one for one, keys in FAMILIES.items() if any(key in words for key in keys)), None)


def read_table(path: str) -> list[Row]:
    rows = []
    for line in Path(path).read_text().splitlines():
        if line.startswith(("#", "os\t")):
            continue
        os, ttl, layout, window, scale, ident, ecn, count = line.split("\t")
        layout = layout.replace("eol,eol", "eol+1")
        width = 0 if scale == "None" else int(scale)
        rows.append(
            Row(os, int(ttl), layout, window, width, int(ident != "0"), ecn == "yes", int(count))
        )
    return rows


def syn(row: Row, mss: int) -> bytes:
    window = int(row.window.removeprefix("mss*")) * (mss if row.window.startswith("mss*") else 1)
    flags = SYN | (ECE | CWR if row.ecn else 0)
    segment = tcp(
        options(row.layout, mss=mss, scale=row.scale), window=min(window, 0xFFFF), flags=flags
    )
    return ipv4(segment, ttl=row.ttl - 11, ident=row.ident)


def altered(row: Row, draw: random.Random) -> Row:
    """*row* with one or two of its properties changed as middleboxes and other versions change
    them.
    """
    for change in draw.sample(
        ("ttl", "scale", "ecn", "ident", "window", "blank"), draw.choice((1, 1, 2))
    ):
        if change == "ttl":
            row = row._replace(ttl=draw.choice((64, 128, 255)))
        elif change == "scale" and row.scale:
            row = row._replace(scale=draw.choice((2, 4, 5, 6, 7, 8, 9, 10, 11, 12)))
        elif change == "ecn":
            row = row._replace(ecn=not row.ecn)
        elif change == "ident":
            row = row._replace(ident=1 - row.ident)
        elif change == "window":
            row = row._replace(
                window=draw.choice(("65535", "64240", "mss*45", "mss*47", "32768", "62000"))
            )
        elif change == "blank":
            row = row._replace(layout=draw.choice(blanked(row.layout)))
    return row


def blanked(layout: str) -> list[str]:
    """*layout* with one of its options overwritten by nops."""
    sizes = {"ts": 10, "sok": 2, "ws": 3}
    names = layout.split(",")
    changed = [
        ",".join([*names[:at], *["nop"] * sizes[name], *names[at + 1 :]])
        for at, name in enumerate(names)
        if name in sizes
    ]
    return [one for one in changed if one.count(",") < 24] or [layout]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("signatures", nargs="?", default=OURS)
    parser.add_argument("--altered", type=int, default=0, metavar="N")
    given = parser.parse_args()
    matcher, draw = Matcher(load(given.signatures)), random.Random(1)
    score: Counter[str] = Counter()
    missed: Counter[tuple[object, ...]] = Counter()
    for row in read_table(given.table):
        for shape in [altered(row, draw) for _ in range(given.altered)] or [row]:
            for mss in MSS:
                found = matcher.match(syn(shape, mss))
                label = found and found.verdict.label
                said = family(label.name if label else None)
                result = (
                    "unknown" if said is None else "right" if said == family(row.os) else "wrong"
                )
                score[result] += row.seen
                if result != "right":
                    named = f"{label.name} {label.flavor}" if label else "-"
                    case = (result, *shape[:7], named)
                    missed[case] += row.seen
    total = sum(score.values())
    print(
        ", ".join(f"{result} {100 * count / total:.2f} %" for result, count in score.most_common())
    )
    for miss, count in missed.most_common(25):
        print(f"{100 * count / total:.2f} %", *miss, sep="\t")


if __name__ == "__main__":
    main()
