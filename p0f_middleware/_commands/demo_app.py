"""The demo's application: the visitor's fingerprint as HTML at / and as JSON at /json.

/lie does not change what the visitor sent. It compares this connection's fingerprint with a
User-Agent that the visitor did not send; the command on the page sends one.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..claim import check_claim
from .demo_page import Visit, render

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_BROWSER = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BROWSER}"
MACOS = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_BROWSER}"


class Answer(NamedTuple):
    """A response: the HTTP status such as "200 OK", the content type, and the text."""

    status: str
    content_type: str
    body: str


def make_app(origin: str) -> WSGIApplication:
    """The WSGI application, to be wrapped in the middleware.

    Args:
        origin: where the fingerprints come from, in words.
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "localhost")
        visit = Visit(
            info=environ["p0f.info"],
            status=environ["p0f.status"],
            reason=environ["p0f.reason"],
            claim=environ.get("p0f.claim"),
            address=environ.get("REMOTE_ADDR") or None,
            user_agent=environ.get("HTTP_USER_AGENT"),
            platform=environ.get("HTTP_SEC_CH_UA_PLATFORM"),
            url=f"{environ.get('wsgi.url_scheme', 'http')}://{host}",
        )
        reply = answer(environ.get("PATH_INFO") or "/", visit, origin)
        headers = [
            ("Content-Type", f"{reply.content_type}; charset=utf-8"),
            ("Cache-Control", "no-store"),
        ]
        start_response(reply.status, headers)
        return [reply.body.encode()]

    return app


def answer(path: str, visit: Visit, origin: str) -> Answer:
    """The response to a request for `path`."""
    if path == "/":
        return Answer("200 OK", "text/html", render(visit, origin))
    if path == "/lie":
        return Answer("200 OK", "text/html", _lie(visit, origin))
    if path == "/json":
        reply = {
            "status": visit.status,
            "reason": visit.reason,
            "claim": visit.claim and visit.claim.as_dict(),
            "info": visit.info and visit.info.as_dict(),
        }
        return Answer("200 OK", "application/json", json.dumps(reply, indent=2) + "\n")
    return Answer("404 Not Found", "text/plain", "There is only /, /lie and /json here.\n")


def _lie(visit: Visit, origin: str) -> str:
    """The page for a visitor who sends the User-Agent of another system."""
    user_agent = WINDOWS
    claim = check_claim(visit.info, user_agent)
    if claim.seen == claim.claimed:
        user_agent = MACOS
        claim = check_claim(visit.info, user_agent)
    command = shlex.join(["curl", "-A", user_agent, f"{visit.url}/json"])
    lie = visit._replace(claim=claim, user_agent=user_agent, platform=None)
    return render(lie, origin, command)
