"""`p0f-middleware query`: what p0f knows about one address, for people and for scripts."""

from __future__ import annotations

import argparse
import json
import os

from .._daemon.blocking import P0f
from .._errors import P0fError
from .terminal import CANNOT_RUN, NO_SOCKET, add_socket_option, fail, printable, silence_log

MATCH, NO_MATCH = 0, 1
"""Exit statuses, with `CANNOT_RUN`."""
QUERY_TIMEOUT = 5.0
"""Seconds to wait for p0f's answer; a person can wait longer than a web request should."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Ask p0f about an address."
    parser.epilog = (
        f"Exit status: {MATCH} p0f knows the address, {NO_MATCH} p0f does not know it,"
        f" {CANNOT_RUN} p0f could not be asked."
    )
    parser.add_argument("ip", metavar="IP", help="an IPv4 or IPv6 address")
    add_socket_option(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON; null if p0f does not know the address"
    )


def run(options: argparse.Namespace) -> int:
    socket_path = options.socket or os.environ.get("P0F_SOCKET")
    if not socket_path:
        return fail(NO_SOCKET)
    silence_log()
    try:
        with P0f(socket_path, timeout=QUERY_TIMEOUT) as p0f:
            info = p0f.lookup(options.ip)
    except P0fError as error:
        return fail(str(error))
    if options.json:
        print(json.dumps(info and info.as_dict(), indent=2))
    elif info is not None:
        words = info.describe()
        width = max(map(len, words))
        for label, text in words.items():
            print(f"{label:{width}}  {printable(text)}")
    if info is None:
        return fail(f"p0f has not seen {options.ip} since it started, on its interface", NO_MATCH)
    return MATCH
