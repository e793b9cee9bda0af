"""The SYNs that arrive here: `edge` shares them with applications elsewhere, `watch` shows them.

`edge.agent` does the edge's work; here are its options, its signals and its lines on stderr. Each
line of `watch` stands for a SYN, not for a connection: a scanner that never completes a handshake
has lines, too.
"""

import argparse
import json
import logging
import signal
import socket
from contextlib import closing, suppress
from datetime import datetime

from .._info import P0fInfo
from .._public import logger
from .._store import Store
from ..edge.agent import TTL, Edge, notify
from ..edge.tap import Tap
from ..fingerprint import fingerprint_syn
from ..shared.keys import text
from .terminal import add_store_options, fail, port, printable, source_of


def add_edge(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the SYNs that arrive on an interface to a Redis or Valkey server, where SharedSyn"
        " reads them. Needs CAP_NET_RAW. SIGUSR1 prints counts, SIGTERM ends the command."
    )
    _add_tap_options(parser, require_port=True)
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


def edge(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    url = source_of(options, "P0F_STORE")
    if not url:
        return fail("no store given: set P0F_STORE, or use --store URL or --store-file PATH")
    try:
        store = Store(url)
        tap = Tap(options.interface, options.port)
    except (OSError, ValueError, ImportError) as error:
        return fail(why_no_tap(error))
    ttl, addresses = options.ttl, options.addresses
    agent = Edge(tap, store, ttl=ttl, addresses=addresses, max_rate=options.max_rate)
    with closing(tap), closing(agent):
        ports = ", ".join(map(str, sorted(set(options.port))))
        logger().info("SYNs to port %s of %s go to %s", ports, options.interface, store.name)
        try:
            _run_until_a_signal(agent)
        except OSError as error:
            return fail(why_no_tap(error))
        finally:
            notify("STOPPING=1")
            logger().info("%s", agent.counts())
    return 0


def _run_until_a_signal(agent: Edge) -> None:
    # Handlers only note the signal, so that none interrupts a write or the cleanup; Python also
    # writes a byte to the socket, which wakes the edge.
    arrived: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda number, _: arrived.append(number))

    def ended() -> bool:
        while arrived:
            if arrived.pop(0) != signal.SIGUSR1:
                return True
            logger().info("%s", agent.counts())
        return False

    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        notify("READY=1")
        try:
            agent.run(reader.fileno(), ended)
        finally:
            signal.set_wakeup_fd(-1)


def add_watch(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show the SYNs that arrive on an interface: time, address and port, the system, p0f's raw"
        " signature, MTU and link; without --port, of every port. Ctrl-C ends it. Needs"
        " CAP_NET_RAW."
    )
    _add_tap_options(parser, require_port=False)
    parser.add_argument("--json", action="store_true", help="print a JSON object for each SYN")


def watch(options: argparse.Namespace) -> int:
    try:
        tap = Tap(options.interface, options.port)
    except (OSError, ValueError) as error:
        return fail(why_no_tap(error))
    show = as_json if options.json else as_line
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    with closing(tap), suppress(KeyboardInterrupt):
        while True:
            if not tap.wait(1.0):
                tap.check()
            for syn in tap.read(256):
                if (info := fingerprint_syn(syn.headers)) is not None:
                    print(show(text(syn.sender.address), syn.sender.port, info), flush=True)
    return 0


def as_line(address: str, number: int, info: P0fInfo) -> str:
    where = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
    system = printable(" ".join(filter(None, (info.os_name or "???", info.os_flavor))))
    mtu = f"MTU {info.link_mtu or '?'}, {info.link_type or 'unknown link'}"
    return f"{datetime.now():%H:%M:%S.%f}  {where:<21}  {system}  {info.raw_sig}  {mtu}"


def as_json(address: str, number: int, info: P0fInfo) -> str:
    head = {"time": datetime.now().astimezone().isoformat(), "address": address, "port": number}
    return json.dumps(head | {n: value for n, value in info.as_dict().items() if value is not None})


def _add_tap_options(parser: argparse.ArgumentParser, *, require_port: bool) -> None:
    parser.add_argument("--interface", required=True, help="its name, such as eth0; any: all")
    parser.add_argument(
        "--port",
        type=port,
        action="append",
        required=require_port,
        default=[],
        help="a TCP port that clients connect to; may be given more than once",
    )


def why_no_tap(error: Exception) -> str:
    if isinstance(error, PermissionError):
        needs = "reading packets needs CAP_NET_RAW: run it as root, or as a service that has it"
        return f"{needs} ({error})"
    return getattr(error, "strerror", None) or str(error)


def positive(text: str) -> int:
    if (number := int(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
