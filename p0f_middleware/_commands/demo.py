"""`p0f-middleware demo`: serve a page that shows its visitor's fingerprint, through the middleware.

The main thread waits for a signal while `serve_forever` runs in a second thread, and each request
in a daemon thread of its own, which holds nothing that must be closed.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import socket
import socketserver
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..syn import Syn, save_syn
from ..wsgi import P0fWSGIMiddleware
from .demo_app import make_app
from .terminal import Signals, add_source_options, fail, printable, source_option

PORT = 8000
"""The port to serve on if the user names none and this one is free."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
        "--port",
        type=int,
        help=f"the port to serve on (default: {PORT}, or any free one if it is taken)",
    )


def run(options: argparse.Namespace) -> int:
    try:
        server = make_server(options.host, options.port)
    except (OSError, OverflowError) as error:
        return fail(_cannot_serve(error, options.host, options.port))
    with server:
        try:
            source, origin = make_source(source_option(options), server.socket)
        except (OSError, ValueError, ImportError) as error:
            return fail(str(error))
        logging.basicConfig(level=logging.INFO, format="%(message)s")  # p0f is down, or back
        server.set_app(P0fWSGIMiddleware(make_app(origin), source))
        serving = threading.Thread(target=server.serve_forever)
        with contextlib.closing(Signals("SIGINT", "SIGTERM", "SIGHUP")) as signals:
            serving.start()
            print(f"Fingerprints come from {printable(origin)}.")
            print(f"Open {url_of(server, options.host)} Ctrl-C ends it.", flush=True)
            signals.reader.recv(1)
            server.shutdown()
            serving.join()
    return 0


def make_source(named: str | None, listener: socket.socket) -> tuple[Any, str]:
    """The middleware's source for the visitors of `listener`, and where its fingerprints come from.

    Args:
        named: a path, "syn", or the URL of a store; None for "syn".

    Raises:
        OSError: this system does not keep SYNs.
        ValueError, ImportError: the store cannot be used.
    """
    if named is None or named == "syn":
        save_syn(listener)
        return Syn(arm=False), "the SYN that opened this connection, without p0f"
    if "://" in named:
        from ..shared.source import SharedSyn

        return SharedSyn(named), "the SYNs that an edge has shared through a store"
    return named, f"p0f at {named}"


class DemoServer(socketserver.ThreadingMixIn, WSGIServer):
    """wsgiref's server with a thread for each request, for IPv4 or IPv6."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _QuietHandler)

    def server_bind(self) -> None:
        """Bind as HTTPServer does, without asking the DNS for the name of `host`."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Do not log requests."""


def make_server(host: str, port: int | None) -> DemoServer:
    """A bound server without an application.

    Raises:
        OSError, OverflowError: the server cannot bind to `host` and `port`.
    """
    try:
        return DemoServer(host, PORT if port is None else port)
    except OSError as error:
        if port is not None or error.errno != errno.EADDRINUSE:
            raise
    return DemoServer(host, 0)


def url_of(server: DemoServer, host: str) -> str:
    """The server's URL with a hint at who can open it, as a part of a sentence."""
    family, hint = server.address_family, ""
    if host in ("127.0.0.1", "localhost"):
        hint = " (for a phone: --host 0.0.0.0)"
    if host in ("0.0.0.0", "::", ""):  # no address to open: name the one that others reach
        host, hint = socket.gethostname(), ", from a phone too"
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Nothing is sent; connecting chooses the address of the default route.
            probe.connect(("2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1", 9))
            host = probe.getsockname()[0]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{server.server_port}/ in a browser{hint}."


def _cannot_serve(error: Exception, host: str, port: int | None) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: name another with --port, or 0 for a free one"
    return f"cannot serve on port {PORT if port is None else port} of {host}: {error}"
