"""The kernel's side of a saved SYN: asking Linux to keep it, and reading it once.

A listener with TCP_SAVE_SYN keeps the IP and TCP headers of the SYN of every connection it accepts
from then on; TCP_SAVED_SYN on the connection hands them out. No privilege is needed. Sockets are
named by bare file descriptors, which stay their owners': nothing here closes one. This module does
not know what a SYN means, nor which server keeps its descriptors where.

The fact a reader would get wrong: the kernel hands out a SYN *once*, to whoever asks first, so
SYNs that were read are kept for the rest of the process (`read_syn_once`).

Theory of operation. A descriptor is only a number: its owner may close it between two calls, and
the number may be another connection's at once. The socket's cookie tells: it is unique for as long
as the system runs. So the cookie is read before the SYN and after it, and the SYN is kept under the
cookie it was read under. Two requests of one connection may ask in two threads at the same time,
and only one of them gets the SYN from the kernel, so a lock is held from the look at what is kept
until the SYN is. Nothing in between waits: these are system calls that return at once.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import Generic, Protocol, TypeAlias, TypeVar

from .._brief_lock import BriefLock
from ._libc import get_bytes, get_number, get_peer, set_number
from ._libc import get_cookie as socket_cookie

__all__ = [
    "MOST_CONNECTIONS",
    "HasFileno",
    "Recent",
    "SavedSyn",
    "is_armed",
    "is_tcp_listener",
    "is_unix",
    "peer_name",
    "read_saved_syn",
    "read_syn_once",
    "save_syn",
    "socket_cookie",
]

# From Linux's include/uapi/linux/tcp.h (the first two; `socket` has them from Python 3.12) and
# include/uapi/asm-generic/socket.h.
TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN = 30, 38, 39
# `socket` has enumerations for these; plain numbers make a call cheaper.
_SOL_SOCKET, _TCP = int(socket.SOL_SOCKET), int(socket.IPPROTO_TCP)
_IP_DOMAINS = int(socket.AF_INET), int(socket.AF_INET6)
_UNIX_DOMAIN = 1

MOST_CONNECTIONS = 8192
"""Connections to remember, about half a kilobyte each; of more, those unused for longest go.

An accepted socket does not say when it is closed. A connection whose SYN is gone and that then
comes back with another request has lost its fingerprint.
"""


KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class HasFileno(Protocol):
    """A socket, of whatever library."""

    def fileno(self) -> int: ...


def save_syn(listener: HasFileno | int) -> None:
    """Have Linux keep the SYN of each connection that `listener` accepts from now on.

    Call it before `bind` and `listen` or after, also in another process that shares the socket.
    Connections whose SYN came before have none.

    Args:
        listener: a TCP socket, or the file descriptor of one.

    Raises:
        OSError: it is not a TCP socket, or the system is not Linux.
    """
    fd = listener if isinstance(listener, int) else listener.fileno()
    set_number(fd, _TCP, TCP_SAVE_SYN, 1)


def read_saved_syn(fd: int) -> bytes:
    """The connection's SYN, from the IP header to the end of the TCP header.

    Empty if the kernel has kept none, or if it was read before.

    Raises:
        OSError: `fd` is not a TCP socket, or the system is not Linux.
    """
    return get_bytes(fd, _TCP, TCP_SAVED_SYN)


def is_armed(fd: int) -> bool:
    """Whether `save_syn` was called for this listener, or for the one that accepted this
    connection.

    Raises:
        OSError: `fd` is not a TCP socket, or the system is not Linux.
    """
    return get_number(fd, _TCP, TCP_SAVE_SYN) != 0


def is_tcp_listener(fd: int) -> bool:
    """Whether `fd` is a TCP socket, of IPv4 or IPv6, that listens.

    Raises:
        OSError: `fd` is not a socket, or the system is not Linux.
    """
    return (
        get_number(fd, _SOL_SOCKET, SO_ACCEPTCONN) != 0
        and get_number(fd, _SOL_SOCKET, SO_PROTOCOL) == _TCP
        and get_number(fd, _SOL_SOCKET, SO_DOMAIN) in _IP_DOMAINS
    )


def is_unix(fd: int) -> bool | None:
    """Whether `fd` is a Unix socket; None if that cannot be found out. Raises nothing."""
    try:
        return get_number(fd, _SOL_SOCKET, SO_DOMAIN) == _UNIX_DOMAIN
    except OSError:
        return None


def peer_name(fd: int) -> tuple[str, int] | None:
    """The address (as the kernel writes it) and port at the other end of a TCP connection.

    None for anything that is not a connection over IPv4 or IPv6.
    """
    try:
        return get_peer(fd)
    except OSError:
        return None


class Recent(Generic[KeyT, ValueT]):
    """A dictionary of the entries that were used last: at least half of `most`, at most all.

    Entries are in two generations. What is used moves to the young one; when that is full, it
    becomes the old one, and what was in there is gone. So nothing is sorted at each use, and no
    lock is needed: if threads meet, an entry may be gone too early, but none is ever wrong.
    """

    def __init__(self, most: int = MOST_CONNECTIONS) -> None:
        self._half = most // 2
        self._young: dict[KeyT, ValueT] = {}
        self._old: dict[KeyT, ValueT] = {}

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def get(self, key: KeyT) -> ValueT | None:
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: KeyT, value: ValueT) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value


SavedSyn: TypeAlias = tuple[int, bytes]
"""When a SYN was read (seconds since 1970), and the SYN. A plain tuple of a number and bytes is
nothing for the garbage collector to look into."""

_syns: Recent[int, SavedSyn] = Recent()
_lock = BriefLock()


def _after_fork_in_child() -> None:
    """The thread that held the lock may not exist here."""
    global _lock
    _lock = BriefLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def read_syn_once(fd: int, cookie: int) -> SavedSyn | None:
    """The connection's SYN, however often it is asked for in this process; None if there is none.

    Args:
        cookie: the connection's `socket_cookie`.

    Raises:
        OSError: `fd` is not a TCP socket, was closed meanwhile, or the system is not Linux.
    """
    with _lock:
        syn = _syns.get(cookie)
        if syn is not None:
            return syn
        packet = read_saved_syn(fd)
        if not packet:
            return None
        syn = int(time.time()), packet
        owner = socket_cookie(fd)
        _syns.put(owner, syn)
    if owner != cookie:
        raise OSError(errno.EBADF, "the connection was closed meanwhile")
    return syn
