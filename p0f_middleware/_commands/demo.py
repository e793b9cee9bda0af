"""`p0f-middleware demo`: a page that shows its visitor's fingerprint, through the middleware.

The page is a WSGI application like any other. Signals only set an event here, so that nothing can
interrupt the tidying up: Ctrl-C, however often, leaves no process and no file behind.
"""

from __future__ import annotations

import errno
import json
import logging
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..wsgi import P0fWSGIMiddleware
from .demo_page import render
from .demo_source import Source, open_source

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PORT = 8000
"""Where to serve if nobody asked for a port and it is free."""


def demo(socket_path: str | None, kind: str | None, host: str, port: int | None) -> int:
    """Serve until a signal says stop; returns the exit status.

    Args:
        socket_path: p0f's socket; None to do without.
        kind: the source to use instead, one of `_source.WAYS`; None for the best there is.
        port: 0 for any free one; None for `PORT` or, if that is taken, any free one.
    """
    stop = _stop_signals()
    try:
        server = make_server(host, port)
    except (OSError, OverflowError) as error:
        print(f"p0f-middleware: {_cannot_serve(error, host, port)}", file=sys.stderr)
        return 2
    with server, open_source(server.socket, socket_path=socket_path, kind=kind) as source:
        logging.basicConfig(level=logging.INFO, format="%(message)s")  # p0f is down, or back
        server.set_app(P0fWSGIMiddleware(make_app(source), source.ask))
        _announce(server, host, source)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        stop.wait()
        server.shutdown()
        serving.join()
    return 0


def make_app(source: Source) -> WSGIApplication:
    """The application: the visitor's fingerprint as HTML at / and as JSON at /json."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, kind = "200 OK", "text/html"
        if environ["PATH_INFO"] == "/":
            body = _html(environ, source)
        elif environ["PATH_INFO"] == "/json":
            kind, body = "application/json", _json(environ, source)
        else:
            status, body = "404 Not Found", "There is only / and /json here."
        headers = [("Content-Type", f"{kind}; charset=utf-8"), ("Cache-Control", "no-store")]
        start_response(status, headers)
        return [body.encode()]

    return app


def _html(environ: WSGIEnvironment, source: Source) -> str:
    return render(
        environ["p0f.info"],
        environ["p0f.status"],
        environ["p0f.reason"],
        address=environ["REMOTE_ADDR"],
        origin=source.origin,
        sample_because=source.sample_because,
    )


def _json(environ: WSGIEnvironment, source: Source) -> str:
    info = environ["p0f.info"]
    answer = {
        "sample": source.sample_because is not None,
        "status": environ["p0f.status"],
        "reason": environ["p0f.reason"],
        "info": info and info.as_dict(),
    }
    return json.dumps(answer, indent=2) + "\n"


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _QuietHandler)

    def server_bind(self) -> None:
        """Bind as HTTPServer does, but for asking the DNS what `host` is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def make_server(host: str, port: int | None) -> _Server:
    """A server that is bound, and has no application yet.

    Raises:
        OSError, OverflowError: it cannot be bound to `host` and `port`.
    """
    try:
        return _Server(host, PORT if port is None else port)
    except OSError as error:
        if port is not None or error.errno != errno.EADDRINUSE:
            raise
    return _Server(host, 0)


def _cannot_serve(error: Exception, host: str, port: int | None) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken; name another with --port, or 0 for a free one"
    return f"cannot serve on port {PORT if port is None else port} of {host}: {error}"


def _announce(server: _Server, host: str, source: Source) -> None:
    shown = f"[{host}]" if ":" in host else host
    if source.sample_because is None:
        print(f"Fingerprints come from {source.origin}.")
    else:
        print(f"This shows a sample, not its visitors: {source.sample_because}.")
    print(f"Open http://{shown}:{server.server_port}/ in a browser. Ctrl-C ends it.", flush=True)


def _stop_signals() -> threading.Event:
    """An event that is set by whatever asks this process to end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop
