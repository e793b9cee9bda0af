"""`p0f-middleware watch`: prints a line for each SYN that arrives here.

It is for people who want to see their visitors before they change an application. Ctrl-C ends it,
and prints a table of families. The fact a reader would get wrong: a line stands for a SYN, not for
a connection; a scanner that never completes a handshake has lines, too.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime

from .._info import P0fInfo
from ..fingerprint import fingerprint_syn
from ..shared.keys import sender, text
from ..shared.tap import Tap
from .edge import CAPABILITY, port
from .terminal import fail, printable

MOST_ADDRESSES = 100_000
"""How many addresses the table can count; beyond them, its numbers of addresses have a "+"."""
_AT_ONCE = 256
_POLL_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to argparse."""
    parser.description = (
        "Show the SYNs that arrive on an interface: time, address and port, the system, p0f's raw"
        " signature, MTU and link. Ctrl-C ends it with a table. Needs CAP_NET_RAW."
    )
    parser.add_argument("--interface", required=True, help="its name, such as lo; any: all")
    parser.add_argument(
        "--port",
        type=port,
        action="append",
        default=[],
        help="a TCP port that clients connect to; may be given more than once (default: all)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each SYN")


def run(options: argparse.Namespace) -> int:
    """Run until Ctrl-C; returns the exit status."""
    try:
        tap = Tap(options.interface, options.port)
    except PermissionError as error:
        return fail(f"{CAPABILITY} ({error})")
    except (OSError, ValueError) as error:
        return fail(getattr(error, "strerror", None) or str(error))
    table = Table()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    with closing(tap), suppress(KeyboardInterrupt):
        for address, number, info in _seen(tap):
            table.add(address, info)
            line = (
                as_json(address, number, info) if options.json else as_line(address, number, info)
            )
            print(line, flush=True)
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
    mtu = f"MTU {info.link_mtu or '?'}, {info.link_type or 'unknown link'}"
    return f"{_now():%H:%M:%S.%f}  {where:<21}  {system(info)}  {info.raw_sig}  {mtu}"


def as_json(address: str, number: int, info: P0fInfo) -> str:
    """The line for a SYN, for programs: JSON with all known fields."""
    known = {name: value for name, value in info.as_dict().items() if value is not None}
    head = {"time": _now().isoformat(), "address": address, "port": number}
    return json.dumps(head | known)


def system(info: P0fInfo) -> str:
    """The operating system of a SYN, in words."""
    if info.os_name is None:
        return "???"
    return printable(" ".join(filter(None, (info.os_name, info.os_flavor))))


class Table:
    """How many SYNs came from each family of systems, and from how many addresses."""

    def __init__(self) -> None:
        self._syns: dict[str, int] = {}
        self._addresses: dict[str, set[str]] = {}
        self._full = False
        self._kept = 0

    def add(self, address: str, info: P0fInfo) -> None:
        """Count a SYN."""
        family = printable(info.os_name or "no signature matches")
        self._syns[family] = self._syns.get(family, 0) + 1
        addresses = self._addresses.setdefault(family, set())
        if address not in addresses:
            if self._kept < MOST_ADDRESSES:
                addresses.add(address)
                self._kept += 1
            else:
                self._full = True

    def lines(self) -> list[str]:
        """The table, the most frequent family first."""
        if not self._syns:
            return ["no SYN came in"]
        width = max(len(family) for family in (*self._syns, "family"))
        lines = [f"{'family':{width}}  {'SYNs':>8}  {'addresses':>9}"]
        for family, count in sorted(self._syns.items(), key=lambda item: (-item[1], item[0])):
            addresses = f"{len(self._addresses[family])}{'+' if self._full else ''}"
            lines.append(f"{family:{width}}  {count:8}  {addresses:>9}")
        return lines


def _now() -> datetime:
    return datetime.now().astimezone()
