"""Pyramid: visitors see their own fingerprint, as a page at / and as JSON at /json.

It needs no p0f: on Linux it reads the SYN of each connection. With P0F_SOCKET it asks the p0f that
listens there (its -s). In a copy of the repository:

    pip install . pyramid waitress
    python examples/pyramid_app.py
    P0F_SOCKET=/run/p0f/p0f.sock python examples/pyramid_app.py
"""

from __future__ import annotations

import os
from html import escape
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from waitress import serve

from p0f_middleware import P0fWSGIMiddleware, Syn, p0f_of

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


def page(request: Request) -> Response:
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
    return Response(PAGE.format(title=escape(title), content=content, origin=escape(ORIGIN)))


def as_json(request: Request) -> dict[str, Any]:
    visit = p0f_of(request)
    info, status = visit.info, visit.status
    return {"status": status, "info": info and info.as_dict()}


with Configurator() as config:
    config.add_route("page", "/")
    config.add_route("json", "/json")
    config.add_view(page, route_name="page")
    config.add_view(as_json, route_name="json", renderer="json")
    app = P0fWSGIMiddleware(config.make_wsgi_app(), SOCKET or Syn())

if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
