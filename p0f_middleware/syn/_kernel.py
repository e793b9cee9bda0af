"""The kernel's side of a saved SYN: asking Linux to keep it, and reading it once.

A listener with TCP_SAVE_SYN keeps the IP and TCP header of the SYN of every connection it accepts
from then on; TCP_SAVED_SYN on the connection hands it out. No privilege is needed. Sockets are
named by bare file descriptors, which stay their owner's: nothing here closes one. What a SYN tells,
and which server has which descriptor where, is not known here.

The fact a reader would get wrong: the kernel hands a SYN out *once*, to whoever asks first, so
what was read is kept for the rest of the process (`saved_syn`).
"""

from __future__ import annotations

import _socket
import os
import socket
import sys
import threading
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

LINUX = sys.platform.startswith("linux")
"""No other system keeps SYNs."""

# From Linux's include/uapi/linux/tcp.h (the first two; `socket` has them from Python 3.12) and
# include/uapi/asm-generic/socket.h.
TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
SO_PROTOCOL, SO_DOMAIN, SO_COOKIE = 38, 39, 57
# `socket` has enumerations for these; plain numbers make a call one microsecond cheaper.
_SOL_SOCKET, _SO_ACCEPTCONN = int(socket.SOL_SOCKET), int(socket.SO_ACCEPTCONN)
_TCP = int(socket.IPPROTO_TCP)
_STREAM, _V4, _V6 = int(socket.SOCK_STREAM), int(socket.AF_INET), int(socket.AF_INET6)

MOST_CONNECTIONS = 8192
"""Connections to remember; of more, those that were quiet for longest are forgotten. 1 KB for each.

An accepted socket does not say when it is closed. A connection that is forgotten and then comes
back with another request has lost its fingerprint.
"""
_LONGEST_SYN = 512
"""More than headers can be: 60 bytes of TCP behind 60 of IPv4, or 40 of IPv6 and extensions."""


class HasFileno(Protocol):
    """A socket, of whatever library."""

    def fileno(self) -> int: ...


def save_syn(listener: HasFileno | int) -> None:
    """Have Linux keep the SYN of each connection that `listener` accepts from now on.

    It may be called before `bind` and `listen` or after, also in another process that shares the
    socket; connections whose SYN has come before have none.

    Args:
        listener: a TCP socket, or the file descriptor of one.

    Raises:
        OSError: it is no TCP socket, or the system is not Linux.
    """
    fd = listener if isinstance(listener, int) else listener.fileno()
    if not LINUX:
        raise OSError("only Linux keeps the SYN of a connection")
    sock = _borrowed(fd)
    try:
        sock.setsockopt(_TCP, TCP_SAVE_SYN, 1)
    finally:
        sock.detach()


def read_saved_syn(fd: int) -> bytes:
    """The connection's SYN, from the IP header to the end of the TCP header.

    Empty if the kernel has kept none, or if it was read before.

    Raises:
        OSError: `fd` is no TCP socket, or the system is not Linux.
    """
    syn: bytes = _option(fd, _TCP, TCP_SAVED_SYN, _LONGEST_SYN)
    return syn


def is_armed(fd: int) -> bool:
    """Whether `save_syn` was done to this listener, or to the one that accepted this connection.

    Raises:
        OSError: `fd` is no TCP socket, or the system is not Linux.
    """
    return bool(_option(fd, _TCP, TCP_SAVE_SYN, 4)[0])


def is_tcp_listener(fd: int) -> bool:
    """Whether `fd` is a TCP socket, of IPv4 or IPv6, that listens.

    Raises:
        OSError: `fd` is no socket.
    """
    sock = _borrowed(fd)
    try:
        return (
            sock.getsockopt(_SOL_SOCKET, _SO_ACCEPTCONN) != 0
            and sock.getsockopt(_SOL_SOCKET, SO_PROTOCOL) == _TCP
            and sock.getsockopt(_SOL_SOCKET, SO_DOMAIN) in (_V4, _V6)
        )
    finally:
        sock.detach()


def is_unix(fd: int) -> bool | None:
    """Whether it is a Unix socket; None if that cannot be told."""
    try:
        return int.from_bytes(_option(fd, _SOL_SOCKET, SO_DOMAIN, 4), sys.byteorder) == 1
    except OSError:
        return None


def socket_cookie(fd: int) -> bytes:
    """Eight bytes that no other socket has, or had since the system started.

    Raises:
        OSError: `fd` is no socket, or the system is not Linux.
    """
    cookie: bytes = _option(fd, _SOL_SOCKET, SO_COOKIE, 8)
    return cookie


def peer_name(fd: int) -> tuple[str, int] | None:
    """The address (as the kernel writes it) and port at the other end of a TCP connection.

    None for what is no connection over IPv4 or IPv6.
    """
    try:
        sock = _borrowed(fd, _V6)  # whose addresses have room for those of IPv4
        try:
            name = sock.getpeername()
        finally:
            sock.detach()
    except OSError:
        return None
    if isinstance(name, tuple) and isinstance(name[0], str):
        return name[0], name[1]
    return None


def _borrowed(fd: int, family: int = _V4) -> _socket.socket:
    """A socket object on somebody else's descriptor: detach it, or the descriptor is closed.

    The bare `_socket.socket` is not what gevent patches. The family is only that of the addresses
    to be read from it: options are the same for both. Under `socket.setdefaulttimeout` making such
    an object leaves the descriptor non-blocking, which would be its owner's trouble.
    """
    if _socket.getdefaulttimeout() is None:
        return _socket.socket(family, _STREAM, _TCP, fd)
    blocking = os.get_blocking(fd)
    try:
        return _socket.socket(family, _STREAM, _TCP, fd)
    finally:
        os.set_blocking(fd, blocking)


def _option(fd: int, level: int, option: int, size: int) -> bytes:
    if not LINUX:
        raise OSError("only Linux keeps the SYN of a connection")
    sock = _borrowed(fd)
    try:
        return sock.getsockopt(level, option, size)
    finally:
        sock.detach()


_lock = threading.RLock()


def _after_fork_in_child() -> None:
    """A thread that held the lock is not here to let it go."""
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)

ValueT = TypeVar("ValueT")


class ByConnection(Generic[ValueT]):
    """What is remembered of connections, by `socket_cookie`: the `MOST_CONNECTIONS` last used."""

    def __init__(self, most: int = MOST_CONNECTIONS) -> None:
        self._values: OrderedDict[bytes, ValueT] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._values)

    def get(self, cookie: bytes) -> ValueT | None:
        with _lock:
            value = self._values.get(cookie)
            if value is not None:
                self._values.move_to_end(cookie)
            return value

    def put(self, cookie: bytes, value: ValueT) -> None:
        with _lock:
            self._values[cookie] = value
            if len(self._values) > self._most:
                self._values.popitem(last=False)


_read: ByConnection[bytes] = ByConnection()


def saved_syn(fd: int, cookie: bytes) -> bytes:
    """The connection's SYN, also if it was read before in this process; empty if there is none.

    Args:
        cookie: the connection's `socket_cookie`.

    Raises:
        OSError: `fd` is no TCP socket, or the system is not Linux.
    """
    with _lock:  # requests of one HTTP/2 connection may be in two threads
        syn = _read.get(cookie)
        if syn is None:
            syn = read_saved_syn(fd)
            if syn:
                _read.put(cookie, syn)
        return syn
