"""`p0f-middleware signatures`: the path of our signature file, for p0f's -f."""

from __future__ import annotations

import argparse

from .terminal import SIGNATURES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        'Print the path of a signature file with current systems, for p0f -f "$(p0f-middleware'
        " signatures)\". It has no signatures of HTTP software and of servers' answers; those of"
        " p0f's own file, from its section [tcp:response] on, may be appended to a copy."
    )


def run(options: argparse.Namespace) -> int:
    print(SIGNATURES)
    return 0
