"""The options that name a store: --store, --store-file, and P0F_STORE of the environment.

The fact a reader would get wrong: the URL may contain a password, so it is not an argparse default,
which --help would print.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_store_options(parser: argparse.ArgumentParser, what_for: str) -> None:
    """Add the options that name the store to a command; `what_for` begins their help text."""
    parser.add_argument(
        "--store",
        metavar="URL",
        help=f"{what_for}: redis://, rediss:// (TLS) or unix://. Everybody on this machine can read"
        " it in ps; a URL with a password is better in P0F_STORE of the environment, or in a file",
    )
    parser.add_argument("--store-file", metavar="PATH", help="a file with the URL in it")


def store_url(options: argparse.Namespace) -> str:
    """The URL of the store, from the options or the environment.

    Raises:
        ValueError: there is none.
        OSError: the file cannot be read.
    """
    if options.store:
        return str(options.store)
    if options.store_file:
        return Path(options.store_file).read_text().strip()
    url = os.environ.get("P0F_STORE")
    if not url:
        raise ValueError("where is the store? Set P0F_STORE, or give --store or --store-file")
    return url
