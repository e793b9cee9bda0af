"""Times loading and matching: ``python -m tests.syn.bench [SIGNATURES...]``.

Medians, in process time or per call.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from p0f_middleware.syn import _signatures
from p0f_middleware.syn._match import Matcher

from .corpus import crafted

OURS = Path(__file__).parents[2] / "p0f_middleware" / "syn" / "signatures.fp"
INSTALLED = Path("/etc/p0f/p0f.fp")


def microseconds(match: Callable[[bytes], object], packets: list[bytes]) -> float:
    """The median time of one call; of each packet the best of five, so that other load counts
    little.
    """
    best = [float("inf")] * len(packets)
    for _ in range(5):
        for place, packet in enumerate(packets):
            started = time.perf_counter_ns()
            match(packet)
            best[place] = min(best[place], time.perf_counter_ns() - started)
    return median(best) / 1000


def milliseconds_to_load(path: Path) -> float:
    taken = []
    for _ in range(9):
        importlib.reload(_signatures)  # with nothing remembered of the last time
        started = time.process_time()
        Matcher(_signatures.load(path))
        taken.append(time.process_time() - started)
    return median(taken) * 1000


def main() -> None:
    packets = list(crafted())
    for path in [Path(name) for name in sys.argv[1:]] or [OURS, INSTALLED]:
        database = _signatures.load(path)
        known = Matcher(database, memory=len(packets))
        print(
            f"{path.name}: load {milliseconds_to_load(path):.1f} ms, "
            f"new shape {microseconds(Matcher(database, memory=0).match, packets):.1f} us, "
            f"known shape {microseconds(known.match, packets):.1f} us"
        )


if __name__ == "__main__":
    main()
