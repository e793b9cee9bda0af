"""The command line: `p0f-middleware COMMAND ...`, also `python -m p0f_middleware`.

The module of a command is imported only when the command is typed, so that no command pays for
another's imports. Exit status 2 means that a command could not do its work; one line on stderr then
says why.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from . import __version__
from ._public import logger

COMMANDS = {  # with the module of `_commands` that has them
    "demo": ("demo", "serve a page that shows its visitor's fingerprint"),
    "query": ("p0f", "ask p0f about an address"),
    "doctor": ("doctor", "find out why p0f.info is None"),
    "signatures": ("p0f", "print the path of our signature file for p0f"),
    "unit": ("p0f", "print a systemd unit for p0f or for the edge"),
    "edge": ("edge", "share the SYNs that arrive here through Redis or Valkey"),
    "watch": ("edge", "show the SYNs that arrive here"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own); returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    parser = make_parser(argv)
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 0
    logger().addHandler(logging.NullHandler())  # a command prints errors itself
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone, as after `| head -n 1`. Python flushes stdout once more when it
        # ends, which must not raise this again (see the note on SIGPIPE in the docs of `signal`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def make_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of a command line, with the arguments of the command in it alone."""
    parser = argparse.ArgumentParser(
        prog="p0f-middleware",
        description="Passive TCP/IP fingerprints of visitors, in WSGI and ASGI requests.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    for command, (module, what_it_does) in COMMANDS.items():
        command_parser = commands.add_parser(command, help=what_it_does)
        if command in argv[:1]:
            functions = import_module(f"._commands.{module}", __package__)
            getattr(functions, f"add_{command}")(command_parser)
            command_parser.set_defaults(run=getattr(functions, command))
    return parser


if __name__ == "__main__":
    sys.exit(main())
