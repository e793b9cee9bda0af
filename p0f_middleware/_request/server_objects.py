"""Finds the object that a server keeps for a connection, which identifies it without a system call.

Requests of one connection have the same object, and another connection has another one, even from
the same address and port. This module does not look into the object; `syn/_server_sockets` finds
its socket.

The fact a reader would get wrong: the object's `id` is not enough, because a new object may get the
`id` of one that is gone. Keep a weak reference, and compare the object that it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

__all__ = ["asgi_object", "wsgi_object"]

ObjectGetter = Callable[[Any], Any]
_CLASSES_REMEMBERED = 32


def wsgi_object(environ: Mapping[str, Any]) -> object | None:
    """The object of the connection that a WSGI request came by; None if the server shows none."""
    found = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    if found is None:
        channel_method = environ.get("waitress.client_disconnected")
        if channel_method is not None:
            return getattr(channel_method, "__self__", None)
        stream = environ.get("wsgi.input")
        if _package(type(stream)) in ("cheroot", "gevent"):
            return getattr(stream, "rfile", None)
    return found


def asgi_object(receive: object, send: object) -> object | None:
    """The object of the connection that an ASGI request came by; None if the server shows none, or
    middleware stands between it and this one."""
    owner: Any = getattr(receive, "__self__", None)
    getter = _getter(owner.__class__)
    if getter is None:
        owner = getattr(send, "__self__", None)
        getter = _getter(owner.__class__)
    if getter is None:
        return None
    try:
        found: object = getter(owner)
        return found
    except (AttributeError, TypeError):  # another version of the server
        return None


@lru_cache(_CLASSES_REMEMBERED)
def _getter(kind: type) -> ObjectGetter | None:
    return _BY_OWNER_PACKAGE.get(_package(kind))


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _gunicorn(owner: Any) -> Any:
    return getattr(owner, "protocol", owner).transport


_BY_OWNER_PACKAGE: dict[str, ObjectGetter] = {
    "uvicorn": attrgetter("transport"),
    "gunicorn": _gunicorn,
    "hypercorn": lambda stream: stream.send.__self__.send.__self__,
    "daphne": attrgetter("transport"),
}
"""By the package of the object that the server's `receive` or `send` belongs to."""
