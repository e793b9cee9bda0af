"""Where each web server keeps the connection of a request: a table for WSGI and one for ASGI.

Neither specification has a place for it, so these are looks into the servers' own attributes, each
found by reading and running the server. They yield a bare file descriptor, or a reason why there is
none; that the descriptor is the client's is for the caller to check. What is read from the socket
is not known here.

The fact a reader would get wrong: none of these is a guess. Where a server shows only the client's
address, the connection is not looked for: another one may have the same.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .._address import client_address
from .._visitor import NoConnection
from ._kernel import LINUX, peer_name

MOST_DESCRIPTORS = 256
"""Descriptors of a process to look through for a connection; that takes half a millisecond."""

Way: TypeAlias = Callable[..., Any]


def wsgi_connection(environ: Mapping[str, Any]) -> int:
    """The file descriptor of the connection that a WSGI request came by.

    Raises:
        NoConnection: the server does not show it, or it is closed.
    """
    for key, way in _WSGI.items():
        if key in environ:
            return _descriptor(way, environ)
    stream = environ.get("wsgi.input")
    way_by_input = _WSGI_INPUT.get(_package(stream))
    if way_by_input is not None:
        return _descriptor(way_by_input, stream)
    server = environ.get("SERVER_SOFTWARE") or "this server"
    raise NoConnection(f"{server} gives no way to the connection")


def asgi_connection(
    scope: Mapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
) -> int:
    """The file descriptor of the connection that an ASGI request came by.

    Raises:
        NoConnection: the server does not show it, or it is closed.
    """
    for callback in (receive, send):
        owner = _owner(callback)
        way = _ASGI.get(_package(owner))
        if way is not None:
            return _descriptor(way, owner)
    return _descriptor_of_peer(scope.get("client"))


def _package(thing: object) -> str:
    return type(thing).__module__.partition(".")[0]


def _descriptor(way: Way, clue: Any) -> int:
    try:
        connection = way(clue)
        fd: int = connection if isinstance(connection, int) else connection.fileno()
    except NoConnection:
        raise
    except Exception as error:  # a server of another version, or one that has let go of its socket
        raise NoConnection(f"no way to the connection: {type(error).__name__}: {error}") from error
    if fd < 0:
        raise NoConnection("the connection is closed")
    return fd


def _uwsgi(environ: Mapping[str, Any]) -> int:
    uwsgi = sys.modules["uwsgi"]
    if uwsgi.opt.keys() & {"http", "https", "http-to"}:
        raise NoConnection("uWSGI's HTTP router keeps the connection to itself; use http-socket")
    fd: int = uwsgi.connection_fd()
    return fd


def _waitress(environ: Mapping[str, Any]) -> Any:
    return environ["waitress.client_disconnected"].__self__.socket


_WSGI: dict[str, Way] = {
    "gunicorn.socket": lambda environ: environ["gunicorn.socket"],
    "werkzeug.socket": lambda environ: environ["werkzeug.socket"],
    "waitress.client_disconnected": _waitress,
    "uwsgi.version": _uwsgi,
}
"""By a key that only this server has in environ."""


def _socket_file(stream: Any) -> Any:
    """A buffered file, if it is one that reads a socket."""
    if not isinstance(stream.raw, socket.SocketIO):
        raise NoConnection("wsgi.input does not read the connection")
    return stream.raw


_WSGI_INPUT: dict[str, Way] = {
    "_io": _socket_file,
    "cheroot": lambda stream: stream.rfile,
    "gevent": lambda stream: stream.rfile,
    "django": lambda stream: stream._read.__self__,
}
"""By the package of wsgi.input: wsgiref, cheroot (CherryPy), gevent.pywsgi, Django's runserver."""


def _owner(callback: Any) -> Any:
    """The object whose method the server handed to the application; daphne's is in a partial."""
    args = getattr(callback, "args", None)
    return args[0] if args else getattr(callback, "__self__", None)


def _socket_of(transport: Any) -> Any:
    if transport.is_closing():
        raise NoConnection("the connection is closed")
    return transport.get_extra_info("socket")


def _gunicorn(owner: Any) -> Any:
    return _socket_of(getattr(owner, "protocol", owner).transport)


def _hypercorn(stream: Any) -> Any:
    """The stream's `send` is the protocol's method, and the protocol's `send` the server's."""
    server = stream.send.__self__.send.__self__
    if hasattr(server, "writer"):
        return _socket_of(server.writer)
    return getattr(server.stream, "transport_stream", server.stream).socket  # trio, with TLS or not


_ASGI: dict[str, Way] = {
    "uvicorn": lambda cycle: _socket_of(cycle.transport),
    "gunicorn": _gunicorn,
    "hypercorn": _hypercorn,
    "daphne": lambda protocol: protocol.transport.socket,
}
"""By the package of the object whose `receive` or `send` the application is given."""


_found: dict[tuple[str, int], int] = {}
"""By peer, the descriptor that `_descriptor_of_peer` found last; it may be another's by now."""


def _descriptor_of_peer(client: Any) -> int:
    """The one descriptor of this process whose peer has the client's address and port.

    For granian, whose objects show nothing, and where middleware stands between the server and
    ours. It costs a system call for each descriptor, so it is done only while there are few.
    """
    address = client_address(client[0]) if client else None
    port = int(client[1]) if client and str(client[1]).isdecimal() else 0
    if address is None or not port:
        raise NoConnection("the server gives no way to the connection, nor the client's port")
    peer = (address, port)
    fd = _found.get(peer, -1)
    if fd < 0 or not _is_peer(fd, peer):
        fd = _found[peer] = _look_for(peer)
        if len(_found) > 4 * MOST_DESCRIPTORS:
            _found.clear()
    return fd


def _look_for(peer: tuple[str, int]) -> int:
    descriptors = [int(name) for name in os.listdir("/proc/self/fd")] if LINUX else []
    if len(descriptors) > MOST_DESCRIPTORS:
        raise NoConnection(
            "the server, or middleware between it and this one, hides the connection, and the"
            f" process has more than {MOST_DESCRIPTORS} file descriptors to look through"
        )
    matches = [fd for fd in descriptors if _is_peer(fd, peer)]
    if len(matches) != 1:
        raise NoConnection(
            "the server, or middleware between it and this one, hides the connection, and"
            f" {len(matches)} sockets of the process have the client's address and port"
        )
    return matches[0]


def _is_peer(fd: int, peer: tuple[str, int]) -> bool:
    name = peer_name(fd)
    return name is not None and name[1] == peer[1] and client_address(name[0]) == peer[0]
