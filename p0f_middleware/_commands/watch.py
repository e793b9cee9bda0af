"""`p0f-middleware watch`: prints a line for each SYN that arrives here.

It is for people who want to see their visitors before they change an application. A line stands for
a SYN, not for a connection: a scanner that never completes a handshake has lines, too.
"""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime

from .._info import P0fInfo
from ..fingerprint import fingerprint_syn
from ..shared.keys import text
from ..shared.tap import Tap
from .edge import add_tap_options, why_no_tap
from .terminal import fail, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show the SYNs that arrive on an interface: time, address and port, the system, p0f's raw"
        " signature, MTU and link. Ctrl-C ends it. Needs CAP_NET_RAW."
    )
    add_tap_options(parser, require_port=False)
    parser.add_argument("--json", action="store_true", help="print a JSON object for each SYN")


def run(options: argparse.Namespace) -> int:
    try:
        tap = Tap(options.interface, options.port)
    except (OSError, ValueError) as error:
        return fail(why_no_tap(error))
    show = as_json if options.json else as_line
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    with closing(tap), suppress(KeyboardInterrupt):
        for address, number, info in _seen(tap):
            print(show(address, number, info), flush=True)
    return 0


def _seen(tap: Tap) -> Iterator[tuple[str, int, P0fInfo]]:
    while True:
        if not tap.wait(1.0):
            tap.check()
        for syn in tap.read(256):
            if (info := fingerprint_syn(syn.headers)) is not None:
                yield text(syn.sender.address), syn.sender.port, info


def as_line(address: str, number: int, info: P0fInfo) -> str:
    where = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
    system = printable(" ".join(filter(None, (info.os_name or "???", info.os_flavor))))
    mtu = f"MTU {info.link_mtu or '?'}, {info.link_type or 'unknown link'}"
    return f"{datetime.now():%H:%M:%S.%f}  {where:<21}  {system}  {info.raw_sig}  {mtu}"


def as_json(address: str, number: int, info: P0fInfo) -> str:
    known = {name: value for name, value in info.as_dict().items() if value is not None}
    head = {"time": datetime.now().astimezone().isoformat(), "address": address, "port": number}
    return json.dumps(head | known)
