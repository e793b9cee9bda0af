"""The p0f processes of this machine, as Linux's /proc shows them.

This module only reads /proc, and p0f does not notice. Values that cannot be read are None: other
systems have no /proc, and Linux shows only part of other users' processes. The fact a reader would
get wrong: a process writes its own name and command line, so any user can make a process that looks
like p0f; do not trust these values, and print them only with `terminal.printable`.
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
        pid: its process id.
        arguments: its command line, without the program.
        options: its options and their values ("" where an option takes none), such as "-i".
        packet_filter: the filter on its command line; "" if there is none.
    """

    pid: int
    arguments: list[str] = field(repr=False)
    options: dict[str, str]
    packet_filter: str

    @property
    def interface(self) -> str | None:
        """The interface it captures on (-i); None if it left the choice to libpcap."""
        return self.options.get("-i")

    @property
    def socket_path(self) -> str | None:
        """The absolute path of its API socket (-s), as the daemon itself sees it.

        None if it has no socket, or if the folder it runs in cannot be read.
        """
        path = self.options.get("-s")
        if path is None or path.startswith("/"):
            return path
        with contextlib.suppress(OSError):
            return os.path.normpath(PROC.joinpath(str(self.pid), "cwd").readlink() / path)
        return None

    @property
    def own_socket_file(self) -> Path | None:
        """The path of its API socket through the daemon's own root folder in /proc.

        It also works for a p0f in a container. As a rule, only root may follow it. None if
        `socket_path` is None.
        """
        path = self.socket_path
        return PROC.joinpath(str(self.pid), "root", path.lstrip("/")) if path else None

    @property
    def shares_mounts(self) -> bool | None:
        """Whether it sees the same files as this process (is in the same mount namespace).

        None if that cannot be read.
        """
        return self._shares("mnt")

    @property
    def shares_network(self) -> bool | None:
        """Whether it has the same network as this process; in most containers it has not.

        None if that cannot be read.
        """
        return self._shares("net")

    @property
    def most_clients(self) -> int:
        """How many API connections it serves at the same time (-S)."""
        given = self.options.get("-S", "")
        return int(given) if re.fullmatch("[0-9]{1,4}", given) else 20

    @property
    def stopped(self) -> bool:
        """Whether a signal or a debugger has stopped it."""
        return self._stat()[0] in ("T", "t")

    @property
    def seconds_running(self) -> float | None:
        """How long it has been running, in seconds; None if that cannot be read."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            uptime = float(_text(PROC / "uptime").split()[0])
            return uptime - int(self._stat()[19]) / os.sysconf("SC_CLK_TCK")
        return None

    def clients(self) -> int | None:
        """How many API connections it has, including those it has not accepted yet.

        None if its socket cannot be found in the kernel's table.
        """
        table = _unix_sockets()
        paths = {self.options.get("-s"), self.socket_path}
        if not any(flags == _LISTENING and path in paths for flags, path in table):
            return None
        return sum(flags != _LISTENING and path in paths for flags, path in table)

    def _shares(self, namespace: str) -> bool | None:
        with contextlib.suppress(OSError):
            theirs = PROC.joinpath(str(self.pid), "ns", namespace).readlink()
            return theirs == PROC.joinpath("self/ns", namespace).readlink()
        return None

    def _stat(self) -> list[str]:
        """The fields of /proc/PID/stat from the third on: state, parent, and so on."""
        try:
            stat = _text(PROC / str(self.pid) / "stat")
        except OSError:
            return [""]
        return stat.rpartition(")")[2].split()


def daemons() -> Iterator[Daemon]:
    """The processes named p0f whose command line can be read."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if _text(folder / "comm").startswith("p0f"):
                daemon = _read(int(folder.name))
                if daemon is not None:
                    yield daemon


def daemon_of(socket_path: str) -> Daemon | None:
    """The process whose API socket is the file `socket_path`; None if none can be found."""
    return next((d for d in daemons() if _has_socket(d, socket_path)), None)


def _has_socket(daemon: Daemon, socket_path: str) -> bool:
    # With -u, p0f changes its root folder after making the socket: then only the plain path works.
    for path in (daemon.own_socket_file, daemon.socket_path):
        if path is not None and os.path.exists(path):
            with contextlib.suppress(OSError):
                return os.path.samefile(path, socket_path)
    return False


def listener(sock: socket.SocketType) -> Daemon | None:
    """The process at the other end of `sock`; None if it does not look like p0f."""
    with contextlib.suppress(OSError, AttributeError):
        size = _CREDENTIALS.size
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        daemon = _read(_CREDENTIALS.unpack(credentials)[0])
        name = os.path.basename(sock.getpeername())
        if daemon is not None and os.path.basename(daemon.options.get("-s", "")) == name:
            return daemon
    return None


def port_in(packet_filter: str) -> int | None:
    """The first port that a packet filter names; None if it names none."""
    match = re.search(r"\bport\s+([0-9]{1,5})\b", packet_filter)
    return int(match[1]) if match and int(match[1]) < 2**16 else None


def default_interface() -> str | None:
    """The interface of the default route, on which visitors' connections most likely arrive.

    None if there is no such route, or if it cannot be read.
    """
    with contextlib.suppress(OSError):
        for row in _text(PROC / "net/route").splitlines()[1:]:
            interface, destination, *_ = row.split()
            if destination == "00000000":
                return interface
    return None


def _read(pid: int) -> Daemon | None:
    words = _text(PROC / str(pid) / "cmdline").removesuffix("\0").split("\0")[1:]
    try:
        options, rest = getopt.gnu_getopt(words, _OPTIONS)
    except getopt.GetoptError:
        return None
    return Daemon(pid, words, dict(options), " ".join(rest))


def _unix_sockets() -> list[tuple[str, str]]:
    """Flags and path of each Unix socket that has a path, in this process's network namespace."""
    with contextlib.suppress(OSError):
        rows = _text(PROC / "net/unix").splitlines()[1:]
        split = (row.split(maxsplit=7) for row in rows)
        return [(fields[3], fields[7]) for fields in split if len(fields) == 8]
    return []


def _text(path: Path) -> str:
    """The text of a file in /proc. Other users may put bytes into it that are not UTF-8."""
    return os.fsdecode(path.read_bytes())
