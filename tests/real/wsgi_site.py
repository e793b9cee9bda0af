"""One WSGI application three times: as it is, behind p0f, and behind p0f and a proxy.

/bare, /p0f and /proxied are served alike; what stands under them tells how a server hands over its
clients (…/peer) and a response that no middleware may change (…/page).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from p0f_middleware import P0f, P0fWSGIMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def bare(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"].endswith("/peer"):
        return peer(environ, start_response)
    digest = hashlib.sha256(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    start_response(
        "409 Conflict of a Kind",
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("X-Digest", digest.hexdigest()),
        ],
    )
    return (f"{n}: {'x' * n}\n".encode() for n in range(100))


def peer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    info = environ.get("p0f.info")
    found = {
        "peer": environ.get("REMOTE_ADDR"),
        "status": environ.get("p0f.status"),
        "os_name": info and info.os_name,
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]


p0f = P0f(os.environ["P0F_SOCKET"], timeout=5)
mounted: dict[str, WSGIApplication] = {
    "bare": bare,
    "p0f": P0fWSGIMiddleware(bare, p0f, grace=5),
    "proxied": P0fWSGIMiddleware(bare, p0f, grace=5, trusted_proxies="unix:"),
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return mounted[environ["PATH_INFO"].split("/")[1]](environ, start_response)
