"""Applications behind an edge: what the middleware says of a request, as JSON.

P0F_TEST_SHARED holds the store's URL and the middleware's options.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from p0f_middleware import AsyncSharedSyn, P0fASGIMiddleware, P0fWSGIMiddleware, SharedSyn

OPTIONS: dict[str, Any] = json.loads(os.environ["P0F_TEST_SHARED"])
STORE = OPTIONS.pop("store")


def _body(found: Any, client: object) -> bytes:
    info = found["p0f.info"]
    answer = {
        "status": found["p0f.status"],
        "reason": found["p0f.reason"],
        "info": info and info.as_dict(),
        "pid": os.getpid(),
        "peer": client,
    }
    return json.dumps(answer).encode()


def _wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
    body = _body(environ, environ.get("REMOTE_ADDR"))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = _body(scope, scope["client"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


wsgi = P0fWSGIMiddleware(_wsgi, SharedSyn(STORE), **OPTIONS)
asgi = P0fASGIMiddleware(_asgi, AsyncSharedSyn(STORE), **OPTIONS)
