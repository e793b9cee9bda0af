"""The servers that p0f_middleware is tested with, and how a user starts them.

The table in docs/maintaining.md has the same names in the same order; `python -m
tests.compatibility` writes it.
"""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from dataclasses import dataclass
from typing import NamedTuple

from .servers import BIN, Place

WSGI = "tests.real.app:wsgi"
ASGI = "tests.real.app:asgi"


class Options(NamedTuple):
    """How a server is told where to listen."""

    ipv4: str
    every_address: str
    unix: str


GUNICORN = Options("-b 127.0.0.1:{port}", "-b [::]:{port}", "-b unix:{path}")
UWSGI = Options(
    "--http-socket 127.0.0.1:{port}", "--http-socket [::]:{port}", "--http-socket {path}"
)
WAITRESS = Options("--listen=127.0.0.1:{port}", "--listen=[::]:{port}", "--unix-socket={path}")
UVICORN = Options("--host 127.0.0.1 --port {port}", "--host :: --port {port}", "--uds {path}")
DAPHNE = Options("-b 127.0.0.1 -p {port}", "-b :: -p {port}", "-u {path}")
SCRIPT = Options("127.0.0.1 {port}", ":: {port}", "unix://{path} 0")

_WERKZEUG = """
import sys
from werkzeug.serving import run_simple
from tests.real.app import wsgi
run_simple(sys.argv[1], int(sys.argv[2]), wsgi, threaded=True)
"""
_WSGIREF = """
import socket, sys
from wsgiref.simple_server import WSGIServer, make_server
from tests.real.app import wsgi
class IPv6Server(WSGIServer):
    address_family = socket.AF_INET6
host, port = sys.argv[1], int(sys.argv[2])
make_server(host, port, wsgi, IPv6Server if ":" in host else WSGIServer).serve_forever()
"""
_HOME = shlex.quote(sys.prefix)
_PYTHON = f"{shlex.quote(sys.executable)} -c"


@dataclass(frozen=True)
class Server:
    """One way to run a web server, and what is known of how it hands over its clients."""

    name: str  # what the manual calls it
    command: str  # its command line, with {listen} for where to listen
    options: Options
    package: str | None  # its distribution; None for the standard library
    # What it says of an IPv4 client of an IPv6 socket; None if its socket for all addresses takes
    # IPv6 clients only.
    mapped: str | None = "::ffff:127.0.0.1"
    unix: bool = True  # whether it listens on Unix sockets
    unix_peer: str | None = None  # what it says of the peer there
    needs_for_proxy: str | None = None  # without this option it keeps X-Forwarded-For to itself

    @property
    def protocols(self) -> str:
        """The types of scope it has, or "wsgi"."""
        return "http, websocket" if ASGI in self.command else "wsgi"

    @property
    def version(self) -> str:
        """The installed version; PackageNotFoundError if it is not installed."""
        if self.package is None:
            return f"Python {sys.version_info.major}.{sys.version_info.minor}"
        return importlib.metadata.version(self.package)

    def command_line(self, option: str, place: Place) -> list[str]:
        """What to run for it to listen in `place`; `option` is one of its `options`."""
        listen = option.format(port=place, path=place)
        program, *arguments = shlex.split(self.command.replace("{listen}", listen))
        return [str(BIN / program), *arguments]


def _gunicorn(name: str, arguments: str) -> Server:
    command = f"gunicorn {arguments} {{listen}} {WSGI}"
    return Server(f"gunicorn, {name}", command, GUNICORN, "gunicorn", unix_peer="")


def _uvicorn(name: str, arguments: str, mapped: str | None = None) -> Server:
    command = f"uvicorn {arguments} {{listen}} {ASGI}"
    return Server(f"uvicorn, {name}", command, UVICORN, "uvicorn", mapped)


def _granian(interface: str, app: str) -> Server:
    command = f"granian --interface {interface.lower()} {{listen}} {app}"
    return Server(f"Granian, {interface}", command, UVICORN, "granian", unix_peer="")


SERVERS = [
    _gunicorn("sync", "-k sync -w 2"),
    _gunicorn("gthread", "-k gthread --threads 4"),
    _gunicorn("gevent", "-k gevent"),
    _gunicorn("--preload", "--preload -w 2"),
    _gunicorn("--max-requests", "--max-requests 2"),
    Server(
        "uWSGI",
        f"uwsgi --master --die-on-term --need-app {{listen}} --home {_HOME} --module {WSGI}",
        *(UWSGI, "pyuwsgi", "127.0.0.1"),
        unix_peer="0.0.0.0",
    ),
    Server(
        "waitress",
        f"waitress-serve --no-clear-untrusted-proxy-headers {{listen}} {WSGI}",
        *(WAITRESS, "waitress", None),
        unix_peer="localhost",
        needs_for_proxy="--no-clear-untrusted-proxy-headers",
    ),
    Server(
        "Werkzeug",
        f"{_PYTHON} {shlex.quote(_WERKZEUG)} {{listen}}",
        *(SCRIPT, "werkzeug"),
        unix_peer="<local>",
    ),
    Server("wsgiref", f"{_PYTHON} {shlex.quote(_WSGIREF)} {{listen}}", SCRIPT, None, unix=False),
    _granian("WSGI", WSGI),
    _uvicorn("h11", "--http h11 --loop asyncio"),
    _uvicorn("httptools", "--http httptools --loop asyncio"),
    _uvicorn("uvloop", "--loop uvloop"),
    _uvicorn("--workers 2", "--workers 2", "::ffff:127.0.0.1"),
    _uvicorn("--reload", "--reload", "::ffff:127.0.0.1"),
    Server("Hypercorn, asyncio", f"hypercorn {{listen}} {ASGI}", GUNICORN, "hypercorn"),
    Server("Hypercorn, trio", f"hypercorn -k trio {{listen}} {ASGI}", GUNICORN, "hypercorn"),
    Server("Daphne", f"daphne {{listen}} {ASGI}", DAPHNE, "daphne"),
    _granian("ASGI", ASGI),
]
