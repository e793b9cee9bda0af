"""Words of p0f's notation that packets and signature files share: quirks and TCP options.

How a packet is read, and how a signature file is, is not known here.

The fact a reader would get wrong: the order of the quirks is p0f's order of writing them, so it is
part of every raw_sig.
"""

from __future__ import annotations

_QUIRK_NAMES = (
    *("df", "id+", "id-", "ecn", "0+", "flow"),  # IP
    *("seq-", "ack+", "ack-", "uptr+", "urgf+", "pushf+"),  # TCP
    *("ts1-", "ts2+", "opt+", "exws", "bad"),  # TCP options
)
QUIRKS = {name: 1 << bit for bit, name in enumerate(_QUIRK_NAMES)}
"""Every quirk, in the order p0f writes them, and its bit in a set of quirks."""

OPTION_NAMES = {1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}
"""TCP option kinds that have a name in a layout; kind 0 is ``eol+n``, any other ``?kind``."""

MAX_OPTIONS = 24
"""The TCP options that p0f reads of a SYN, and allows in a signature."""
