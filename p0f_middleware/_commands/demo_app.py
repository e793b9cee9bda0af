"""The demo's application: the visitor's fingerprint as HTML at / and as JSON at /json.

`make_app` makes a WSGI application to wrap in the middleware; `answer` makes its responses without
WSGI. This module knows no server and no socket. The fact a reader would get wrong: /lie does not
change what the visitor sent. It compares this connection's fingerprint with a User-Agent that the
visitor did not send, by the same function as the middleware; the command on the page sends one.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ..claim import check_claim
from .demo_page import Pretence, Visit, render
from .demo_source import DemoSource

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/138.0.0.0 Safari/537.36"
)
MACOS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/138.0.0.0 Safari/537.36"
)


class Answer(NamedTuple):
    """A response: the HTTP status such as "200 OK", the content type, and the text."""

    status: str
    content_type: str
    body: str


def make_app(source: DemoSource) -> WSGIApplication:
    """The WSGI application, to be wrapped in `P0fWSGIMiddleware(app, source.source)`."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        reply = answer(environ.get("PATH_INFO") or "/", _visit(environ), source)
        headers = [
            ("Content-Type", f"{reply.content_type}; charset=utf-8"),
            ("Cache-Control", "no-store"),
        ]
        start_response(reply.status, headers)
        return [reply.body.encode()]

    return app


def answer(path: str, visit: Visit, source: DemoSource) -> Answer:
    """The response to a request for `path`."""
    if path == "/":
        return Answer("200 OK", "text/html", render(visit, source))
    if path == "/lie":
        return Answer("200 OK", "text/html", _lie(visit, source))
    if path == "/json":
        return Answer("200 OK", "application/json", _json(visit, source))
    return Answer("404 Not Found", "text/plain", "There is only /, /lie and /json here.\n")


def _visit(environ: WSGIEnvironment) -> Visit:
    return Visit(
        info=environ["p0f.info"],
        status=environ["p0f.status"],
        reason=environ["p0f.reason"],
        claim=environ.get("p0f.claim"),
        address=environ.get("REMOTE_ADDR") or None,
        user_agent=environ.get("HTTP_USER_AGENT"),
        platform=environ.get("HTTP_SEC_CH_UA_PLATFORM"),
        url=f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', 'localhost')}",
    )


def _lie(visit: Visit, source: DemoSource) -> str:
    """The page for a visitor who sends the User-Agent of another system."""
    user_agent = WINDOWS
    claim = check_claim(visit.info, user_agent)
    if claim.seen == claim.claimed:
        user_agent = MACOS
        claim = check_claim(visit.info, user_agent)
    command = shlex.join(["curl", "-A", user_agent, f"{visit.url}/json"])
    return render(
        replace(visit, claim=claim, user_agent=user_agent, platform=None),
        source,
        Pretence(command),
    )


def _json(visit: Visit, source: DemoSource) -> str:
    info, claim = visit.info, visit.claim
    reply = {
        "sample": source.sample_because is not None,
        "status": visit.status,
        "reason": visit.reason,
        "claim": claim and claim.as_dict(),
        "info": info and info.as_dict(),
    }
    return json.dumps(reply, indent=2) + "\n"
