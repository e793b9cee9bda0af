"""`p0f-middleware signatures`: our signature file, for p0f itself.

    p0f -f "$(p0f-middleware signatures)" ...

The file has signatures of the SYNs of current systems, and nothing else; p0f's own file also has
signatures of HTTP software and of servers' answers. `--merge` combines the two by whole sections.
"""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files

from ..fingerprint.signatures import merge, own_signatures, read_text
from .terminal import fail


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to argparse."""
    parser.description = (
        "Print the path of a signature file with current systems, for p0f's -f. It has no HTTP and"
        " response signatures; with --merge, print a file that also has all sections of another"
        " file that ours lacks."
    )
    parser.add_argument(
        "--merge", metavar="FILE", help="the p0f.fp to merge with, such as /etc/p0f/p0f.fp"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command with its parsed options; returns the exit status."""
    return signatures(options.merge)


def signatures(installed: str | None) -> int:
    """Print the file's path; or, with the path of an installed p0f.fp, the merged file.

    Returns the exit status: 2, with a line on stderr, if the other file cannot be read.
    """
    if installed is None:
        print(files("p0f_middleware.fingerprint") / "signatures.fp")
        return 0
    try:
        merged = merge(own_signatures(), read_text(installed), installed)
    except (OSError, ValueError) as error:
        return fail(f"cannot merge with {installed}: {error}")
    _write(merged)
    return 0


def _write(text: str) -> None:
    """Write to stdout, as UTF-8 if stdout is a file or a terminal."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        buffer.write(text.encode())
        buffer.flush()
