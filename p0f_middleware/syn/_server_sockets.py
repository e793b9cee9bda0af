"""Where each web server keeps the socket of a request: tables for WSGI and ASGI.

Neither specification has a place for the socket, so this module reads the servers' own attributes,
each found by reading and running the server. `wsgi_connection` and `asgi_connection` return a bare
file descriptor, or raise NoConnection with the reason for `p0f.reason`. The caller checks whether
the descriptor is the client's. This module reads nothing from the socket.

The fact a reader would get wrong: this module never guesses. If a server exposes only the client's
address, it does not search for the connection, because another one may have the same address. Only
for Granian, which exposes just the address and port of the connection itself, does it compare
descriptors.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any, TypeAlias

from .._address import client_address
from .._visitor import NoConnection
from ._kernel import peer_name, socket_cookie

__all__ = ["asgi_connection", "wsgi_connection"]

SocketGetter: TypeAlias = Callable[[Any], Any]
"""Takes the server's object; returns a socket or its descriptor, or raises anything."""

_CLOSED = "the connection is closed"
_WSGI_REMEDY = (
    "gunicorn, uWSGI (http-socket), waitress, CherryPy, gevent, Werkzeug and wsgiref do, if"
    " P0fWSGIMiddleware is the outermost middleware"
)
_ASGI_REMEDY = (
    "uvicorn, Hypercorn, Daphne, Granian and gunicorn do, if P0fASGIMiddleware is the outermost"
    " middleware"
)


def wsgi_connection(environ: Mapping[str, Any]) -> int:
    """The file descriptor of a WSGI request's connection.

    Raises:
        NoConnection: the server does not expose it, or it is closed.
    """
    for key, getter in _BY_ENVIRON_KEY.items():
        if key in environ:
            fd = _descriptor(getter, environ)
            break
    else:
        stream = environ.get("wsgi.input")
        fd = _descriptor(_BY_INPUT_PACKAGE.get(_package(stream), _unknown), stream)
    if fd is None:
        server = environ.get("SERVER_SOFTWARE")
        raise _hidden(server if isinstance(server, str) and server else "this server", _WSGI_REMEDY)
    return fd


def asgi_connection(
    scope: Mapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
) -> int:
    """The file descriptor of an ASGI request's connection.

    Raises:
        NoConnection: the server does not expose it, or it is closed.
    """
    try:
        owner = getattr(receive, "__self__", None)
    except Exception:  # the object's own __getattr__ may raise anything
        owner = None
    package = _package(owner)
    getter = _BY_OWNER_PACKAGE.get(package)
    if getter is not None:
        fd = _descriptor(getter, owner)
        if fd is not None:
            return fd
    elif package == "granian":
        return _granian(scope.get("client"))
    for owner in _owners_behind(receive, send):
        fd = _descriptor(_BY_OWNER_PACKAGE[_package(owner)], owner)
        if fd is not None:
            return fd
    raise _hidden("this server, or middleware between it and this one,", _ASGI_REMEDY)


def _hidden(who: str, remedy: str) -> NoConnection:
    return NoConnection(f"{who} does not expose the request's socket; {remedy}")


def _package(thing: object) -> str:
    return type(thing).__module__.partition(".")[0]


# Not every Exception: a timeout of the application's own may be raised in here, too.
_NOT_THERE = (AttributeError, LookupError, TypeError, ValueError, OSError, RuntimeError)


def _descriptor(getter: SocketGetter, clue: Any) -> int | None:
    """The descriptor that a getter finds; None if the server keeps its socket elsewhere.

    Raises:
        NoConnection: the connection is closed, or the getter says why there is none.
    """
    try:
        connection = getter(clue)
        fd: object = connection if isinstance(connection, int) else connection.fileno()
    except NoConnection:
        raise
    except _NOT_THERE:  # another version of the server, or an object that has no socket
        return None
    if not isinstance(fd, int):
        return None
    if fd < 0:
        raise NoConnection(_CLOSED)
    return fd


def _unknown(_clue: object) -> None:
    """The getter for a server that is not in the tables."""


# WSGI


def _uwsgi(_environ: Mapping[str, Any]) -> int:
    uwsgi = sys.modules["uwsgi"]
    if uwsgi.opt.keys() & {"http", "https", "http-to"}:
        raise NoConnection("uWSGI's HTTP router keeps the connection to itself; use http-socket")
    fd: int = uwsgi.connection_fd()
    return fd


def _waitress(environ: Mapping[str, Any]) -> Any:
    return environ["waitress.client_disconnected"].__self__.socket


_BY_ENVIRON_KEY: dict[str, SocketGetter] = {
    "gunicorn.socket": lambda environ: environ["gunicorn.socket"],
    "werkzeug.socket": lambda environ: environ["werkzeug.socket"],
    "waitress.client_disconnected": _waitress,
    "uwsgi.version": _uwsgi,
}
"""Getters by a key that only this server puts into environ."""


def _socket_file(stream: Any) -> Any:
    """The socket that a buffered file reads; None if it reads something else."""
    return stream.raw if isinstance(stream.raw, socket.SocketIO) else None


_BY_INPUT_PACKAGE: dict[str, SocketGetter] = {
    "_io": _socket_file,
    "cheroot": lambda stream: stream.rfile,
    "gevent": lambda stream: stream.rfile,
    "django": lambda stream: stream._read.__self__,  # noqa: SLF001  # it has no other way
}
"""Getters by the package of wsgi.input: wsgiref, cheroot (CherryPy), gevent.pywsgi, Django's
runserver."""


# ASGI


def _socket_of(transport: Any) -> Any:
    if transport.is_closing():
        raise NoConnection(_CLOSED)
    return transport.get_extra_info("socket")


def _gunicorn(owner: Any) -> Any:
    return _socket_of(getattr(owner, "protocol", owner).transport)


def _hypercorn(stream: Any) -> Any:
    """The socket behind a stream: its `send` is a method of the protocol, whose own `send` is a
    method of the server."""
    server = stream.send.__self__.send.__self__
    if hasattr(server, "writer"):
        return _socket_of(server.writer)
    return getattr(server.stream, "transport_stream", server.stream).socket  # trio, with TLS or not


_BY_OWNER_PACKAGE: dict[str, SocketGetter] = {
    "uvicorn": lambda cycle: _socket_of(cycle.transport),
    "gunicorn": _gunicorn,
    "hypercorn": _hypercorn,
    "daphne": lambda protocol: protocol.transport.socket,
}
"""Getters by the package of the object that the server's `receive` or `send` belongs to."""

_MOST_OBJECTS = 64
"""Objects to examine behind `receive` and `send`: middleware nests a few functions deep."""
_WRAPPED = "receive", "send", "_receive", "_send"
"""Attributes in which middleware objects keep the callables that they wrap."""


def _owners_behind(*callbacks: object) -> Iterator[object]:
    """The servers' objects behind `receive` and `send`, the nearest first.

    Middleware wraps `receive` and `send` in functions, partials and objects; the objects that these
    refer to belong to this request.
    """
    waiting = list(callbacks)
    seen: set[int] = set()
    for thing in waiting:  # the loop itself adds to the list
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if _package(thing) in _BY_OWNER_PACKAGE:
            yield thing
        if len(waiting) < _MOST_OBJECTS:
            with contextlib.suppress(Exception):  # the object's own __dict__ may raise anything
                waiting += _held_by(thing)


def _held_by(thing: Any) -> Iterator[object]:
    """The objects that a wrapper may have wrapped."""
    kind = type(thing)  # not isinstance, which would call into the object
    if issubclass(kind, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif issubclass(kind, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif issubclass(kind, FunctionType):
        for cell in thing.__closure__ or ():
            with contextlib.suppress(ValueError):  # the cell is empty
                yield cell.cell_contents
        yield thing.__dict__.get("__wrapped__")
    else:
        yield from (thing.__dict__[name] for name in _WRAPPED if name in thing.__dict__)


# Granian


MOST_DESCRIPTORS = 256
"""Descriptors to compare with a client's address and port, which takes a quarter of a millisecond.
Descriptors beyond these are not compared, so their requests get no fingerprint."""
_RETRY_AFTER = 1.0
"""Seconds to wait after an unsuccessful search, before the next one."""
_MOST_REMEMBERED = 1024

_found: dict[tuple[str, int], int] = {}
"""The descriptor found last, by peer; it may belong to another connection by now."""
_next_search = 0.0


def _granian(client: object) -> int:
    """The descriptor whose peer is the client that Granian itself has put into the scope.

    Granian's port is text. Middleware that replaces the client writes a number; there is no
    connection to find for such a client.
    """
    if not (isinstance(client, tuple) and len(client) == 2 and isinstance(client[1], str)):
        raise NoConnection(
            "middleware between Granian and this one has replaced the client in the scope; make"
            " P0fASGIMiddleware the outermost middleware"
        )
    address = client_address(client[0])
    port = int(client[1]) if client[1].isdecimal() and len(client[1]) <= 5 else 0
    if address is None or not port:
        raise NoConnection("Granian exposes neither the request's socket nor the client's port")
    return _descriptor_of_peer((address, port))


def _descriptor_of_peer(peer: tuple[str, int]) -> int:
    global _next_search
    fd = _found.get(peer)
    if fd is not None and _is_peer(fd, peer):
        return fd
    matches: list[int] = []
    if time.monotonic() >= _next_search:
        matches = [fd for fd in range(MOST_DESCRIPTORS) if _is_peer(fd, peer)]
        if not matches:
            _next_search = time.monotonic() + _RETRY_AFTER
    if len({socket_cookie(fd) for fd in matches}) != 1:
        raise NoConnection(
            f"Granian does not expose the request's socket, and {len(matches) or 'none'} of the"
            f" first {MOST_DESCRIPTORS} file descriptors are connections of this client"
        )
    if len(_found) >= _MOST_REMEMBERED:
        _found.clear()
    _found[peer] = matches[0]
    return matches[0]


def _is_peer(fd: int, peer: tuple[str, int]) -> bool:
    name = peer_name(fd)
    return name is not None and name[1] == peer[1] and client_address(name[0]) == peer[0]
