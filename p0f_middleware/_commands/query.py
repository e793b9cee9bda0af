"""`p0f-middleware query`: what p0f knows about one address, for people and for scripts.

What is found goes to stdout; why nothing was found goes to stderr, in one line.
"""

from __future__ import annotations

import json
import logging
import sys

from .._daemon.blocking import P0f
from .._errors import P0fError
from .._info import P0fInfo
from .._log import logger

MATCH, NO_MATCH, NOT_ASKED = range(3)
"""Exit statuses."""
TIMEOUT = 5.0
"""Seconds; a person waits longer than a web request should."""


def query(ip_address: str, socket_path: str | None, *, as_json: bool) -> int:
    """Print the host; returns the exit status."""
    if not socket_path:
        return _fail("where is p0f? Set P0F_SOCKET or give --socket: the path of p0f's socket (-s)")
    logger().addHandler(logging.NullHandler())  # what it would log is told in the one line of ours
    try:
        with P0f(socket_path, timeout=TIMEOUT) as p0f:
            info = p0f.lookup(ip_address)
    except P0fError as error:
        return _fail(str(error))
    if as_json:
        print(json.dumps(info and info.as_dict(), indent=2))
    elif info is not None:
        print(in_lines(info))
    if info is None:
        return _fail(f"p0f has not seen {ip_address} since it started, on its interface", NO_MATCH)
    return MATCH


def in_lines(info: P0fInfo) -> str:
    """What is known, a line each, with the labels in one column."""
    words = info.describe()
    width = max(map(len, words))
    return "\n".join(f"{label:{width}}  {text}" for label, text in words.items())


def _fail(message: str, status: int = NOT_ASKED) -> int:
    print(f"p0f-middleware: {message}", file=sys.stderr)
    return status
