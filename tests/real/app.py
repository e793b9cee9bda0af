"""The application of these tests: `wsgi`, `asgi`, `asgi_inside` say what they are told, as JSON.

Under /bare no middleware is around it, and …/page is a response that none may change.
P0F_TEST_SOURCE is a source as text; without it there is a Syn, with the options in P0F_TEST_SYN,
and under /p0f the p0f at P0F_TEST_SOCKET. P0F_TEST_MIDDLEWARE has the middleware's options, and
P0F_TEST_LOADED the name of a file that is made once this is loaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p0f_middleware import P0fASGIMiddleware, P0fWSGIMiddleware, Syn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

syn = json.loads(os.environ.get("P0F_TEST_SYN", "{}"))
source: Any = os.environ.get("P0F_TEST_SOURCE") or Syn(**syn)
options: dict[str, Any] = json.loads(os.environ.get("P0F_TEST_MIDDLEWARE", "{}"))


PAGE_HEADERS = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
PAGE = [f"{n}: {'x' * n}\n".encode() for n in range(100)]


def outcome(told: Any, peer: str | None) -> bytes:
    info, claim = told["p0f.info"], told["p0f.claim"]
    answer = {
        "pid": os.getpid(),
        "peer": peer,
        "info": info and info.as_dict(),
        "claim": claim and claim.as_dict(),
        "status": told["p0f.status"],
        "reason": told["p0f.reason"],
    }
    return json.dumps(answer).encode()


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"].endswith("/page"):
        digest = sha256(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        start_response("409 Conflict", [*PAGE_HEADERS, ("X-Digest", digest.hexdigest())])
        return (chunk for chunk in PAGE)
    body = outcome(environ, environ.get("REMOTE_ADDR"))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    peer = scope["client"] and scope["client"][0]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": outcome(scope, peer).decode()})
        await receive()  # the client closes: Hypercorn on trio dies if both sides do so at once
    elif scope["path"].endswith("/page"):
        digest, more = sha256(), True
        while more:
            message = await receive()
            digest.update(message.get("body", b""))
            more = message.get("more_body", False)
        await respond(send, 409, [*PAGE_HEADERS, ("X-Digest", digest.hexdigest())], PAGE)
    else:
        body = outcome(scope, peer)
        await respond(send, 200, [("Content-Length", str(len(body)))], [body])


async def respond(
    send: Any, status: int, named: list[tuple[str, str]], chunks: list[bytes]
) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in named]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for chunk in chunks[:-1]:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": chunks[-1]})


def around(middleware: Any, app: Any) -> dict[str, Any]:
    """The application in and out of the middleware, by the first part of the path."""
    asked = os.environ.get("P0F_TEST_SOCKET")
    p0f = {"p0f": middleware(app, asked, timeout=5, grace=5, **options)} if asked else {}
    return {"bare": app, "": middleware(app, source, **options), **p0f}


_wsgi, _asgi = around(P0fWSGIMiddleware, wsgi_app), around(P0fASGIMiddleware, asgi_app)


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    app: WSGIApplication = _wsgi[environ["PATH_INFO"].split("/")[1]]
    return app(environ, start_response)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    await _asgi[scope.get("path", "/").split("/")[1]](scope, receive, send)


async def asgi_inside(scope: Any, receive: Any, send: Any) -> None:
    """The same inside of middleware that wraps `receive` and `send`, as frameworks do."""

    async def wrapped_receive() -> Any:
        return await receive()

    async def wrapped_send(message: Any) -> None:
        await send(message)

    await asgi(scope, wrapped_receive, wrapped_send)


if "P0F_TEST_LOADED" in os.environ:
    Path(os.environ["P0F_TEST_LOADED"]).touch()
