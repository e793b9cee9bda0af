"""What the commands share at the terminal: the option --socket, the error line, safe output.

It knows no command and asks nobody. The fact a reader would get wrong: text from outside (another
process's command line, a path, p0f's own error output) may hold escape sequences that rewrite the
terminal, so every line a command prints goes through `printable` first.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

from .._log import logger

CANNOT_RUN = 2
"""Exit status of a command that could not do its work."""
WHERE_IS_P0F = "where is p0f? Set P0F_SOCKET or give --socket: the path of p0f's socket (its -s)"


def printable(text: str) -> str:
    """`text` with everything that is not printable written as an escape, such as \\x1b.

    Line breaks and the characters that reverse the direction of text are escaped too.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def fail(message: str, status: int = CANNOT_RUN) -> int:
    """Print why a command did not succeed, in one line on stderr; returns `status`."""
    print(f"p0f-middleware: {printable(message)}", file=sys.stderr)
    return status


def add_socket_option(parser: argparse.ArgumentParser) -> None:
    """Give a command the option --socket; its default is P0F_SOCKET of the environment."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        default=os.environ.get("P0F_SOCKET"),
        help="the path of p0f's API socket, its -s (default: P0F_SOCKET of the environment)",
    )


def silence_log() -> None:
    """Keep the package's log off stderr, where the command itself prints what went wrong.

    Python prints warnings on stderr as long as a program has set up no logging at all.
    """
    if not logger().handlers:
        logger().addHandler(logging.NullHandler())
