"""The application of these tests: `wsgi`, `asgi`, `asgi_inside` say what they are told, as JSON.

P0F_TEST_SOURCE is a source as text; without it there is a Syn, with the options in P0F_TEST_SYN.
P0F_TEST_MIDDLEWARE has the middleware's options, and P0F_TEST_LOADED the name of a file that is
made once this is loaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p0f_middleware import P0fASGIMiddleware, P0fWSGIMiddleware, Syn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

syn = json.loads(os.environ.get("P0F_TEST_SYN", "{}"))
source: Any = os.environ.get("P0F_TEST_SOURCE") or Syn(**syn)
options: dict[str, Any] = json.loads(os.environ.get("P0F_TEST_MIDDLEWARE", "{}"))


def outcome(told: Any) -> bytes:
    info, claim = told["p0f.info"], told["p0f.claim"]
    answer = {
        "pid": os.getpid(),
        "info": info and info.as_dict(),
        "claim": claim and claim.as_dict(),
        "status": told["p0f.status"],
        "reason": told["p0f.reason"],
    }
    return json.dumps(answer).encode()


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = outcome(environ)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": outcome(scope).decode()})
        await receive()  # the client closes: Hypercorn on trio dies if both sides do so at once
    else:
        body = outcome(scope)
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


wsgi: WSGIApplication = P0fWSGIMiddleware(wsgi_app, source, **options)
asgi = P0fASGIMiddleware(asgi_app, source, **options)


async def asgi_inside(scope: Any, receive: Any, send: Any) -> None:
    """The same inside of middleware that wraps `receive` and `send`, as frameworks do."""

    async def wrapped_receive() -> Any:
        return await receive()

    async def wrapped_send(message: Any) -> None:
        await send(message)

    await asgi(scope, wrapped_receive, wrapped_send)


if "P0F_TEST_LOADED" in os.environ:
    Path(os.environ["P0F_TEST_LOADED"]).touch()
