"""Starlette: visitors see their own fingerprint, as a page at / and as JSON at /json.

Run it while p0f listens on that socket (its -s):

    pip install p0f-middleware starlette uvicorn
    P0F_SOCKET=/run/p0f/p0f.sock python starlette_app.py
"""

from __future__ import annotations

import os
import sys
from html import escape

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from p0f_middleware import P0fASGIMiddleware

SOCKET = os.environ.get("P0F_SOCKET") or sys.exit(
    "Set P0F_SOCKET to the path of p0f's API socket, the one after its -s."
)

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
<p><a href="/json">The same as JSON</a></p>
"""


async def page(request: Request) -> HTMLResponse:
    info, status = request.scope["p0f.info"], request.scope["p0f.status"]
    if info is None:
        title, content = "No fingerprint", f"<p>{escape(status.describe())}</p>"
    else:
        title = info.os_name or "A system that p0f does not recognise"
        rows = "".join(
            f'<tr><th scope="row">{escape(label)}</th><td>{escape(text)}</td></tr>'
            for label, text in info.describe().items()
        )
        content = f"<table>{rows}</table>"
    return HTMLResponse(PAGE.format(title=escape(title), content=content))


async def as_json(request: Request) -> JSONResponse:
    info, status = request.scope["p0f.info"], request.scope["p0f.status"]
    return JSONResponse({"status": status, "info": info and info.as_dict()})


app = Starlette(
    routes=[Route("/", page), Route("/json", as_json)],
    middleware=[Middleware(P0fASGIMiddleware, source=SOCKET)],
)

if __name__ == "__main__":
    # Behind a proxy, name it in the middleware's trusted_proxies. By itself Uvicorn would believe
    # X-Forwarded-For of whoever connects from this machine.
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")), proxy_headers=False)
