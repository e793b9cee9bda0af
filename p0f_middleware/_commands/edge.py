"""`p0f-middleware edge`: shares the SYNs that arrive here with applications elsewhere.

`edge.agent` does the work; this module has the options, the signals and the lines on stderr.
SIGTERM and SIGINT end the command, SIGUSR1 makes it print its counts.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import socket
import sys

from .._log import logger
from ..edge.agent import TTL, Edge, notify
from ..edge.tap import Tap
from ..shared.store import Store
from .store_option import add_store_options, store_url
from .terminal import fail

CAPABILITY = "reading packets needs CAP_NET_RAW: run it as root, or as a service that has it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to argparse."""
    parser.description = (
        "Write the SYNs that arrive on an interface to a Redis or Valkey server, where SharedSyn"
        " reads them. Needs CAP_NET_RAW. SIGUSR1 prints counts, SIGTERM ends the command."
    )
    parser.add_argument("--interface", required=True, help="its name, such as eth0; any: all")
    parser.add_argument(
        "--port",
        type=port,
        action="append",
        required=True,
        help="a TCP port that clients connect to; may be given more than once",
    )
    add_store_options(parser, "where the SYNs go")
    parser.add_argument(
        "--ttl",
        type=positive,
        default=TTL,
        help="seconds to keep a SYN (%(default)s)",
    )
    parser.add_argument(
        "--no-address",
        action="store_true",
        help="do not write the last SYN of each address, only that of each connection",
    )
    parser.add_argument(
        "--max-rate",
        type=positive,
        default=50_000,
        help="SYNs a second to write at most (%(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Run until a signal ends it; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        store = Store(store_url(options))
        tap = Tap(options.interface, options.port)
    except PermissionError as error:
        return fail(f"{CAPABILITY} ({error})")
    except (OSError, ValueError, ImportError) as error:
        return fail(getattr(error, "strerror", None) or str(error))
    agent = Edge(
        tap,
        store,
        ttl=options.ttl,
        addresses=not options.no_address,
        max_rate=options.max_rate,
    )
    with contextlib.closing(tap), Signals(agent) as signals:
        ports = ", ".join(map(str, sorted(set(options.port))))
        logger().info("SYNs to port %s of %s go to %s", ports, options.interface, store.name)
        notify("READY=1")
        try:
            agent.run(signals.fileno(), signals.ended)
        except OSError as error:
            return fail(getattr(error, "strerror", None) or str(error))
        finally:
            notify("STOPPING=1")
            logger().info("%s", agent.counts())
            agent.close()
    return 0


class Signals:
    """Handles the agent's signals while it runs."""

    def __init__(self, agent: Edge) -> None:
        self._agent = agent
        self._ended = self._asked = False
        self._read, self._write = socket.socketpair()

    def __enter__(self) -> Signals:
        self._write.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        handlers = {signal.SIGTERM: self._end, signal.SIGINT: self._end, signal.SIGUSR1: self._ask}
        self._before = {number: signal.signal(number, do) for number, do in handlers.items()}
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    def fileno(self) -> int:
        """The file descriptor that becomes readable after a signal."""
        return self._read.fileno()

    def ended(self) -> bool:
        """Whether SIGTERM or SIGINT has arrived. Prints the counts if SIGUSR1 has."""
        if self._asked:
            self._asked = False
            logger().info("%s", self._agent.counts())
        return self._ended

    def _end(self, *_: object) -> None:
        self._ended = True

    def _ask(self, *_: object) -> None:
        self._asked = True


def port(text: str) -> int:
    """A TCP port."""
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a TCP port")
    return number


def positive(text: str) -> int:
    """A number above 0."""
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
