"""What the commands share at the terminal: options, the error line, findings, signals, safe output.

Text from outside (another process's command line, a path, a header) may contain escape sequences
that rewrite the terminal, so every line that a command prints goes through `printable`.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from .._public import logger

SIGNATURES = Path(__file__).parents[1] / "fingerprint" / "signatures.fp"
"""The package's signature file, for p0f's -f."""
CANNOT_RUN = 2
"""Exit status of a command that could not do its work."""
NO_SOCKET = (
    "no p0f socket given: use --socket PATH or set P0F_SOCKET (PATH is what you gave p0f with -s)"
)


class Finding(NamedTuple):
    """The result of one check: True is well, False a fault, None for a human to judge.

    The text says what the check has found and, unless all is well, what to do.
    """

    ok: bool | None
    text: str


class Signals:
    """Collects signals instead of letting them end the process, so that none interrupts a cleanup.

    Handlers that set a threading.Event could deadlock on its lock. So Python writes the number of
    each signal to a socket, which a thread can wait for (`reader`).
    """

    def __init__(self, *names: str) -> None:
        self.reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._arrived: list[int] = []
        self._numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in self._numbers:
            signal.signal(number, lambda number, _: self._arrived.append(number))

    def take(self) -> list[int]:
        """The signals that have arrived since the last call."""
        taken, self._arrived = self._arrived, []
        return taken

    def close(self) -> None:
        """Ignore these signals from now on: the process is about to end."""
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self.reader.close()
        self._writer.close()


def printable(text: str) -> str:
    """`text` with all unprintable characters escaped, such as \\x1b.

    That includes line breaks and the characters that reverse the direction of text.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def fail(message: str, status: int = CANNOT_RUN) -> int:
    """Print why a command failed, in one line on stderr; returns `status`."""
    print(f"p0f-middleware: {printable(message)}", file=sys.stderr)
    return status


def print_findings(findings: Iterable[Finding]) -> bool:
    """Print findings as they come; returns whether one of them is a fault."""
    faults = False
    for finding in findings:
        mark = {True: "ok", False: "FAULT", None: "?"}[finding.ok]
        print(f"{mark:6}{printable(finding.text)}", flush=True)
        faults = faults or finding.ok is False
    return faults


def span(seconds: float) -> str:
    """A span of time in words, in the largest unit that gives at least two."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def silence_log() -> None:
    """Keep the package's log off stderr, where the command itself prints errors."""
    if not logger().handlers:
        logger().addHandler(logging.NullHandler())


def add_socket_option(parser: Any) -> None:
    """Add the option --socket to a command or to a group of options."""
    parser.add_argument(
        "--socket", metavar="PATH", help="the path of p0f's API socket, its -s (or set P0F_SOCKET)"
    )


def add_store_options(parser: Any) -> None:
    """Add the options that name a store. Their default is no default of argparse, which --help
    would print: the URL may contain a password."""
    parser.add_argument(
        "--store",
        metavar="URL",
        help="the URL of a Redis or Valkey server: redis://, rediss:// (TLS) or unix://. Everybody"
        " on this machine can read it in ps: set P0F_STORE instead if it has a password",
    )
    parser.add_argument("--store-file", metavar="PATH", help="a file with the store's URL in it")


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the middleware's source, of which one may be given."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--source",
        help="the middleware's source: the path of p0f's socket, \"syn\", or the URL of a store",
    )
    add_socket_option(group)
    add_store_options(group)


def store_option(options: argparse.Namespace) -> str | None:
    """The URL of the store that the options name; None if they name none.

    Raises:
        OSError, ValueError: the file with the URL cannot be read.
    """
    if options.store_file:
        return Path(options.store_file).read_text().strip()
    return options.store or None


def source_option(options: argparse.Namespace) -> str | None:
    """The source that the options or the environment name; None if they name none.

    Raises:
        OSError, ValueError: the file with the URL cannot be read.
    """
    named = options.source or options.socket or store_option(options)
    return named or os.environ.get("P0F_SOCKET") or os.environ.get("P0F_STORE") or None
