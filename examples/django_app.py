"""Django in one file: visitors see their own fingerprint, as a page at / and as JSON at /json.

It needs no p0f: on Linux it reads the SYN of each connection. With P0F_SOCKET it asks the p0f that
listens there (its -s). Run it as WSGI or as ASGI, in a copy of the repository:

    pip install . django uvicorn
    python examples/django_app.py
    P0F_SOCKET=/run/p0f/p0f.sock uvicorn --no-proxy-headers --app-dir examples django_app:asgi_app
"""

from __future__ import annotations

import os
import sys

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import Context, Template
from django.urls import path

from p0f_middleware import Syn, p0f_of

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
<h1>{{ info.os_name|default:"A system that p0f does not recognise" }}</h1>
<table>
  {% for label, text in rows.items %}
  <tr><th scope="row">{{ label }}</th><td>{{ text }}</td></tr>
  {% endfor %}
</table>
{% else %}
<h1>No fingerprint</h1>
<p>{{ status.describe }}</p>
{% endif %}
<p>From {{ origin }}. <a href="/json">The same as JSON</a></p>
"""

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1", "[::1]"],
    INSTALLED_APPS=["p0f_middleware"],  # so that `python django_app.py check` looks at the socket
    MIDDLEWARE=["p0f_middleware.django.P0fMiddleware"],
    P0F={"SOURCE": SOCKET or Syn()},
    ROOT_URLCONF=__name__,
    SECRET_KEY="nothing here is signed",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    USE_TZ=True,
)


def page(request: HttpRequest) -> HttpResponse:
    visit = p0f_of(request)
    info, status = visit.info, visit.status
    context = {"info": info, "rows": info and info.describe(), "status": status, "origin": ORIGIN}
    return HttpResponse(Template(PAGE).render(Context(context)))


async def as_json(request: HttpRequest) -> JsonResponse:
    visit = p0f_of(request)
    info, status = visit.info, visit.status
    return JsonResponse({"status": status, "info": info and info.as_dict()})


urlpatterns = [path("", page), path("json", as_json)]

wsgi_app = get_wsgi_application()
asgi_app = get_asgi_application()

if __name__ == "__main__":
    serve = ["runserver", "--noreload", f"127.0.0.1:{os.environ.get('PORT', '8000')}"]
    execute_from_command_line([sys.argv[0], *(sys.argv[1:] or serve)])
