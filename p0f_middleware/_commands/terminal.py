"""What the commands share at the terminal: options, the error line, safe output.

Text from outside (another process's command line, a path, a header) may contain escape sequences
that rewrite the terminal, so every line that a command prints goes through `printable`.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any


def printable(text: str) -> str:
    # Escapes line breaks, too, and the characters that reverse the direction of text.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def fail(message: str, status: int = 2) -> int:
    """Print why a command failed, in one line on stderr; returns `status`."""
    print(f"p0f-middleware: {printable(message)}", file=sys.stderr)
    return status


# Options that all name `options.source`; of a group, only one may be given.


def add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--source",
        help="the middleware's source: the path of p0f's socket, \"syn\", or the URL of a store",
    )
    add_socket_option(group)
    add_store_options(group)


def add_socket_option(group: Any) -> None:
    group.add_argument(
        "--socket",
        dest="source",
        metavar="PATH",
        help="the path of p0f's API socket, its -s (or set P0F_SOCKET)",
    )


def add_store_options(group: Any) -> None:
    # P0F_STORE is no default of argparse, which --help would print: it may contain a password.
    group.add_argument(
        "--store",
        dest="source",
        metavar="URL",
        help="the URL of a Redis or Valkey server: redis://, rediss:// (TLS) or unix://. Everybody"
        " on this machine can read it in ps: set P0F_STORE instead if it has a password",
    )
    what = "a file with the store's URL in it"
    group.add_argument("--store-file", dest="source", type=_content, metavar="PATH", help=what)


def source_of(options: argparse.Namespace, *variables: str) -> str | None:
    """The source that an option names, or else the first of the environment's variables."""
    return next(filter(None, (options.source, *map(os.environ.get, variables))), None)


def port(text: str) -> int:
    if not 0 < (number := int(text)) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a TCP port")
    return number


def _content(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:  # a ValueError: it is not text
        raise argparse.ArgumentTypeError(str(error)) from None
