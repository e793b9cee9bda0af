"""What the commands share at the terminal: the option --socket, the error line, safe output.

This module knows no command and makes no lookup. The fact a reader would get wrong: text from
outside (another process's command line, a path, p0f's own error output) may contain escape
sequences that rewrite the terminal, so every line that a command prints goes through `printable`.
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


def add_socket_option(parser: argparse.ArgumentParser) -> None:
    """Add the option --socket to a command; its default is P0F_SOCKET of the environment."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        default=os.environ.get("P0F_SOCKET"),
        help="the path of p0f's API socket, its -s (default: P0F_SOCKET of the environment)",
    )


def silence_log() -> None:
    """Keep the package's log off stderr, where the command itself prints errors.

    Python prints warnings on stderr unless a program has set up logging.
    """
    if not logger().handlers:
        logger().addHandler(logging.NullHandler())
