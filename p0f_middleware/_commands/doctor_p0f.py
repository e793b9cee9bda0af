"""The doctor's checks of a p0f: the process as /proc shows it, its answers, and what it sees.

The client's own errors say what is wrong with the socket's file. The checks of the process come
before the first connection, since one client too many makes p0f use a whole CPU. Any user can run
a process that looks like p0f, so what /proc says is printed through `printable`, and not trusted.
"""

from __future__ import annotations

import contextlib
import getopt
import os
import random
import re
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .._daemon.blocking import TIMEOUT, P0f
from .._errors import P0fError

PROC = Path("/proc")
ANSWER_TIMEOUT = 1.0  # seconds; few, since p0f keeps a CPU busy while too many clients wait
CAPTURE_TIMEOUT = 1.0  # seconds until p0f must notice a connection; libpcap takes about 5 ms
_QUERIES = 20
_OPTIONS = "f:i:r:o:s:u:S:m:t:dpL"
_LISTENING = "00010000"


class Finding(NamedTuple):
    """True is well, False a fault, None for a human to judge; the text also says what to do."""

    ok: bool | None
    text: str


class Daemon(NamedTuple):
    """A running p0f, and what its command line says."""

    pid: int
    command: str
    options: dict[str, str]
    packet_filter: str

    @property
    def socket_path(self) -> str | None:
        path = self.options.get("-s")  # a relative one begins in p0f's own folder
        return path and os.path.realpath(PROC / str(self.pid) / "cwd" / path)

    def clients(self) -> int | None:
        """How many API connections it has, with those that it has not accepted yet."""
        paths = {self.options.get("-s"), self.socket_path}
        with contextlib.suppress(OSError):
            rows = (row.split(maxsplit=7) for row in text_of(PROC / "net/unix").splitlines())
            flags = [row[3] for row in rows if len(row) == 8 and row[7] in paths]
            if _LISTENING in flags:
                return sum(flag != _LISTENING for flag in flags)
        return None

    def stopped(self) -> bool:
        with contextlib.suppress(OSError):
            state = text_of(PROC / str(self.pid) / "stat").rpartition(")")[2]
            return state.lstrip().lower().startswith("t")
        return False


def daemons() -> Iterator[Daemon]:
    """The processes named p0f whose command line can be read."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, getopt.GetoptError):
            if text_of(folder / "comm").startswith("p0f"):
                words = text_of(folder / "cmdline").removesuffix("\0").split("\0")[1:]
                options, rest = getopt.gnu_getopt(words, _OPTIONS)
                command = " ".join(("p0f", *words))
                yield Daemon(int(folder.name), command, dict(options), " ".join(rest))


def socket_paths() -> list[str]:
    return sorted({path for daemon in daemons() if (path := daemon.socket_path)})


def text_of(path: Path) -> str:
    return os.fsdecode(path.read_bytes())  # other users may put bytes there that are not UTF-8


def timed(ask: Callable[[], object], limit: float) -> Finding:
    """How long it takes to ask: well if no request would wait for the `limit`, in seconds."""
    times = []
    for _ in range(_QUERIES):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    typical, worst = statistics.median(times), max(times)
    return Finding(
        True if worst < limit else None if typical < limit else False,
        f"{typical * 1000:.2f} ms (at most {worst * 1000:.2f} ms; a request waits"
        f" {limit * 1000:g} ms)",
    )


def examine_p0f(socket_path: str, address: str | None, port: int | None) -> Iterator[Finding]:
    real_path = os.path.realpath(socket_path)
    daemon = next((daemon for daemon in daemons() if daemon.socket_path == real_path), None)
    for found in check_process(daemon) if daemon is not None else ():
        yield found
        if found.ok is False:
            return
    with P0f(socket_path, timeout=ANSWER_TIMEOUT) as client:
        found = check_answers(client, daemon)
        yield found
        if found.ok is not False:
            yield check_capture(client, daemon, port)
            if address is not None:
                yield check_address(client, daemon, address)


def check_process(daemon: Daemon) -> Iterator[Finding]:
    if daemon.stopped():
        yield Finding(False, f"p0f is stopped: continue it with kill -CONT {daemon.pid}")
        return
    yield Finding(True, f"p0f (process {daemon.pid}) runs: {daemon.command}")
    if "-f" not in daemon.options:
        yield Finding(
            None,
            "p0f runs without -f: its own signatures are of 2012; start it with"
            ' -f "$(p0f-middleware signatures)"',
        )
    clients, given = daemon.clients(), daemon.options.get("-S", "")
    most = int(given) if re.fullmatch("[0-9]{1,4}", given) else 20
    if clients is not None:
        remedy = ": start it with a higher -S (at most 100)" if clients >= most else ""
        used = f"{clients} of p0f's {most} API connections are in use"
        yield Finding(clients < most, used + remedy)


def check_answers(client: P0f, daemon: Daemon | None) -> Finding:
    try:
        found = timed(lambda: client.lookup("127.0.0.1"), TIMEOUT)
    except P0fError as error:
        return Finding(False, f"{error}{_possible_cause(client.socket_path, daemon, error)}")
    connection = client.connection
    dialect = connection and connection.pipeline.dialect
    busy = "; p0f or this machine is too busy: give p0f a filter, such as 'tcp port 443'"
    hint = "" if found.ok else busy
    return Finding(found.ok, f"{dialect.name if dialect else 'p0f'} answers in {found.text}{hint}")


def _possible_cause(socket_path: str, daemon: Daemon | None, error: P0fError) -> str:
    if isinstance(error.__cause__, ConnectionRefusedError) and Path(socket_path).is_socket():
        return (
            ". If it runs, this file is a bind mount of an earlier p0f's socket: mount the folder,"
            " not the file, since p0f makes a new file each time it starts"
        )
    if not isinstance(error.__cause__, FileNotFoundError):
        return ""
    if daemon is not None:
        return (
            f". p0f (process {daemon.pid}) runs with that -s, but in other mounts: in a container,"
            " mount the socket's folder; a service with systemd's PrivateTmp has a /tmp of its own:"
            " use -s /run/p0f/p0f.sock. If somebody has deleted the file, restart p0f"
        )
    others = ", ".join(socket_paths())
    return f". The p0f that runs here has {others}" if others else ""


def check_capture(client: P0f, daemon: Daemon | None, port: int | None) -> Finding:
    whose = f"this machine's connections to {f'its port {port}' if port else 'itself'}"
    if _sees_loopback(client, port):
        hint = "" if port else " (--port checks your site's)"
        return Finding(True, f"p0f sees {whose}{hint}")
    if daemon is None:
        return Finding(
            None, f"p0f does not see {whose}; to see why, run this as root, where p0f runs"
        )
    packet_filter, interface = daemon.packet_filter, daemon.options.get("-i")
    if packet_filter and not port:
        return Finding(None, f"p0f's filter is {packet_filter}: name your site's port with --port")
    where = interface or "an interface that it chose (name yours with -i)"
    seen = f"p0f captures on {where} but does not see {whose}: "
    if interface not in ("lo", "any"):
        return Finding(None, f"{seen}do your visitors come in there, and only there?")
    causes = f"does its filter leave them out ({packet_filter or 'it has none'}), or has its"
    return Finding(False, f"{seen}{causes} container another network?")


def _sees_loopback(client: P0f, port: int | None) -> bool:
    # From an address that p0f cannot know yet. The port may be closed: p0f needs only the SYN.
    source = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    with contextlib.suppress(OSError, P0fError), socket.socket() as sock:
        sock.bind((source, 0))
        sock.settimeout(CAPTURE_TIMEOUT)
        with socket.create_server(("127.0.0.1", 0)) as server:
            sock.connect_ex(("127.0.0.1", port or server.getsockname()[1]))
        deadline = time.monotonic() + CAPTURE_TIMEOUT
        while time.monotonic() < deadline:
            if client.lookup(source) is not None:
                return True
            time.sleep(0.005)
    return False


def check_address(client: P0f, daemon: Daemon | None, address: str) -> Finding:
    try:
        info = client.lookup(address)
    except P0fError as error:
        return Finding(False, str(error))
    if info is not None:
        system = info.describe().get("Operating system", "no signature matches its SYN")
        return Finding(True, f"p0f knows {address}: {system}")
    interface = daemon and daemon.options.get("-i")
    return Finding(
        False,
        f"p0f has not seen {address}. Either it has not connected to this machine directly since"
        " p0f started and within two hours (-t): if it connects through your proxy or load"
        " balancer, or is that, name the proxy in trusted_proxies. Or its connections do not pass"
        f" {interface or 'the interface of p0f'} (this machine's own pass lo)",
    )
