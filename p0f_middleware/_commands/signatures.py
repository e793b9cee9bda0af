"""`p0f-middleware signatures`: our signature file, for p0f itself.

    p0f -f "$(p0f-middleware signatures)" ...

The file has signatures of the SYNs of current systems, and nothing else; p0f's own file also has
signatures of HTTP software and of servers' answers. `--merge` combines the two by whole sections.
"""

from __future__ import annotations

import argparse
import sys

from ..fingerprint.signatures import merge, own_signatures, read_text
from .terminal import SIGNATURES, fail


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        'Print the path of a signature file with current systems, for p0f -f "$(p0f-middleware'
        ' signatures)". It has no signatures of HTTP software.'
    )
    parser.add_argument(
        "--merge",
        metavar="FILE",
        help="print our file together with those sections of FILE, such as /etc/p0f/p0f.fp, that"
        " it lacks",
    )


def run(options: argparse.Namespace) -> int:
    if options.merge is None:
        print(SIGNATURES)
        return 0
    try:
        merged = merge(own_signatures(), read_text(options.merge), options.merge)
    except (OSError, ValueError) as error:
        return fail(f"cannot merge with {options.merge}: {error}")
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # whatever the locale
    print(merged, end="")
    return 0
