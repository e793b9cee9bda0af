"""`p0f-middleware edge`: shares the SYNs that arrive here with applications elsewhere.

`shared.edge` does the work; this module has the options, the signals and the lines on
stderr. SIGTERM and SIGINT end the command, SIGUSR1 makes it print its counts.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from contextlib import closing

from .._public import logger
from .._store import Store
from ..shared.edge import TTL, Edge, notify
from ..shared.tap import Tap
from .terminal import add_store_options, fail, store_option


def add_tap_options(parser: argparse.ArgumentParser, *, require_port: bool) -> None:
    parser.add_argument("--interface", required=True, help="its name, such as eth0; any: all")
    parser.add_argument(
        "--port",
        type=port,
        action="append",
        required=require_port,
        default=[],
        help="a TCP port that clients connect to; may be given more than once"
        + ("" if require_port else " (default: all)"),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the SYNs that arrive on an interface to a Redis or Valkey server, where SharedSyn"
        " reads them. Needs CAP_NET_RAW. SIGUSR1 prints counts, SIGTERM ends the command."
    )
    add_tap_options(parser, require_port=True)
    add_store_options(parser.add_mutually_exclusive_group())
    for option, default, what in (
        ("--ttl", TTL, "seconds to keep a SYN"),
        ("--max-rate", 50_000, "SYNs a second to write at most"),
    ):
        parser.add_argument(option, type=positive, default=default, help=f"{what} (%(default)s)")
    parser.add_argument(
        "--no-address",
        dest="addresses",
        action="store_false",
        help="do not write the last SYN of each address, only that of each connection",
    )


def run(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        url = store_option(options) or os.environ.get("P0F_STORE")
        if not url:
            return fail("no store given: set P0F_STORE, or use --store URL or --store-file PATH")
        store = Store(url)
        tap = Tap(options.interface, options.port)
    except (OSError, ValueError, ImportError) as error:
        return fail(why_no_tap(error))
    ttl, addresses = options.ttl, options.addresses
    edge = Edge(tap, store, ttl=ttl, addresses=addresses, max_rate=options.max_rate)
    with closing(tap), closing(edge):
        ports = ", ".join(map(str, sorted(set(options.port))))
        logger().info("SYNs to port %s of %s go to %s", ports, options.interface, store.name)
        try:
            _run_until_a_signal(edge)
        except OSError as error:
            return fail(why_no_tap(error))
        finally:
            notify("STOPPING=1")
            logger().info("%s", edge.counts())
    return 0


def _run_until_a_signal(edge: Edge) -> None:
    # Handlers only note the signal, so that none interrupts a write or the cleanup; Python also
    # writes a byte to the socket, which wakes the edge.
    arrived: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda number, _: arrived.append(number))

    def ended() -> bool:
        while arrived:
            if arrived.pop(0) != signal.SIGUSR1:
                return True
            logger().info("%s", edge.counts())
        return False

    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        notify("READY=1")
        try:
            edge.run(reader.fileno(), ended)
        finally:
            signal.set_wakeup_fd(-1)


def why_no_tap(error: Exception) -> str:
    if isinstance(error, PermissionError) and error.filename is None:
        needs = "reading packets needs CAP_NET_RAW: run it as root, or as a service that has it"
        return f"{needs} ({error})"
    where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    return where + (getattr(error, "strerror", None) or str(error))


def port(text: str) -> int:
    if not 0 < (number := int(text)) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a TCP port")
    return number


def positive(text: str) -> int:
    if (number := int(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
