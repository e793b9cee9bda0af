"""The doctor's checks of Syn, the source that needs no daemon: the kernel, and who listens."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from ..fingerprint import fingerprint_syn
from ..syn import save_syn
from . import p0f_process
from .p0f_process import text_of
from .terminal import Finding

_TCP_SAVED_SYN = 28  # <linux/tcp.h>
_LISTEN = "0A"
_WHICH_SOURCE = {
    "haproxy": 'use Syn(header="X-Client-SYN") (HAProxy 3.4 and newer), SharedSyn or p0f',
    "docker-proxy": "run the application in the host's network, or use SharedSyn or p0f there",
} | dict.fromkeys(
    ("nginx", "caddy", "apache2", "httpd", "traefik", "envoy", "varnishd"), "use SharedSyn or p0f"
)
"""Programs that open connections of their own to the application, and the source to use then."""


def examine_syn(port: int | None) -> Iterator[Finding]:
    """Can this system keep SYNs, and does the visitors' own connection reach the application?"""
    found = check_kernel()
    yield found
    if found.ok and port is not None:
        yield check_listener(port)
    elif found.ok:
        yield Finding(None, "who listens for visitors? Name your site's port with --port")


def check_kernel() -> Finding:
    """Does the kernel keep the SYN of a connection? Tries it with one of its own."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            save_syn(server)
            with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
                syn = accepted.getsockopt(socket.IPPROTO_TCP, _TCP_SAVED_SYN, 256)
    except OSError as error:
        return Finding(False, f"Syn() does not work here: {error.strerror or error}. Use p0f")
    with contextlib.suppress(OSError):
        setting = text_of(p0f_process.PROC / "sys/net/ipv4/tcp_syncookies").strip()
        if setting == "2":
            return Finding(
                False,
                "net.ipv4.tcp_syncookies is 2: Linux answers each SYN with a cookie and keeps none."
                " Set it to 1: sysctl net.ipv4.tcp_syncookies=1",
            )
    if fingerprint_syn(syn) is None:
        return Finding(False, "this system has kept no SYN of a connection to itself. Use p0f")
    return Finding(True, "this system keeps the SYN of a connection, as Syn() needs it")


def check_listener(port: int) -> Finding:
    """Which program accepts the visitors' connections, and is it the application's server?"""
    inodes = set(_listening(port))
    if not inodes:
        return Finding(
            False,
            f"nothing listens on port {port} here: start your server, or run this where it runs"
            " (inside its container)",
        )
    programs = sorted(set(_owners(inodes)))
    if not programs:
        return Finding(None, f"cannot see which program listens on port {port}: run this as root")
    names = ", ".join(f"{name} (process {pid})" for name, pid in programs)
    for name, _ in programs:
        if name in _WHICH_SOURCE:
            return Finding(
                None,
                f"{names} listens on port {port}, and opens connections of its own to your"
                f" application, of which Syn() sees the SYNs: {_WHICH_SOURCE[name]}",
            )
    return Finding(
        True,
        f"{names} listens on port {port}. If p0f.reason says that it does not expose the request's"
        " socket, use p0f",
    )


def _listening(port: int) -> Iterator[str]:
    """The inode of each TCP socket that listens on a port."""
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            for row in text_of(p0f_process.PROC / table).splitlines()[1:]:
                fields = row.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _owners(inodes: set[str]) -> Iterator[tuple[str, int]]:
    """Name and id of each process that has one of the sockets open; as a rule, only root sees
    those of other users."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in p0f_process.PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in wanted for link in (folder / "fd").iterdir()):
                yield text_of(folder / "comm").strip(), int(folder.name)
