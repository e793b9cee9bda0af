"""The least that an application can do, for the middlewares to be seen beside it.

Servers are started with `P0F_SOCKET` in their environment and the name of one of these, such as
"asgi_app" or "p0f_asgi_app".
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


SETTINGS: dict[str, dict[str, Any]] = {
    "p0f_": {},
    "p0f_hold_0_": {"hold": 0},
    "p0f_no_claims_": {"claims": False},
    "syn_": {},
    "syn_hold_0_": {"hold": 0},
    "syn_no_claims_": {"claims": False},
}


def __getattr__(name: str) -> Any:
    """The wrapped application that a server is told to serve, such as "syn_hold_0_asgi_app".

    It alone is made, so that a server has one source or none: `Syn` enables TCP_SAVE_SYN on the
    listeners of its process, and an idle connection to p0f costs everybody.
    """
    for app, middleware in ((wsgi_app, P0fWSGIMiddleware), (asgi_app, P0fASGIMiddleware)):
        settings = name.removesuffix(app.__name__)
        if settings != name and settings in SETTINGS:
            source = Syn() if settings.startswith("syn_") else os.environ["P0F_SOCKET"]
            make: Any = middleware
            return make(app, source, **SETTINGS[settings])
    raise AttributeError(name)
