"""The command line: `p0f-middleware demo`, `query`, `doctor` and `signatures`.

Parses and dispatches; what a command does is in its own module, imported when it is asked for.
Exit status 2 means that the command could not do its work, with one line on stderr that says why.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from . import __version__

SOCKET_HELP = "the path of p0f's API socket, its -s (default: the environment's P0F_SOCKET)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own); returns the exit status."""
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.command == "demo":
        from ._commands.demo import demo

        return demo(options.socket, options.source, options.host, options.port)
    if options.command == "query":
        from ._commands.query import query

        return query(options.ip, options.socket, as_json=options.json)
    if options.command == "doctor":
        from ._commands.doctor import doctor

        return doctor(options.ip, options.socket)
    if options.command == "signatures":
        from ._commands.signatures import signatures

        return signatures(options.merge)
    parser.print_help()
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="p0f-middleware",
        description="Passive TCP/IP fingerprints from p0f v3, in WSGI and ASGI requests.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    _add_demo(commands.add_parser("demo", help="serve a page that shows its visitor's fingerprint"))
    _add_query(commands.add_parser("query", help="ask p0f about an address"))
    _add_doctor(commands.add_parser("doctor", help="find out why p0f.info is None"))
    _add_signatures(commands.add_parser("signatures", help="where our signatures for p0f are"))
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Serve a page that shows its visitor's fingerprint, and /json. It asks the p0f that is"
        " named, or else reads the SYN that Linux keeps of each connection. Ctrl-C ends it."
    )
    _add_socket(parser)
    parser.add_argument(
        "--source",
        choices=("syn", "p0f", "sample"),
        help="do without that p0f: read SYNs, start a p0f (as root), or show a sample host",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (%(default)s)")
    parser.add_argument(
        "--port", type=int, help="port to serve on (default: 8000, or any free one if it is taken)"
    )


def _add_query(parser: argparse.ArgumentParser) -> None:
    parser.description = "Ask p0f about an address."
    parser.epilog = "Exit status: 0 p0f knows it, 1 p0f does not, 2 p0f could not be asked."
    parser.add_argument("ip", metavar="IP", help="an IPv4 or IPv6 address")
    _add_socket(parser)
    parser.add_argument("--json", action="store_true", help="print JSON; null if p0f does not know")


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Find out why p0f.info is None: checks p0f's socket, p0f itself, and what it sees. Run it"
        " as the web server's user, then as root, who sees more of p0f."
    )
    parser.epilog = "Exit status: 0 nothing is wrong, 1 something is, 2 no socket was named."
    parser.add_argument("ip", metavar="IP", nargs="?", help="a client that p0f should know")
    _add_socket(parser)


def _add_signatures(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print the path of a signature file with the systems of today, for p0f's -f. It has no HTTP"
        " and response signatures; with --merge, print a file that takes them from another."
    )
    parser.add_argument(
        "--merge", metavar="FILE", help="the p0f.fp to merge with, such as /etc/p0f/p0f.fp"
    )


def _add_socket(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--socket", metavar="PATH", default=os.environ.get("P0F_SOCKET"), help=SOCKET_HELP
    )


if __name__ == "__main__":
    sys.exit(main())
