"""`p0f-middleware query`: what p0f knows about one address, for people and for scripts."""

from __future__ import annotations

import argparse
import json
import os

from .._daemon.blocking import P0f
from .._errors import P0fError
from .terminal import add_socket_option, fail, printable, silence_log

QUERY_TIMEOUT = 5.0  # seconds; a person can wait longer than a web request should


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Ask p0f about an address."
    parser.epilog = "Exit status: 0 p0f knows the address, 1 it does not, 2 it could not be asked."
    parser.add_argument("ip", metavar="IP", help="an IPv4 or IPv6 address")
    add_socket_option(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON; null if p0f does not know the address"
    )


def run(options: argparse.Namespace) -> int:
    socket_path = options.socket or os.environ.get("P0F_SOCKET")
    if not socket_path:
        return fail(
            "no p0f socket given: use --socket PATH or set P0F_SOCKET (PATH is p0f's own -s)"
        )
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
        return fail(f"p0f has not seen {options.ip} since it started, on its interface", 1)
    return 0
