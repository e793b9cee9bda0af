"""Writes tests/fingerprint/vectors/syns.tsv: SYNs with what the real p0f says of them. ``python
-m tests.fingerprint.make_vectors`` (root, p0f).

Run it when signatures.fp changes. The columns of our own database are p0f's log in full; of the
installed p0f.fp only the verdicts are kept.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .corpus import crafted, mutated
from .oracle import observe
from .ours import INSTALLED, OURS

HEADER = (
    "# What p0f 3.09b says of SYNs, by tests/fingerprint/make_vectors.py: SYN in hex, raw_sig;\n"
    "# os, params, dist, link, raw_mtu with our signatures.fp; os, params, dist with the p0f.fp\n"
    "# of Debian's package. '-' stands for nothing logged.\n"
)


def packets() -> Iterator[bytes]:
    draw = random.Random(1)
    command = ["unshare", "--net", sys.executable, str(Path(__file__).parent / "kernel_syns.py")]
    kernel = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    yield from sorted(bytes.fromhex(line) for line in draw.sample(kernel, 80))
    yield from draw.sample(list(crafted()), 120)
    yield from mutated(150, seed=3)


def main() -> None:
    chosen = [packet for packet in packets() if b"\x22" not in packet[40:]]
    rows = zip(chosen, observe(chosen, OURS), observe(chosen, INSTALLED), strict=True)
    with (Path(__file__).parent / "vectors" / "syns.tsv").open("w") as file:
        file.write(HEADER)
        for packet, ours, stock in rows:
            fields = [*(ours or [None] * 6), *(stock[1:4] if stock else [None] * 3)]
            file.write(
                "\t".join([packet.hex(), *("-" if field is None else field for field in fields)])
                + "\n"
            )


if __name__ == "__main__":
    main()
