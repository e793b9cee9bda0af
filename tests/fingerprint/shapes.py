"""A table of SYN shapes: how often each came with a User-Agent of each system, and how its rows
become SYN packets again.

No labelled collection has IPv6, so each signature has its twin for IPv6 by rule. Captures of known
senders bear it out: the options are the same, and the MSS is 20 smaller.

The facts a reader would get wrong: `variants` counts each distinct SYN of the collection once, so a
stray label weighs as much as a thousand visitors; `connections` counts visitors. They come from
different samples: do not add them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .syns import CWR, DF, ECE, SYN, ipv4, options, tcp

TABLE = Path(__file__).with_name("vectors") / "shapes.tsv"
HOPS = 11  # routers passed by the SYNs that are made of a row
FAMILIES = {  # that a SYN can tell apart, and the User-Agent labels of each
    "Windows": ("Windows",),
    "Apple": ("MacOS", "iOS"),
    "Linux": ("Android", "Linux", "ChromiumOS"),
}
LABELS = ("Android", "Linux", "ChromiumOS", "Windows", "MacOS", "iOS")
COLUMNS = (
    *("ttl", "layout", "window", "scale", "df", "id", "ecn", "quirks", "mss"),
    *(f"v_{label}" for label in LABELS),
    *(f"c_{label}" for label in LABELS if label != "ChromiumOS"),
)


class Shape(NamedTuple):
    """One row of a table.

    `ttl` is the guessed initial TTL, `window` is in p0f's notation, `zero_timestamp` is p0f's
    quirk ts1-, `sizes` are the most frequent MSS values. `variants` and `connections` give counts
    by User-Agent label.
    """

    ttl: int
    layout: str
    window: str
    scale: int
    df: bool
    ident: bool
    ecn: bool
    zero_timestamp: bool
    sizes: tuple[int, ...]
    variants: Mapping[str, int]
    connections: Mapping[str, int]

    def __str__(self) -> str:
        marks = {"df": self.df, "id+": self.ident, "ecn": self.ecn, "ts1-": self.zero_timestamp}
        quirks = ",".join(mark for mark, holds in marks.items() if holds)
        return f"{self.ttl}:{self.window},{self.scale}:{self.layout}:{quirks}"


def by_family(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by User-Agent label, added up to counts by family."""
    return {
        family: sum(counts.get(label, 0) for label in labels) for family, labels in FAMILIES.items()
    }


def collection_shares(shapes: Iterable[Shape]) -> dict[str, float]:
    """Each family's share of all variants of a table."""
    totals = dict.fromkeys(FAMILIES, 0)
    for shape in shapes:
        for family, count in by_family(shape.variants).items():
            totals[family] += count
    whole = sum(totals.values())
    return {family: count / whole for family, count in totals.items()}


def read_table(path: Path = TABLE) -> list[Shape]:
    """The rows of the table at *path*; lines that begin with '#' are comments."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    if tuple(lines[0].split("\t")) != COLUMNS:
        raise ValueError(f"{path} has other columns than {', '.join(COLUMNS)}")
    return [_read_row(dict(zip(COLUMNS, line.split("\t"), strict=True))) for line in lines[1:]]


def _read_row(cells: dict[str, str]) -> Shape:
    return Shape(
        ttl=int(cells["ttl"]),
        layout=cells["layout"],
        window=cells["window"],
        scale=int(cells["scale"]),
        df=cells["df"] == "yes",
        ident=cells["id"] == "nonzero",
        ecn=cells["ecn"] == "yes",
        zero_timestamp=cells["quirks"] == "ts1-",
        sizes=tuple(int(size) for size in cells["mss"].split() if not size.startswith("+")),
        variants={label: int(cells[f"v_{label}"]) for label in LABELS},
        connections={label: int(cells.get(f"c_{label}", "0")) for label in LABELS},
    )


def packets(shape: Shape) -> Iterator[bytes]:
    """SYNs of that shape over IPv4, one for each of its MSS values."""
    for size in shape.sizes:
        segment = tcp(
            options(shape.layout, mss=size, scale=shape.scale, own=not shape.zero_timestamp),
            window=_window_bytes(shape.window, size),
            flags=SYN | (ECE | CWR if shape.ecn else 0),
        )
        yield ipv4(
            segment,
            ttl=max(1, shape.ttl - HOPS),
            ident=0x1234 if shape.ident else 0,
            fragment=DF if shape.df else 0,
        )


def _window_bytes(window: str, mss: int) -> int:
    """A window in p0f's notation, in bytes; a multiple that is too large is one of 1460."""
    unit, star, factor = window.partition("*")
    if not star:
        return int(window)
    size = int(factor) * (mss if unit == "mss" else mss + 40)
    return size if size <= 0xFFFF else int(factor) * 1460


_SMALLER = 20  # bytes that the header of IPv6 takes from the MSS
_IPV4_ALONE = {"df", "id+", "id-", "0+"}
_JUMBO = 9000


def twin_signature(text: str) -> str | None:
    """The signature that matches the twin with a flow label; None if *text* needs none.

    A ``*`` signature matches IPv6 without a flow label itself. One scoped to an IP version rests on
    what only that version has, and so does one of a link that is larger than jumbo Ethernet.
    """
    version, ttl, ip_options, mss, window, layout, quirks, payload = text.split(":")
    if version != "*" or (mss != "*" and int(mss) > _JUMBO):
        return None
    kept = [quirk for quirk in quirks.split(",") if quirk and quirk not in _IPV4_ALONE]
    before = [quirk for quirk in kept if quirk == "ecn"]
    after = [quirk for quirk in kept if quirk != "ecn"]
    smaller = mss if mss == "*" else str(int(mss) - _SMALLER)
    names = ",".join([*before, "flow", *after])
    return ":".join(["6", ttl, ip_options, smaller, window, layout, names, payload])
