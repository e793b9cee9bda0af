"""The p0f processes of this machine, as Linux's /proc shows them.

This module only reads, and p0f does not notice. A process writes its own name and command line, so
any user can make one that looks like p0f: do not trust these values, and print them only with
`terminal.printable`. Values that cannot be read are None; other systems have no /proc.
"""

from __future__ import annotations

import contextlib
import getopt
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_OPTIONS = "f:i:r:o:s:u:S:m:t:dpL"
_LISTENING = "00010000"


class Daemon(NamedTuple):
    """A running p0f: its process id, its command line without the program, the options on it
    ("" where one takes no value), and its packet filter ("" if it has none)."""

    pid: int
    arguments: list[str]
    options: dict[str, str]
    packet_filter: str

    @property
    def socket_path(self) -> str | None:
        """The absolute path of its API socket (-s), as the daemon itself sees it."""
        path = self.options.get("-s")
        if path is None or path.startswith("/"):
            return path
        with contextlib.suppress(OSError):
            return os.path.normpath(PROC.joinpath(str(self.pid), "cwd").readlink() / path)
        return None

    @property
    def most_clients(self) -> int:
        """How many API connections it serves at the same time (-S)."""
        given = self.options.get("-S", "")
        return int(given) if re.fullmatch("[0-9]{1,4}", given) else 20

    def clients(self) -> int | None:
        """How many API connections it has, including those it has not accepted yet."""
        table = _unix_sockets()
        paths = {self.options.get("-s"), self.socket_path}
        if not any(flags == _LISTENING and path in paths for flags, path in table):
            return None
        return sum(flags != _LISTENING and path in paths for flags, path in table)

    @property
    def stopped(self) -> bool:
        """Whether a signal or a debugger has stopped it."""
        with contextlib.suppress(OSError):
            stat = text_of(PROC / str(self.pid) / "stat")
            return stat.rpartition(")")[2].split()[:1] in (["T"], ["t"])
        return False

    @property
    def ports(self) -> list[range]:
        """The ports that its filter names, if it names them in a way that is sure to be understood:
        as "tcp port 80 or tcp port 443"."""
        text, found = self.packet_filter, []
        for low, high in re.findall(r"\bport(?:range)? +([0-9]{1,5})(?:-([0-9]{1,5}))?", text):
            found.append(range(int(low), int(high or low) + 1))
        return [] if re.search(r"\bnot\b|!", text) else found


def daemons() -> Iterator[Daemon]:
    """The processes named p0f whose command line can be read."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, getopt.GetoptError):
            if text_of(folder / "comm").startswith("p0f"):
                words = text_of(folder / "cmdline").removesuffix("\0").split("\0")[1:]
                options, rest = getopt.gnu_getopt(words, _OPTIONS)
                yield Daemon(int(folder.name), words, dict(options), " ".join(rest))


def daemon_of(socket_path: str) -> Daemon | None:
    """The process that was started with the API socket `socket_path`; None if none can be seen."""
    path = os.path.realpath(socket_path)
    found = (d for d in daemons() if d.socket_path and os.path.realpath(d.socket_path) == path)
    return next(found, None)


def text_of(path: Path) -> str:
    """The text of a file in /proc. Other users may put bytes into it that are not UTF-8."""
    return os.fsdecode(path.read_bytes())


def _unix_sockets() -> list[tuple[str, str]]:
    """Flags and path of each Unix socket that has a path, in this process's network namespace."""
    with contextlib.suppress(OSError):
        rows = text_of(PROC / "net/unix").splitlines()[1:]
        split = (row.split(maxsplit=7) for row in rows)
        return [(fields[3], fields[7]) for fields in split if len(fields) == 8]
    return []
