"""`p0f-middleware signatures`: our signature file, for p0f itself.

    p0f -f "$(p0f-middleware signatures)" ...

The file knows the systems of today by their SYN, and nothing else; p0f's own also has signatures of
HTTP software and of servers' answers. `--merge` makes one of both.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..syn._fingerprint import SIGNATURES
from ..syn._signatures import merge
from .terminal import fail


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to argparse."""
    parser.description = (
        "Print the path of a signature file with the systems of today, for p0f's -f. It has no HTTP"
        " and response signatures; with --merge, print a file that takes them from another."
    )
    parser.add_argument(
        "--merge", metavar="FILE", help="the p0f.fp to merge with, such as /etc/p0f/p0f.fp"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command as it was typed; returns the exit status."""
    return signatures(options.merge)


def signatures(installed: str | None) -> int:
    """Print the file's path or, with the path of an installed p0f.fp, what both make together."""
    if installed is None:
        print(SIGNATURES)
        return 0
    try:
        theirs = Path(installed).read_text()
        sys.stdout.write(merge(SIGNATURES.read_text(), theirs))
    except (OSError, ValueError) as error:
        return fail(f"cannot merge with {installed}: {error}")
    return 0
