"""getsockopt, setsockopt and getpeername on a bare file descriptor, through ctypes.

This module does not know what an option means. Every function raises OSError where it cannot work:
on other systems than Linux, and where Python has no ctypes.

The fact a reader would get wrong: a Python socket object that is made from a server's descriptor
owns it. If a signal handler raises before `detach`, the object is freed and closes the descriptor,
whose number may belong to another visitor's connection a moment later. With
`socket.setdefaulttimeout`, making the object also makes the descriptor non-blocking. The functions
here never own a descriptor.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any, NoReturn

__all__ = ["AVAILABLE", "get_bytes", "get_cookie", "get_number", "get_peer", "set_number"]

_SOL_SOCKET, _SO_COOKIE = 1, 57  # Linux's include/uapi/asm-generic/socket.h
_V4, _V6 = int(AF_INET), int(AF_INET6)
_why_not = "only Linux keeps the SYN of a connection"


def _cannot(*_: object) -> NoReturn:
    raise OSError(errno.ENOSYS, _why_not)


_getsockopt: Callable[..., int] = _cannot
_setsockopt: Callable[..., int] = _cannot
_getpeername: Callable[..., int] = _cannot
_new_int: Callable[..., Any] = _cannot
_new_u64: Callable[..., Any] = _cannot
_new_size: Callable[..., Any] = _cannot
_new_bytes: Callable[..., Any] = _cannot
_new_address: Callable[..., Any] = _cannot
_size_of_int: Any = None
_size_of_u64: Any = None

if sys.platform.startswith("linux"):
    try:
        import ctypes
        from ctypes import byref, get_errno

        # PyDLL keeps the GIL: none of these calls waits, and in a busy process, getting the GIL
        # back takes longer than the call. No `argtypes`: with them a call takes twice as long.
        _libc = ctypes.PyDLL(None, use_errno=True)
        _getsockopt, _setsockopt = _libc.getsockopt, _libc.setsockopt
        _getpeername = _libc.getpeername
        _new_int, _new_u64, _new_size = ctypes.c_int, ctypes.c_uint64, ctypes.c_uint32
        _new_bytes, _new_address = ctypes.c_char * 512, ctypes.c_char * 28
        # All calls share these: the kernel writes into them the size that they already have.
        _size_of_int, _size_of_u64 = byref(_new_size(4)), byref(_new_size(8))
    except (ImportError, OSError, AttributeError) as error:
        _why_not = f"Python cannot call the C library here: {error}"
        _getsockopt = _setsockopt = _getpeername = _cannot
        _new_int = _new_u64 = _new_size = _cannot

AVAILABLE = _getsockopt is not _cannot
"""Whether these functions work here."""

# Each call uses a buffer of its own: another thread, or a signal handler that also looks something
# up, would overwrite a shared one.


def get_number(fd: int, level: int, option: int) -> int:
    """A socket option that is an int.

    Raises:
        OSError: `fd` has no such option, or this module cannot work here.
    """
    value = _new_int()
    if _getsockopt(fd, level, option, byref(value), _size_of_int):
        _fail()
    number: int = value.value
    return number


def get_cookie(fd: int) -> int:
    """The socket's cookie: a number that no other socket has had since the system started.

    Each request on a kept connection calls this, so it does not call another function.

    Raises:
        OSError: `fd` is not a socket, or this module cannot work here.
    """
    cookie = _new_u64()
    if _getsockopt(fd, _SOL_SOCKET, _SO_COOKIE, byref(cookie), _size_of_u64):
        _fail()
    number: int = cookie.value
    return number


def get_bytes(fd: int, level: int, option: int) -> bytes:
    """A socket option of up to 512 bytes. Raises what `get_number` does."""
    size = _new_size(512)
    buffer = _new_bytes()
    if _getsockopt(fd, level, option, buffer, byref(size)):
        _fail()
    value: bytes = buffer[: size.value]
    return value


def set_number(fd: int, level: int, option: int, number: int) -> None:
    """Set a socket option that is an int. Raises what `get_number` does."""
    value = _new_int(number)
    if _setsockopt(fd, level, option, byref(value), 4):
        _fail()


def get_peer(fd: int) -> tuple[str, int] | None:
    """The address (as the kernel writes it) and port at the other end of a TCP connection.

    None for anything else, such as a Unix socket or a closed descriptor.

    Raises:
        OSError: this module cannot work here.
    """
    size = _new_size(28)
    buffer = _new_address()
    if _getpeername(fd, buffer, byref(size)):
        return None
    name: bytes = buffer.raw
    family = int.from_bytes(name[:2], sys.byteorder)
    if family == _V4 and size.value >= 8:
        return inet_ntop(AF_INET, name[4:8]), int.from_bytes(name[2:4], "big")
    if family == _V6 and size.value >= 24:
        return inet_ntop(AF_INET6, name[8:24]), int.from_bytes(name[2:4], "big")
    return None


def _fail() -> NoReturn:
    number = get_errno()
    raise OSError(number, os.strerror(number))
