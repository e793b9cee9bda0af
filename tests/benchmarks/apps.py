"""The least that an application can do, for the middlewares to be seen beside it.

The servers are started with `P0F_SOCKET` in their environment and serve all six from here.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from p0f_middleware import AsyncP0f, P0f, P0fASGIMiddleware, P0fWSGIMiddleware

BODY = b"hello\n"


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
    return [BODY]


async def asgi_app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


_socket_path = os.environ.get("P0F_SOCKET", "/nonexistent")
wrapped_wsgi_app = P0fWSGIMiddleware(wsgi_app, _socket_path)
wrapped_asgi_app = P0fASGIMiddleware(asgi_app, _socket_path)
cached_wsgi_app = P0fWSGIMiddleware(wsgi_app, P0f(_socket_path, cache_ttl=60))
cached_asgi_app = P0fASGIMiddleware(asgi_app, AsyncP0f(_socket_path, cache_ttl=60))
