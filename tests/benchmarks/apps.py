"""The least that an application can do, for the middlewares to be seen beside it.

The servers are started with `P0F_SOCKET` in their environment and serve all of them from here.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from p0f_middleware import P0fASGIMiddleware, P0fWSGIMiddleware, Syn

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


def _wrapped(middleware: Callable[..., Any], app: Any) -> dict[str, Any]:
    """The application with each of the settings that are compared, by their names in `web`."""
    path = os.environ.get("P0F_SOCKET", "/nonexistent")
    return {
        "p0f": middleware(app, path),
        "p0f_hold_0": middleware(app, path, hold=0),
        "p0f_no_claims": middleware(app, path, claims=False),
        "syn": middleware(app, Syn()),
        "syn_hold_0": middleware(app, Syn(), hold=0),
        "syn_no_claims": middleware(app, Syn(), claims=False),
    }


# A server is given the name of one of these: "p0f_wsgi_app", "syn_hold_0_asgi_app" and so on. Those
# with Syn are made in the server's process alone, since Syn looks for listeners.
if "P0F_SOCKET" in os.environ:
    for _app, _middleware in (
        (wsgi_app, P0fWSGIMiddleware),
        (asgi_app, P0fASGIMiddleware),
    ):
        for _name, _whole in _wrapped(_middleware, _app).items():
            globals()[f"{_name}_{_app.__name__}"] = _whole
