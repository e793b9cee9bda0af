"""`p0f-middleware demo`: serve a page that shows its visitor's fingerprint, through the middleware.

The main thread waits for a signal while `serve_forever` runs in a second thread, and each request
in a daemon thread of its own, which holds nothing that must be closed.
"""

import argparse
import contextlib
import json
import logging
import signal
import socket
import socketserver
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..claim import check_claim
from ..syn.kernel import save_syn
from ..wsgi import P0fWSGIMiddleware
from .demo_page import render
from .terminal import add_source_options, fail, printable, source_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_BROWSER = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BROWSER}"
MACOS = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_BROWSER}"


def add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Serve a page that shows its visitor's fingerprint, and /json. Without an option it reads"
        " the SYN that Linux keeps of each connection. Ctrl-C ends it."
    )
    add_source_options(parser)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to serve on (default: %(default)s); 0.0.0.0 lets other devices visit",
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="the port to serve on (default: %(default)s)"
    )


def demo(options: argparse.Namespace) -> int:
    try:
        server = DemoServer(options.host, options.port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        return fail(
            f"cannot serve on port {options.port} of {options.host} ({why}): name another --port (0"
            " for a free one), or another --host"
        )
    source = source_of(options, "P0F_SOURCE", "P0F_SOCKET", "P0F_STORE") or "syn"
    with server:
        try:
            server.set_app(P0fWSGIMiddleware(make_app(origin_of(source)), source))
            if source == "syn":
                save_syn(server.socket)
        except (OSError, ValueError, ImportError) as error:
            return fail(str(error))
        logging.basicConfig(level=logging.INFO, format="%(message)s")  # p0f is down, or back
        serving = threading.Thread(target=server.serve_forever)
        # Blocked, in the threads that start now too, signals wait and interrupt no cleanup
        signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        serving.start()
        print(f"Fingerprints come from {printable(origin_of(source))}.")
        print(f"Open {url_of(server, options.host)} in a browser. Ctrl-C ends it.", flush=True)
        signal.sigwait(signals)
        server.shutdown()
        serving.join()
    return 0


class DemoServer(socketserver.ThreadingMixIn, WSGIServer):
    """wsgiref's server with a thread for each request, for IPv4 or IPv6."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _QuietHandler)

    def server_bind(self) -> None:
        # HTTPServer's own would ask the DNS for the name of the host
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Do not log requests."""


def origin_of(source: str) -> str:
    if source == "syn":
        return "the SYN that opened this connection, without p0f"
    if "://" in source:  # which may have a password in it
        return "the SYNs that an edge has shared through a store"
    return f"p0f at {source}"


def url_of(server: DemoServer, host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # no address to open: name the one that others reach
        host, family = socket.gethostname(), server.address_family
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Nothing is sent; connecting chooses the address of the default route.
            probe.connect(("2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1", 9))
            host = probe.getsockname()[0]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{server.server_port}/"


def make_app(origin: str) -> "WSGIApplication":
    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/json":
            info, claim = environ["p0f.info"], environ["p0f.claim"]
            answer = {"status": environ["p0f.status"], "reason": environ["p0f.reason"]}
            answer |= {"claim": claim.as_dict(), "info": info and info.as_dict()}
            kind, body = "application/json", json.dumps(answer, indent=2) + "\n"
        else:
            lie = environ["PATH_INFO"] == "/lie"
            kind = "text/html"
            body = render(_lying(environ) if lie else environ, origin, lie=lie)
        headers = [("Content-Type", f"{kind}; charset=utf-8"), ("Cache-Control", "no-store")]
        start_response("200 OK", headers)
        return [body.encode()]

    return app


def _lying(environ: "WSGIEnvironment") -> "WSGIEnvironment":
    """The same request with the User-Agent of another system, which the visitor did not send."""
    lie = MACOS if environ["p0f.claim"].seen == "Windows" else WINDOWS
    claim = check_claim(environ["p0f.info"], lie)
    return environ | {"HTTP_USER_AGENT": lie, "HTTP_SEC_CH_UA_PLATFORM": "", "p0f.claim": claim}
