"""How well a signature file names systems, scored on a table of shapes.

``python -m tests.syn.score [TABLE] [SIGNATURES]``
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from p0f_middleware.syn._match import Matcher, Verdict
from p0f_middleware.syn._signatures import load

from .shapes import FAMILIES, TABLE, Shape, by_family, packets, read_table

OURS = Path(__file__).parents[2] / "p0f_middleware" / "syn" / "signatures.fp"
RELAY = "Proxy or VPN"
NAMES = {
    "Windows": ("windows",),
    "Apple": ("mac", "ios"),
    "Linux": ("linux", "android", "chrom"),
}
RESULTS = ("right", "wrong", "relay", "unknown")
QUALITIES = ("specific", "generic", "fuzzy", "none")


def family(name: str | None) -> str | None:
    words = (name or "").lower()
    return next((one for one, keys in NAMES.items() if any(key in words for key in keys)), None)


class Judged(NamedTuple):
    shape: Shape
    mss: int
    quality: str
    name: str
    verdict: Verdict
    counts: dict[str, float]


def quality(verdict: Verdict) -> str:
    if verdict.label is None:
        return "none"
    return "fuzzy" if verdict.fuzzy else "generic" if verdict.generic else "specific"


def result(name: str | None, claimed: str) -> str:
    if name is None:
        return "unknown"
    if name == RELAY:
        return "relay"
    return "right" if family(name) == claimed else "wrong"


def judge(matcher, shapes, counts_of):
    for shape in shapes:
        made = list(packets(shape))
        for packet, size in zip(made, shape.sizes):
            v = matcher.match(packet).verdict
            c = {f: n / len(made) for f, n in by_family(counts_of(shape)).items()}
            yield Judged(shape, size, quality(v), v.label and v.label.name, v, c)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("table", nargs="?", default=TABLE, type=Path)
    ap.add_argument("signatures", nargs="?", default=OURS)
    ap.add_argument("--missed", type=int, default=0)
    a = ap.parse_args()
    m = Matcher(load(a.signatures)); shapes = read_table(a.table)
    for what in ("variants", "connections"):
        tot = Counter(); byq = Counter(); rel = Counter(); missed = Counter()
        for j in judge(m, shapes, lambda s: getattr(s, what)):
            for f, n in j.counts.items():
                r = result(j.name, f)
                tot[r] += n; byq[j.quality, r] += n
                if r == "relay": rel[f] += n
                if r != "right":
                    s = j.shape
                    missed[r, s.ttl, s.layout, s.window, s.scale, s.df, s.ident, s.ecn, str(j.verdict.label and j.verdict.label[2:4]), j.quality] += n
        n = sum(tot.values())
        print(what, n, {r: round(100 * tot[r] / n, 2) for r in RESULTS})
        for q in QUALITIES:
            k = sum(byq[q, r] for r in RESULTS)
            if k: print("   ", q, round(100*k/n, 1), {r: round(100 * byq[q, r] / k, 1) for r in RESULTS})
        print("   relays linux:", rel["Linux"] / max(1e-9, sum(rel.values())), {f: round(x,1) for f,x in rel.items()})
        for k, v in missed.most_common(a.missed):
            print("      ", round(v, 1), *k)


if __name__ == "__main__":
    main()
