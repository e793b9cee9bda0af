"""The kernel's side of a saved SYN: asking Linux to keep it, and reading it.

A listener with TCP_SAVE_SYN keeps the IP and TCP headers of the SYN of every connection that it
accepts from then on; TCP_SAVED_SYN on the connection hands them out, once. No privilege is needed.
"""

import errno
import os
import stat
import sys
from _socket import socket  # never gevent's
from functools import partialmethod
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, SOL_SOCKET
from typing import Any, Protocol, TypeAlias

from .._address import Endpoint, client_address, port_number

LINUX = sys.platform.startswith("linux")  # elsewhere the numbers below mean something else

# <linux/tcp.h> (`socket` has these two from Python 3.12 on) and <asm-generic/socket.h>
TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN = 30, 38, 39
_AF_UNIX = 1  # `socket` lacks these two on Windows
_SOCK_NONBLOCK = getattr(sys.modules["socket"], "SOCK_NONBLOCK", 0o4000)
_LARGEST_SYN = 512  # bytes; the headers of a SYN have at most 120

Socket: TypeAlias = Any  # a server's own: of `socket`, `ssl`, gevent, asyncio or uvloop
# What an object raises that is none. Not every Exception: a timeout of the application's own may be
# raised while it is asked, too.
NOT_A_SOCKET = (AttributeError, LookupError, TypeError, ValueError, OSError, RuntimeError)


class HasFileno(Protocol):
    def fileno(self) -> int: ...


def save_syn(listener: HasFileno | int) -> None:
    """Have Linux keep the SYN of each connection that `listener` accepts from now on.

    Call it before `listen` or after, also in another process that shares the socket.

    Args:
        listener: a TCP socket, or the file descriptor of one.

    Raises:
        OSError: it is not a TCP socket, or the system is not Linux.
    """
    if not LINUX:
        raise OSError(errno.ENOSYS, "only Linux keeps the SYN of a connection")
    fd = listener if isinstance(listener, int) else listener.fileno()
    Descriptor(fd).setsockopt(IPPROTO_TCP, TCP_SAVE_SYN, 1)


def read_saved_syn(sock: Socket) -> bytes:
    """The headers of the connection's SYN; empty if none was kept, or if it was read before."""
    return bytes(sock.getsockopt(IPPROTO_TCP, TCP_SAVED_SYN, _LARGEST_SYN))


def keeps_syns(sock: Socket) -> bool:
    """Whether `save_syn` was called for this listener, or for this connection's."""
    return bool(sock.getsockopt(IPPROTO_TCP, TCP_SAVE_SYN))


def is_tcp_listener(sock: Socket) -> bool:
    return (
        sock.getsockopt(SOL_SOCKET, SO_ACCEPTCONN) != 0
        and sock.getsockopt(SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP
        and sock.getsockopt(SOL_SOCKET, SO_DOMAIN) in (AF_INET, AF_INET6)
    )


def is_unix(sock: Socket) -> bool | None:
    """Whether this is a Unix socket; None if that cannot be found out. Raises nothing."""
    try:
        return bool(sock.getsockopt(SOL_SOCKET, SO_DOMAIN) == _AF_UNIX) if LINUX else None
    except NOT_A_SOCKET:
        return None


def peer_of(sock: Socket) -> Endpoint:
    """The canonical address and the port at the other end; both None for anything but a connection
    over IPv4 or IPv6. Raises nothing."""
    try:
        address, port = sock.getpeername()[:2]
    except NOT_A_SOCKET:  # or closed, or its name is a path
        return None, None
    return client_address(address), port_number(port)


class Descriptor:
    """A socket by its bare descriptor, which is somebody else's.

    The owner may close it at any moment, and its number may be another connection's at once. So
    each question goes to a duplicate, which stays what it was; with `inode`, only if it is of that
    socket. Questions raise OSError where the descriptor is closed, or no socket.
    """

    def __init__(self, fd: int, inode: int | None = None) -> None:
        self._fd = fd
        self._inode = inode

    def fileno(self) -> int:
        return self._fd

    def _ask(self, method: str, *arguments: int) -> Any:
        # Closing a duplicate of a file would release the locks that this process has on the file.
        if not stat.S_ISSOCK(os.fstat(self._fd).st_mode):
            raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
        copy = os.dup(self._fd)
        try:
            # With socket.setdefaulttimeout, one of another type makes the owner's non-blocking.
            sock = socket(type=SOCK_STREAM | _SOCK_NONBLOCK, fileno=copy)
        except OSError:
            os.close(copy)
            raise
        try:  # `sock` alone owns the copy: nothing closes a number that may be another's by then
            if self._inode not in (None, os.fstat(copy).st_ino):
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return getattr(sock, method)(*arguments)
        finally:
            sock.close()

    getsockopt: partialmethod[Any] = partialmethod(_ask, "getsockopt")
    setsockopt: partialmethod[Any] = partialmethod(_ask, "setsockopt")
    getpeername: partialmethod[Any] = partialmethod(_ask, "getpeername")
