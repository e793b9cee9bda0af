"""Starlette: visitors see their own fingerprint, as a page at / and as JSON at /json.

It needs no p0f: on Linux it reads the SYN of each connection. With P0F_SOCKET it asks the p0f that
listens there (its -s). In a copy of the repository:

    pip install . starlette uvicorn
    python examples/starlette_app.py
    P0F_SOCKET=/run/p0f/p0f.sock python examples/starlette_app.py
"""

from __future__ import annotations

import os
from html import escape

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from p0f_middleware import P0fASGIMiddleware, Syn, p0f_of

SOCKET = os.environ.get("P0F_SOCKET")
ORIGIN = f"p0f at {SOCKET}" if SOCKET else "the SYN of each connection: P0F_SOCKET is not set"
print(f"Fingerprints come from {ORIGIN}.", flush=True)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your fingerprint</title>
<style>
  :root {{ color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif; }}
  body {{ max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }}
  th {{ padding-right: 2rem; text-align: left; font-weight: normal; opacity: .7; }}
</style>
<h1>{title}</h1>
{content}
<p>From {origin}. <a href="/json">The same as JSON</a></p>
"""


async def page(request: Request) -> HTMLResponse:
    visit = p0f_of(request)
    info, status = visit.info, visit.status
    if info is None:
        title, content = "No fingerprint", f"<p>{escape(status.describe())}</p>"
    else:
        title = info.os_name or "A system that p0f does not recognise"
        rows = "".join(
            f'<tr><th scope="row">{escape(label)}</th><td>{escape(text)}</td></tr>'
            for label, text in info.describe().items()
        )
        content = f"<table>{rows}</table>"
    return HTMLResponse(PAGE.format(title=escape(title), content=content, origin=escape(ORIGIN)))


async def as_json(request: Request) -> JSONResponse:
    visit = p0f_of(request)
    info, status = visit.info, visit.status
    return JSONResponse({"status": status, "info": info and info.as_dict()})


app = Starlette(
    routes=[Route("/", page), Route("/json", as_json)],
    middleware=[Middleware(P0fASGIMiddleware, source=SOCKET or Syn())],
)

if __name__ == "__main__":
    # Behind a proxy, name it in the middleware's trusted_proxies. By itself Uvicorn would believe
    # X-Forwarded-For of whoever connects from this machine.
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")), proxy_headers=False)
