"""Each server's way to a request's connection: the object that it keeps for it, and its socket.

Neither WSGI nor ASGI has a place for the socket, so this module reads the servers' own attributes.
The object of a connection lives as long as the connection: its requests have the same one, and
another connection has another, even from the same address and port.

This module never guesses: it does not search for a connection by its address, which another one may
have. Granian alone shows nothing but the address and port of the connection itself.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from operator import attrgetter
from socket import SocketIO
from types import FunctionType, MethodType
from typing import Any, TypeAlias

from .._address import Endpoint, client_address, port_number
from .._visitor import NoConnection
from .kernel import NOT_A_SOCKET, Descriptor, Socket, peer_of

# From what a server hands over to its object of the connection; may raise `NOT_A_SOCKET`.
Getter: TypeAlias = Callable[[Any], Any]


def _socket_behind(stream: Any) -> Any:
    return vars(stream.raw)["_sock"] if isinstance(stream.raw, SocketIO) else None


def _hypercorn(stream: Any) -> Any:
    server = stream.send.__self__.send.__self__
    # Over HTTP/3 all connections have the same server, and that has neither.
    return getattr(server, "writer", None) or getattr(server, "stream", None)


_BY_INPUT_PACKAGE: dict[str, Getter] = {  # of wsgi.input
    "_io": _socket_behind,  # wsgiref
    "cheroot": lambda stream: _socket_behind(stream.rfile),
    "gevent": lambda stream: _socket_behind(stream.rfile),
    "django": lambda stream: _socket_behind(stream._read.__self__),  # noqa: SLF001  # runserver
}
_BY_OWNER_PACKAGE: dict[str, Getter] = {  # of the object that `receive` or `send` is a method of
    "uvicorn": attrgetter("transport"),
    "gunicorn": lambda owner: (owner.protocol if hasattr(owner, "protocol") else owner).transport,
    "hypercorn": _hypercorn,
    "daphne": attrgetter("transport"),
}


def _socket_of(connection: Any) -> Any:
    if not hasattr(connection, "get_extra_info"):  # Twisted's, or trio's with TLS or without
        return getattr(connection, "transport_stream", connection).socket
    # uvloop's object for the socket goes by a number that may be another connection's by then.
    if connection.is_closing():
        raise NoConnection("the connection is closed")
    return connection.get_extra_info("socket")


def wsgi_object(environ: Mapping[str, Any]) -> object | None:
    """The object of a WSGI request's connection, its socket; None if the server shows none."""
    sock: object = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return _found(_wsgi_socket, environ) if sock is None else sock


def _wsgi_socket(environ: Mapping[str, Any]) -> Any:
    method = environ.get("waitress.client_disconnected")
    if method is not None:
        return method.__self__.socket
    stream = environ.get("wsgi.input")
    getter = _BY_INPUT_PACKAGE.get(_package(stream.__class__))
    return getter and getter(stream)


def wsgi_socket(environ: Mapping[str, Any]) -> Socket:
    """The server's own socket object of a WSGI request. Raises NoConnection if it shows none, or if
    the connection is closed."""
    is_uwsgi = "uwsgi.version" in environ
    sock = _found(_uwsgi, environ) if is_uwsgi else wsgi_object(environ)
    if not _is_socket(sock):
        server = environ.get("SERVER_SOFTWARE")
        raise NoConnection(
            f"{server if isinstance(server, str) and server else 'this server'} does not expose the"
            " request's socket; gunicorn, uWSGI (http-socket), waitress, CherryPy, gevent, Werkzeug"
            " and wsgiref do, if P0fWSGIMiddleware is the outermost middleware"
        )
    return sock


def asgi_object(receive: object, send: object) -> object | None:
    """The object of an ASGI request's connection; None if the server shows none, or middleware
    stands between it and this one."""
    try:
        for callback in (receive, send):
            owner: Any = getattr(callback, "__self__", None)
            getter = _BY_OWNER_PACKAGE.get(_package(owner.__class__))
            if getter is not None:
                return getter(owner)  # type: ignore[no-any-return]
    except NOT_A_SOCKET:
        pass
    return None


def asgi_socket(scope: Mapping[str, Any], receive: object, send: object) -> Socket:
    """The server's own socket object of an ASGI request, also from inside of middleware. Raises
    NoConnection if the server shows none, or if the connection is closed."""
    sock = _found(_socket_of, asgi_object(receive, send))
    if _is_socket(sock):
        return sock
    if _package(type(_found(attrgetter("__self__"), receive))) == "granian":
        return _granian(scope.get("client"))
    for connection in _connections_behind(receive, send):
        sock = _found(_socket_of, connection)
        if _is_socket(sock):
            return sock
    raise NoConnection(
        "this server, or middleware between it and this one, does not expose the request's socket;"
        " uvicorn, Hypercorn, Daphne, Granian and gunicorn do, if P0fASGIMiddleware is the"
        " outermost middleware"
    )


def _found(getter: Getter, clue: object) -> Any:
    try:  # `suppress` would take as long as all the rest
        return getter(clue)
    except NOT_A_SOCKET:  # another version of the server, or something else
        return None


def _is_socket(sock: Any) -> bool:
    try:
        if sock.fileno() >= 0:
            return hasattr(sock, "getsockopt")
    except NOT_A_SOCKET:
        return False
    raise NoConnection("the connection is closed")


def _read_package(kind: Any) -> str:
    return str(kind.__module__).partition(".")[0]


_package: Callable[[Any], str] = lru_cache(256)(_read_package)  # a program has few such classes

_MOST_OBJECTS = 64  # to look at behind `receive` and `send`: middleware nests a few functions deep
_WRAPPED = "receive", "send", "_receive", "_send"  # where middleware keeps what it wraps


def _connections_behind(*callbacks: object) -> Iterator[object]:
    """The connections behind what middleware has made of `receive` and `send`."""
    waiting: list[Any] = list(callbacks)
    seen: set[int] = set()
    for thing in waiting:  # the loop itself adds to the list
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        getter = _BY_OWNER_PACKAGE.get(_package(type(thing)))
        if getter is not None:
            yield _found(getter, thing)
        if len(waiting) < _MOST_OBJECTS:
            with suppress(Exception):  # the object's own __dict__ may raise anything
                waiting += _held_by(thing)


def _held_by(thing: Any) -> Iterator[object]:
    kind = type(thing)  # not isinstance, which would call into the object
    if issubclass(kind, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif issubclass(kind, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif issubclass(kind, FunctionType):
        for cell in thing.__closure__ or ():
            with suppress(ValueError):  # the cell is empty
                yield cell.cell_contents
        yield thing.__dict__.get("__wrapped__")
    else:
        yield from (thing.__dict__[name] for name in _WRAPPED if name in thing.__dict__)


def _uwsgi(_: object) -> Descriptor:
    uwsgi = sys.modules["uwsgi"]
    if uwsgi.opt.keys() & {"http", "https", "http-to"}:
        raise NoConnection("uWSGI's HTTP router keeps the connection to itself; use http-socket")
    fd = uwsgi.connection_fd()
    return Descriptor(fd, os.fstat(fd).st_ino)


MOST_DESCRIPTORS = 256  # to compare for Granian; connections beyond these get no fingerprint
_peers: dict[int, tuple[int, Endpoint]] = {}  # by descriptor, its socket's inode number and peer


def _granian(client: object) -> Descriptor:
    # Granian's port is text. Middleware that replaces the client writes a number.
    if not (isinstance(client, tuple) and len(client) == 2 and isinstance(client[1], str)):
        raise NoConnection(
            "middleware between Granian and this one has replaced the client in the scope; make"
            " P0fASGIMiddleware the outermost middleware"
        )
    peer = client_address(client[0]), port_number(client[1])
    if not all(peer):
        raise NoConnection("Granian exposes neither the request's socket nor the client's port")
    known = [fd for fd, (_, other) in list(_peers.items()) if other == peer]
    for candidates in (known, range(MOST_DESCRIPTORS)):
        found = {_peers[fd][0]: fd for fd in candidates if _peer(fd) == peer}
        if len(found) == 1:
            ((inode, fd),) = found.items()
            return Descriptor(fd, inode)
    raise NoConnection(
        f"Granian does not expose the request's socket, and {len(found) or 'none'} of the first"
        f" {MOST_DESCRIPTORS} file descriptors are connections of this client"
    )


def _peer(fd: int) -> Endpoint:
    try:
        inode = os.fstat(fd).st_ino
        known = _peers.get(fd)
        if known is None or known[0] != inode:
            known = _peers[fd] = inode, peer_of(Descriptor(fd, inode))
    except OSError:
        return None, None
    return known[1]
