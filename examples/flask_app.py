"""Flask: visitors see their own fingerprint, as a page at / and as JSON at /json.

It needs no p0f: on Linux it reads the SYN of each connection. With P0F_SOCKET it asks the p0f that
listens there (its -s). In a copy of the repository:

    pip install . flask
    python examples/flask_app.py
    P0F_SOCKET=/run/p0f/p0f.sock python examples/flask_app.py
"""

from __future__ import annotations

import os

from flask import Flask, Response, jsonify, render_template_string, request

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
<p>From {{ origin }}. <a href="/json">The same as JSON</a></p>
"""

app = Flask(__name__)
app.wsgi_app = P0fWSGIMiddleware(app.wsgi_app, SOCKET or Syn())  # type: ignore[method-assign]


@app.get("/")
def page() -> str:
    visit = p0f_of(request)
    info, status = visit.info, visit.status
    return render_template_string(PAGE, info=info, status=status, origin=ORIGIN)


@app.get("/json")
def as_json() -> Response:
    visit = p0f_of(request)
    info, status = visit.info, visit.status
    return jsonify(status=status, info=info and info.as_dict())


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8000")))
