"""The doctor's checks of a p0f: the process as /proc shows it, its answers, and what it sees.

The client's own errors say what is wrong with the socket's file. The checks of the process come
before the first connection, since one client too many makes p0f use a whole CPU. Any user can run
a process that looks like p0f, so what /proc says is printed through `printable`, and not trusted.
"""

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
from typing import NamedTuple, TypeAlias

from .._daemon.blocking import TIMEOUT, P0f
from .._errors import P0fError

PROC = Path("/proc")
ANSWER_TIMEOUT = 1.0  # seconds; few, since p0f keeps a CPU busy while too many clients wait
CAPTURE_TIMEOUT = 1.0  # seconds until p0f must notice a connection; libpcap takes about 5 ms
_QUERIES = 20
_OPTIONS = "f:i:r:o:s:u:S:m:t:dpL"
_LISTENING = "00010000"

Finding: TypeAlias = "tuple[str, str]"  # "ok", or "?" for a human to judge; and what to do


class Fault(P0fError):
    """What is wrong, and what to do about it. The checks after it would say nothing."""


class Daemon(NamedTuple):
    """A running p0f, and the words of its command line."""

    pid: int
    words: str
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

    def is_stopped(self) -> bool:
        with contextlib.suppress(OSError):
            return text_of(PROC / f"{self.pid}/stat").rpartition(") ")[2][:1] in ("T", "t")
        return False


def daemons() -> Iterator[Daemon]:
    """The processes named p0f whose command line can be read."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, getopt.GetoptError):
            if text_of(folder / "comm").startswith("p0f"):
                words = text_of(folder / "cmdline").removesuffix("\0").split("\0")[1:]
                options, rest = getopt.gnu_getopt(words, _OPTIONS)
                yield Daemon(int(folder.name), " ".join(words), dict(options), " ".join(rest))


def socket_paths() -> list[str]:
    return sorted({path for daemon in daemons() if (path := daemon.socket_path)})


def text_of(path: Path) -> str:
    return os.fsdecode(path.read_bytes())  # other users may put bytes there that are not UTF-8


def timed(what: str, ask: Callable[[], object], limit: float, remedy: str = "") -> Finding:
    """How long it takes to ask; a fault if most requests would wait for the `limit`, in seconds."""
    times = []
    for _ in range(_QUERIES):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    typical, worst = statistics.median(times), max(times)
    text = f"{what} {typical * 1000:.2f} ms (at most {worst * 1000:.2f})"
    if worst < limit:
        return "ok", text
    text += f", and a request waits {limit * 1000:g} ms{remedy}"
    if typical < limit:
        return "?", text
    raise Fault(text)


def examine_p0f(socket_path: str, address: str | None, port: int | None) -> Iterator[Finding]:
    real_path = os.path.realpath(socket_path)
    daemon = next((daemon for daemon in daemons() if daemon.socket_path == real_path), None)
    if daemon is not None:
        yield from check_process(daemon)
    with P0f(socket_path, timeout=ANSWER_TIMEOUT) as client:
        busy = "; p0f or this machine is too busy: give p0f a filter, such as 'tcp port 443'"
        try:
            yield timed("p0f answers in", lambda: client.lookup("127.0.0.1"), TIMEOUT, busy)
        except P0fError as error:
            raise Fault(f"{error}{_possible_cause(socket_path, daemon, error)}") from error
        yield check_capture(client, daemon, port)
        if address is not None:
            yield check_address(client, daemon, address)


def check_process(daemon: Daemon) -> Iterator[Finding]:
    if daemon.is_stopped():
        raise Fault(f"p0f is stopped: continue it with kill -CONT {daemon.pid}")
    yield "ok", f"p0f (process {daemon.pid}) runs: p0f {daemon.words}"
    if "-f" not in daemon.options:
        yield (
            "?",
            "p0f runs without -f: its own signatures are of 2012; start it with"
            ' -f "$(p0f-middleware signatures)"',
        )
    clients, given = daemon.clients(), daemon.options.get("-S", "")
    most = int(given) if re.fullmatch("[0-9]{1,4}", given) else 20
    if clients is not None:
        used = f"{clients} of p0f's {most} API connections are in use"
        if clients >= most:
            raise Fault(f"{used}: start it with a higher -S (at most 100)")
        yield "ok", used


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
        return "ok", f"p0f sees {whose}{'' if port else ' (--port checks your site)'}"
    if daemon is None:
        return "?", f"p0f does not see {whose}; to see why, run this as root, where p0f runs"
    packet_filter, interface = daemon.packet_filter, daemon.options.get("-i")
    if packet_filter and not port:
        return "?", f"p0f's filter is {packet_filter}: name your site's port with --port"
    where = interface or "an interface that it chose (name yours with -i)"
    seen = f"p0f captures on {where} but does not see {whose}: "
    if interface not in ("lo", "any"):
        return "?", f"{seen}do your visitors come in there, and only there?"
    causes = f"does its filter leave them out ({packet_filter or 'it has none'}), or has its"
    raise Fault(f"{seen}{causes} container another network?")


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
    info = client.lookup(address)
    if info is not None:
        system = info.describe().get("Operating system", "no signature matches its SYN")
        return "ok", f"p0f knows {address}: {system}"
    interface = daemon and daemon.options.get("-i")
    raise Fault(
        f"p0f has not seen {address}. Either it has not connected to this machine directly since"
        " p0f started and within two hours (-t): if it connects through your proxy or load"
        " balancer, or is that, name the proxy in trusted_proxies. Or its connections do not pass"
        f" {interface or 'the interface of p0f'} (this machine's own pass lo)"
    )
