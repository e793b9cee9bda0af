"""`p0f-middleware demo`: serve a page that shows its visitor's fingerprint, through the middleware.

The page is a WSGI application like any other (`demo_app`); this module is the server around it. The
fact a reader would get wrong: no signal handler raises, so that no signal can interrupt the
cleanup. Ctrl-C, however often it is pressed, leaves no process and no file behind.

Theory of operation: the main thread waits for a signal; `serve_forever` runs in a second thread,
and each request in a thread of its own. For each signal, Python writes a byte to a socket
(`set_wakeup_fd`), and the main thread reads it. A handler that set a threading.Event might run
while the main thread, or the handler of an earlier signal, holds the event's lock: a deadlock.
After the first signal, all others are ignored; the main thread stops the server, waits for the
second thread, and closes the source, which ends the demo's p0f and removes its folder. Request
threads are daemon threads, and hold nothing that must be closed.
"""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import socket
import socketserver
import threading
from collections.abc import Callable
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..wsgi import P0fWSGIMiddleware
from .demo_app import make_app
from .demo_source import SOURCE_MAKERS, DemoSource, open_source
from .terminal import add_socket_option, fail, printable

PORT = 8000
"""The port to serve on if the user names none and this one is free."""
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to argparse."""
    parser.description = (
        "Serve a page that shows its visitor's fingerprint, and /json. It asks the p0f at --socket"
        " or, without one, reads the SYN that Linux keeps of each connection. Ctrl-C ends it."
    )
    add_socket_option(parser)
    parser.add_argument(
        "--source",
        choices=tuple(SOURCE_MAKERS),
        help="use another source: read SYNs, start a p0f (as root), or show a sample host",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to serve on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=int,
        help=f"the port to serve on (default: {PORT}, or any free one if it is taken)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command with its parsed options; returns the exit status."""
    return demo(options.socket, options.source, options.host, options.port)


def demo(socket_path: str | None, kind: str | None, host: str, port: int | None) -> int:
    """Serve until a signal ends it; returns the exit status.

    Args:
        socket_path: the path of p0f's socket; None to use another source.
        kind: the source to use instead, a key of `SOURCE_MAKERS`; None for the first that works.
        host: the address to serve on.
        port: 0 for any free one; None for `PORT` or, if that is taken, any free one.
    """
    try:
        server = make_server(host, port)
    except (OSError, OverflowError) as error:
        return fail(_cannot_serve(error, host, port))
    wait_for_signal = _expect_signals()
    with server, open_source(server.socket, socket_path=socket_path, kind=kind) as source:
        logging.basicConfig(level=logging.INFO, format="%(message)s")  # p0f is down, or back
        server.set_app(P0fWSGIMiddleware(make_app(source), source.source))
        _announce(server, host, source)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        wait_for_signal()
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


def _cannot_serve(error: Exception, host: str, port: int | None) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: name another with --port, or 0 for a free one"
    return f"cannot serve on port {PORT if port is None else port} of {host}: {error}"


def _announce(server: DemoServer, host: str, source: DemoSource) -> None:
    shown = f"[{host}]" if ":" in host else host
    if source.sample_because is None:
        print(f"Fingerprints come from {printable(source.origin)}.")
    else:
        print(f"This shows a sample, not its visitors: {printable(source.sample_because)}.")
    print(f"Open http://{shown}:{server.server_port}/ in a browser. Ctrl-C ends it.", flush=True)


def _expect_signals() -> Callable[[], None]:
    """Set up signal handlers; returns a function that waits for the first signal to end.

    A signal that arrives before that function is called counts. Later signals are ignored.
    """
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    waiting, waking = socket.socketpair()
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        waiting.recv(1)
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        waiting.close()
        waking.close()

    return wait
