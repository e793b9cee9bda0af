"""`p0f-middleware watch`: prints a line for each SYN that arrives here.

It is for people who want to see their visitors before they change an application. A line stands for
a SYN, not for a connection: a scanner that never completes a handshake has lines, too.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime

from .._info import P0fInfo
from ..edge.tap import Tap
from ..fingerprint import fingerprint_syn
from ..shared.keys import sender, text
from .edge import add_tap_options, why_no_tap
from .terminal import fail, printable

MOST_ADDRESSES = 100_000
"""How many addresses the table can count; beyond them, its numbers of addresses have a "+"."""
_AT_ONCE = 256
_POLL_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show the SYNs that arrive on an interface: time, address and port, the system, p0f's raw"
        " signature, MTU and link. Ctrl-C ends it with a table. Needs CAP_NET_RAW."
    )
    add_tap_options(parser, require_port=False)
    parser.add_argument("--json", action="store_true", help="print a JSON object for each SYN")


def run(options: argparse.Namespace) -> int:
    try:
        tap = Tap(options.interface, options.port)
    except (OSError, ValueError) as error:
        return fail(why_no_tap(error))
    table = Table()
    show = as_json if options.json else as_line
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    with closing(tap), suppress(KeyboardInterrupt):
        for address, number, info in _seen(tap):
            table.add(address, info)
            print(show(address, number, info), flush=True)
    print("\n".join(table.lines()), file=sys.stderr if options.json else sys.stdout)
    return 0


def _seen(tap: Tap) -> Iterator[tuple[str, int, P0fInfo]]:
    while True:
        if not tap.wait(_POLL_SECONDS):
            tap.check()
        for syn in tap.read(_AT_ONCE):
            whose, info = sender(syn), fingerprint_syn(syn)
            if whose is not None and info is not None:
                yield text(whose.address), whose.port, info


def as_line(address: str, number: int, info: P0fInfo) -> str:
    """The line for a SYN, for people."""
    where = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
    system = printable(" ".join(filter(None, (info.os_name or "???", info.os_flavor))))
    mtu = f"MTU {info.link_mtu or '?'}, {info.link_type or 'unknown link'}"
    return f"{datetime.now():%H:%M:%S.%f}  {where:<21}  {system}  {info.raw_sig}  {mtu}"


def as_json(address: str, number: int, info: P0fInfo) -> str:
    """The line for a SYN, for programs: JSON with all known fields."""
    known = {name: value for name, value in info.as_dict().items() if value is not None}
    head = {"time": datetime.now().astimezone().isoformat(), "address": address, "port": number}
    return json.dumps(head | known)


class Table:
    """How many SYNs came from each family of systems, and from how many addresses."""

    def __init__(self) -> None:
        self._syns: Counter[str] = Counter()
        self._senders: set[tuple[str, str]] = set()

    def add(self, address: str, info: P0fInfo) -> None:
        """Count a SYN."""
        family = printable(info.os_name or "no signature matches")
        self._syns[family] += 1
        if len(self._senders) <= MOST_ADDRESSES:  # one more than can be counted sets the "+"
            self._senders.add((family, address))

    def lines(self) -> list[str]:
        """The table, the most frequent family first."""
        if not self._syns:
            return ["no SYN came in"]
        width = max(len(family) for family in (*self._syns, "family"))
        addresses = Counter(family for family, _ in self._senders)
        more = "+" if len(self._senders) > MOST_ADDRESSES else ""
        lines = [f"{'family':{width}}  {'SYNs':>8}  {'addresses':>9}"]
        for family, count in sorted(self._syns.items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"{family:{width}}  {count:8}  {f'{addresses[family]}{more}':>9}")
        return lines
