"""Words of p0f's notation that packets and signature files share: quirks and TCP options.

This module reads neither packets nor signature files.

The fact a reader would get wrong: the order of the quirks is the order in which p0f writes them, so
it is part of every raw_sig.
"""

from __future__ import annotations

_QUIRK_NAMES = (
    *("df", "id+", "id-", "ecn", "0+", "flow"),  # IP
    *("seq-", "ack+", "ack-", "uptr+", "urgf+", "pushf+"),  # TCP
    *("ts1-", "ts2+", "opt+", "exws", "bad"),  # TCP options
)
QUIRKS = {name: 1 << bit for bit, name in enumerate(_QUIRK_NAMES)}
"""Each quirk's bit in a set of quirks, in the order in which p0f writes quirks."""

OPTION_NAMES = {1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}
"""TCP option kinds that have a name in a layout; kind 0 is ``eol+n``, any other ``?kind``."""

MAX_OPTIONS = 24
"""How many TCP options p0f reads in a SYN, and allows in a signature."""
