"""The p0f processes of this machine, as Linux's /proc shows them.

Reads, and asks nobody: neither p0f nor its socket takes notice. What is not to be seen is None: on
other systems there is no /proc, and of other users' processes it shows only part.
"""

from __future__ import annotations

import contextlib
import getopt
import os
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
_OPTIONS = "f:i:r:o:s:u:S:m:t:dpL"
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_LISTENING = "00010000"


@dataclass(frozen=True)
class Daemon:
    """A running p0f.

    Attributes:
        pid: its process.
        arguments: its command line, without the program.
        options: those of its options that take a value, or "", by letter.
        packet_filter: the filter on its command line; "" if there is none.
    """

    pid: int
    arguments: list[str] = field(repr=False)
    options: dict[str, str]
    packet_filter: str

    @property
    def interface(self) -> str | None:
        """The interface it was told to listen on; None for libpcap's choice."""
        return self.options.get("-i")

    @property
    def socket_path(self) -> str | None:
        """Its API socket's absolute path; None if it has none, or its folder is not to be seen."""
        path = self.options.get("-s")
        if path is None or path.startswith("/"):
            return path
        with contextlib.suppress(OSError):
            return os.path.normpath(PROC.joinpath(str(self.pid), "cwd").readlink() / path)
        return None

    @property
    def most_clients(self) -> int:
        """How many API connections it serves."""
        given = self.options.get("-S", "")
        return int(given) if given.isdecimal() else 20

    @property
    def stopped(self) -> bool:
        """Whether a signal or a debugger has stopped it."""
        return self._stat()[0] in ("T", "t")

    @property
    def seconds_running(self) -> float | None:
        """For how long it has been there."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            uptime = float(PROC.joinpath("uptime").read_text().split()[0])
            return uptime - int(self._stat()[19]) / os.sysconf("SC_CLK_TCK")
        return None

    @property
    def elsewhere(self) -> bool:
        """Whether it is known to run in another network namespace, that is: in a container."""
        with contextlib.suppress(OSError):
            theirs = PROC.joinpath(str(self.pid), "ns/net").readlink()
            return theirs != PROC.joinpath("self/ns/net").readlink()
        return False

    def clients(self) -> int | None:
        """How many API connections there are, waiting ones included."""
        table = _unix_sockets()
        paths = {self.options.get("-s"), self.socket_path}
        if not any(flags == _LISTENING and path in paths for flags, path in table):
            return None
        return sum(flags != _LISTENING and path in paths for flags, path in table)

    def _stat(self) -> list[str]:
        """The fields of its `stat` from the third on: state, parent, and so on."""
        try:
            stat = PROC.joinpath(str(self.pid), "stat").read_text()
        except OSError:
            return [""]
        return stat.rpartition(")")[2].split()


def daemons() -> Iterator[Daemon]:
    """All that are called p0f and are to be seen."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.joinpath("comm").read_text().startswith("p0f"):
                daemon = _read(int(folder.name))
                if daemon is not None:
                    yield daemon


def daemon_of(socket_path: str) -> Daemon | None:
    """The process behind the socket; None if it is not to be seen, or there is none."""
    for daemon in daemons():
        path = daemon.socket_path
        with contextlib.suppress(OSError):
            if path is not None and os.path.samefile(path, socket_path):
                return daemon
    return None


def listener(sock: socket.SocketType) -> Daemon | None:
    """The process that listens where `sock` is connected to, if its command line is p0f's."""
    with contextlib.suppress(OSError, AttributeError):
        size = _CREDENTIALS.size
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        daemon = _read(_CREDENTIALS.unpack(credentials)[0])
        name = os.path.basename(sock.getpeername())
        if daemon is not None and os.path.basename(daemon.options.get("-s", "")) == name:
            return daemon
    return None


def port_in(packet_filter: str) -> int | None:
    """The first port that a filter speaks of."""
    match = re.search(r"\bport\s+(\d{1,5})\b", packet_filter)
    return int(match[1]) if match else None


def default_interface() -> str | None:
    """The interface that strangers' connections most likely come in on: the default route's."""
    with contextlib.suppress(OSError):
        for row in PROC.joinpath("net/route").read_text().splitlines()[1:]:
            interface, destination, *_ = row.split()
            if destination == "00000000":
                return interface
    return None


def _read(pid: int) -> Daemon | None:
    arguments = PROC.joinpath(str(pid), "cmdline").read_bytes().decode(errors="replace")
    words = arguments.removesuffix("\0").split("\0")[1:]
    try:
        options, rest = getopt.gnu_getopt(words, _OPTIONS)
    except getopt.GetoptError:
        return None
    return Daemon(pid, words, dict(options), " ".join(rest))


def _unix_sockets() -> list[tuple[str, str]]:
    """Flags and path of each Unix socket that has a path."""
    with contextlib.suppress(OSError):
        rows = PROC.joinpath("net/unix").read_text().splitlines()[1:]
        split = (row.split(maxsplit=7) for row in rows)
        return [(fields[3], fields[7]) for fields in split if len(fields) == 8]
    return []
