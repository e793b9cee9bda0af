"""One ASGI application three times: as it is, behind p0f, and behind p0f and a proxy.

The same as `wsgi_site`, and …/peer is there for websockets too.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from p0f_middleware import AsyncP0f, P0fASGIMiddleware
from p0f_middleware.asgi import Receive, Scope, Send


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await websocket(scope, receive, send)
    elif scope["path"].endswith("/peer"):
        await respond(send, 200, [(b"content-type", b"application/json")], [peer(scope)])
    else:
        await page(receive, send)


async def page(receive: Receive, send: Send) -> None:
    digest = hashlib.sha256()
    more = True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-digest", digest.hexdigest().encode()),
    ]
    await respond(send, 409, headers, [f"{n}: {'x' * n}\n".encode() for n in range(100)])


def peer(scope: Scope) -> bytes:
    info = scope.get("p0f.info")
    client = scope.get("client")
    found = {
        "peer": client and client[0],
        "status": scope.get("p0f.status"),
        "os_name": info and info.os_name,
    }
    return json.dumps(found).encode()


async def respond(send: Send, status: int, headers: Any, chunks: list[bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": peer(scope).decode()})
    await send({"type": "websocket.close", "code": 1000})


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def everything(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await bare(scope, receive, send)


p0f = AsyncP0f(os.environ["P0F_SOCKET"], timeout=5)
mounted: dict[str, Any] = {
    "bare": bare,
    "p0f": P0fASGIMiddleware(everything, p0f, grace=5),
    "proxied": P0fASGIMiddleware(everything, p0f, grace=5, trusted_proxies="unix:"),
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    mount = "p0f" if scope["type"] == "lifespan" else scope["path"].split("/")[1]
    await mounted[mount](scope, receive, send)
