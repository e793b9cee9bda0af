"""The kernel's side of a saved SYN: asking Linux to keep it, and reading it.

A listener with TCP_SAVE_SYN keeps the IP and TCP headers of the SYN of every connection that it
accepts from then on; TCP_SAVED_SYN on the connection hands them out, once. No privilege is needed.

A socket here is the object that a server has for it: `socket.socket`, the sockets of `ssl` and
gevent, asyncio's TransportSocket, uvloop's PseudoSocket. All of them have `getsockopt`, which
raises OSError where the socket is closed, or has no such option. Where there is only a file
descriptor, `borrowed` makes a socket object for the moment.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from _socket import socket as plain_socket  # never gevent's
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SOL_SOCKET, getdefaulttimeout
from typing import Any, Protocol

from .._address import Endpoint, client_address, port_number

LINUX = sys.platform.startswith("linux")
"""Only Linux keeps SYNs. Elsewhere the numbers below mean something else, or nothing."""

# Linux's include/uapi/linux/tcp.h (`socket` has the first two from Python 3.12 on) and
# include/uapi/asm-generic/socket.h.
TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN = 30, 38, 39
_AF_UNIX = 1  # `socket` lacks it on Windows
_LARGEST_SYN = 512  # bytes; the headers of a SYN have at most 120


class HasFileno(Protocol):
    """A socket, of whatever library."""

    def fileno(self) -> int: ...


class ServerSocket(HasFileno, Protocol):
    """A server's socket, as far as this package asks it anything."""

    @property
    def getsockopt(self) -> Callable[..., Any]: ...
    @property
    def getpeername(self) -> Callable[[], Any]: ...


def save_syn(listener: HasFileno | int) -> None:
    """Have Linux keep the SYN of each connection that `listener` accepts from now on.

    Call it before `bind` and `listen` or after, also in another process that shares the socket.
    Connections whose SYN came before have none.

    Args:
        listener: a TCP socket, or the file descriptor of one.

    Raises:
        OSError: it is not a TCP socket, or the system is not Linux.
    """
    _require_linux()
    with borrowed(listener if isinstance(listener, int) else listener.fileno()) as sock:
        sock.setsockopt(IPPROTO_TCP, TCP_SAVE_SYN, 1)


def read_saved_syn(sock: ServerSocket) -> bytes:
    """The connection's SYN, from the IP header to the end of the TCP header; empty if the kernel
    has kept none, or if it was read before."""
    _require_linux()
    syn: bytes = sock.getsockopt(IPPROTO_TCP, TCP_SAVED_SYN, _LARGEST_SYN)
    return syn


def keeps_syns(sock: ServerSocket) -> bool:
    """Whether `save_syn` was called for this listener, or for the one that accepted this
    connection."""
    _require_linux()
    return bool(sock.getsockopt(IPPROTO_TCP, TCP_SAVE_SYN))


def is_tcp_listener(sock: ServerSocket) -> bool:
    """Whether this is a TCP socket, of IPv4 or IPv6, that listens."""
    return (
        sock.getsockopt(SOL_SOCKET, SO_ACCEPTCONN) != 0
        and sock.getsockopt(SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP
        and sock.getsockopt(SOL_SOCKET, SO_DOMAIN) in (AF_INET, AF_INET6)
    )


def is_unix(sock: ServerSocket) -> bool | None:
    """Whether this is a Unix socket; None if that cannot be found out. Raises nothing."""
    try:
        return bool(sock.getsockopt(SOL_SOCKET, SO_DOMAIN) == _AF_UNIX) if LINUX else None
    except Exception:  # whatever object a server hands over
        return None


def peer_of(sock: ServerSocket) -> Endpoint:
    """The canonical address and the port at the other end of a TCP connection; both None for
    anything that is not a connection over IPv4 or IPv6. Raises nothing."""
    try:
        address, port = sock.getpeername()[:2]
    except Exception:  # closed, a Unix socket's name, or whatever object a server hands over
        return None, None
    return client_address(address), port_number(port)


def _require_linux() -> None:
    if not LINUX:
        raise OSError(errno.ENOSYS, "only Linux keeps the SYN of a connection")


@contextmanager
def borrowed(fd: int) -> Iterator[plain_socket]:
    """A socket object for a descriptor that is somebody else's.

    The owner may close it at any moment, and its number may be another connection's at once. The
    object has a duplicate: that stays what it was, and closing it closes nothing of the owner's.

    Raises:
        OSError: `fd` is closed, or not a socket.
    """
    # Closing a duplicate of a file would release the locks that this process has on the file.
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    # With socket.setdefaulttimeout, a new socket object makes the owner's socket non-blocking.
    blocking = getdefaulttimeout() is not None and os.get_blocking(fd)
    copy = os.dup(fd)
    try:
        sock = plain_socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    if blocking:
        os.set_blocking(copy, True)
    try:
        yield sock
    finally:
        sock.close()


class Descriptor:
    """A `ServerSocket` for a connection of which the server shows only the descriptor.

    Args:
        inode: the number of the socket's inode. Once the descriptor has another socket, questions
            raise OSError.
    """

    def __init__(self, fd: int, inode: int) -> None:
        self._fd = fd
        self._inode = inode

    def fileno(self) -> int:
        return self._fd

    def getsockopt(self, *question: int) -> Any:
        with self._borrowed() as sock:
            return sock.getsockopt(*question)

    def getpeername(self) -> Any:
        with self._borrowed() as sock:
            return sock.getpeername()

    @contextmanager
    def _borrowed(self) -> Iterator[plain_socket]:
        with borrowed(self._fd) as sock:
            if os.fstat(sock.fileno()).st_ino != self._inode:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            yield sock
