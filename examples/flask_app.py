"""Flask: visitors see their own fingerprint, as a page at / and as JSON at /json.

Run it while p0f listens on that socket (its -s):

    pip install p0f-middleware flask
    P0F_SOCKET=/run/p0f/p0f.sock python flask_app.py
"""

from __future__ import annotations

import os
import sys

from flask import Flask, Response, jsonify, render_template_string, request

from p0f_middleware import P0fWSGIMiddleware

SOCKET = os.environ.get("P0F_SOCKET") or sys.exit(
    "Set P0F_SOCKET to the path of p0f's API socket, the one after its -s."
)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your fingerprint</title>
<style>
  :root { color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif; }
  body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
  th { padding-right: 2rem; text-align: left; font-weight: normal; opacity: .7; }
</style>
{% if info %}
<h1>{{ info.os_name or "A system that p0f does not recognise" }}</h1>
<table>
  {% for label, text in info.describe().items() %}
  <tr><th scope="row">{{ label }}</th><td>{{ text }}</td></tr>
  {% endfor %}
</table>
{% else %}
<h1>No fingerprint</h1>
<p>{{ status.describe() }}</p>
{% endif %}
<p><a href="/json">The same as JSON</a></p>
"""

app = Flask(__name__)
app.wsgi_app = P0fWSGIMiddleware(app.wsgi_app, SOCKET)  # type: ignore[method-assign]


@app.get("/")
def page() -> str:
    info, status = request.environ["p0f.info"], request.environ["p0f.status"]
    return render_template_string(PAGE, info=info, status=status)


@app.get("/json")
def as_json() -> Response:
    info, status = request.environ["p0f.info"], request.environ["p0f.status"]
    return jsonify(status=status, info=info and info.as_dict())


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8000")))
