"""`p0f-middleware query`: what p0f knows about one address, for people and for scripts.

The command prints a fingerprint to stdout, or the reason why there is none to stderr, in one line.
"""

from __future__ import annotations

import argparse
import json

from .._daemon.blocking import P0f
from .._errors import P0fError
from .._info import P0fInfo
from .terminal import CANNOT_RUN, WHERE_IS_P0F, add_socket_option, fail, printable, silence_log

MATCH, NO_MATCH, NOT_ASKED = 0, 1, CANNOT_RUN
"""Exit statuses."""
QUERY_TIMEOUT = 5.0
"""Seconds to wait for p0f's answer; a person can wait longer than a web request should."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to argparse."""
    parser.description = "Ask p0f about an address."
    parser.epilog = (
        f"Exit status: {MATCH} p0f knows the address, {NO_MATCH} p0f does not know it,"
        f" {NOT_ASKED} p0f could not be asked."
    )
    parser.add_argument("ip", metavar="IP", help="an IPv4 or IPv6 address")
    add_socket_option(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON; null if p0f does not know the address"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command with its parsed options; returns the exit status."""
    return query(options.ip, options.socket, as_json=options.json)


def query(ip_address: str, socket_path: str | None, *, as_json: bool) -> int:
    """Print what p0f knows about `ip_address`; returns the exit status."""
    if not socket_path:
        return fail(WHERE_IS_P0F, NOT_ASKED)
    silence_log()
    try:
        with P0f(socket_path, timeout=QUERY_TIMEOUT) as p0f:
            info = p0f.lookup(ip_address)
    except P0fError as error:
        return fail(str(error), NOT_ASKED)
    if as_json:
        print(json.dumps(info and info.as_dict(), indent=2))
    elif info is not None:
        print(in_lines(info))
    if info is None:
        return fail(f"p0f has not seen {ip_address} since it started, on its interface", NO_MATCH)
    return MATCH


def in_lines(info: P0fInfo) -> str:
    """What p0f knows, one line for each fact, with the labels in one column."""
    words = info.describe()
    width = max(map(len, words))
    return "\n".join(f"{label:{width}}  {printable(text)}" for label, text in words.items())
