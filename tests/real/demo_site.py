"""The demo's page as an application for web servers: `wsgi`, and the same page under ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from p0f_middleware import P0fASGIMiddleware, P0fWSGIMiddleware, Syn
from p0f_middleware._commands.demo_app import answer, make_app
from p0f_middleware._commands.demo_page import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

syn = Syn()
ORIGIN = "the SYN that opened this connection"


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    visit = Visit(
        info=scope["p0f.info"],
        status=scope["p0f.status"],
        reason=scope["p0f.reason"],
        claim=scope["p0f.claim"],
        address=scope["client"][0],
        user_agent=headers.get("user-agent"),
        platform=headers.get("sec-ch-ua-platform"),
        url=f"{scope['scheme']}://{headers.get('host', 'localhost')}",
    )
    reply = answer(scope["path"], visit, ORIGIN)
    kind = f"{reply.content_type}; charset=utf-8".encode()
    status = int(reply.status.partition(" ")[0])
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}
    )
    await send({"type": "http.response.body", "body": reply.body.encode()})


wsgi: WSGIApplication = P0fWSGIMiddleware(make_app(ORIGIN), syn)
asgi = P0fASGIMiddleware(asgi_app, syn)
