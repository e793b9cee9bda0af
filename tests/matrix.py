"""The servers that p0f_middleware is tested with, and how a user starts them.

The table in docs/maintaining.md has the same names in the same order; `python -m
tests.compatibility` writes it.
"""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from dataclasses import dataclass
from typing import Literal, NamedTuple

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
    """One way to run a web server, and what is known of how it hands over its clients.

    Attributes:
        name: what the manual calls it.
        command: its command line, with {listen} for where to listen.
        options: where to listen.
        package: its distribution; None for the standard library.
        protocols: the types of scope it has, or "wsgi".
        mapped: what it says of an IPv4 client of an IPv6 socket; None if its socket for all
            addresses takes IPv6 clients only.
        unix: whether it listens on Unix sockets.
        unix_peer: what it says of the peer there.
        needs_for_proxy: an option of `command` without which it keeps X-Forwarded-For to itself.
    """

    name: str
    command: str
    options: Options
    package: str | None
    protocols: Literal["wsgi", "http", "http, websocket"]
    mapped: str | None = "::ffff:127.0.0.1"
    unix: bool = True
    unix_peer: str | None = None
    needs_for_proxy: str | None = None

    @property
    def version(self) -> str:
        """The installed version.

        Raises:
            PackageNotFoundError: it is not installed.
        """
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
    return Server(name, command, GUNICORN, "gunicorn", "wsgi", unix_peer="")


def _uvicorn(name: str, arguments: str, mapped: str | None = None) -> Server:
    command = f"uvicorn {arguments} {{listen}} {ASGI}"
    return Server(name, command, UVICORN, "uvicorn", "http, websocket", mapped)


def _hypercorn(name: str, arguments: str) -> Server:
    command = f"hypercorn {arguments} {{listen}} {ASGI}"
    return Server(name, command, GUNICORN, "hypercorn", "http, websocket")


SERVERS = [
    _gunicorn("gunicorn, sync", "-k sync -w 2"),
    _gunicorn("gunicorn, gthread", "-k gthread --threads 4"),
    _gunicorn("gunicorn, gevent", "-k gevent"),
    _gunicorn("gunicorn, --preload", "--preload -w 2"),
    _gunicorn("gunicorn, --max-requests", "--max-requests 2"),
    Server(
        "uWSGI",
        f"uwsgi --master --die-on-term --need-app {{listen}} --home {_HOME} --module {WSGI}",
        UWSGI,
        "pyuwsgi",
        "wsgi",
        mapped="127.0.0.1",
        unix_peer="0.0.0.0",
    ),
    Server(
        "waitress",
        f"waitress-serve --no-clear-untrusted-proxy-headers {{listen}} {WSGI}",
        WAITRESS,
        "waitress",
        "wsgi",
        mapped=None,
        unix_peer="localhost",
        needs_for_proxy="--no-clear-untrusted-proxy-headers",
    ),
    Server(
        "Werkzeug",
        f"{_PYTHON} {shlex.quote(_WERKZEUG)} {{listen}}",
        SCRIPT,
        "werkzeug",
        "wsgi",
        unix_peer="<local>",
    ),
    Server(
        "wsgiref", f"{_PYTHON} {shlex.quote(_WSGIREF)} {{listen}}", SCRIPT, None, "wsgi", unix=False
    ),
    Server(
        "Granian, WSGI",
        f"granian --interface wsgi {{listen}} {WSGI}",
        UVICORN,
        "granian",
        "wsgi",
        unix_peer="",
    ),
    _uvicorn("uvicorn, h11", "--http h11 --loop asyncio"),
    _uvicorn("uvicorn, httptools", "--http httptools --loop asyncio"),
    _uvicorn("uvicorn, uvloop", "--loop uvloop"),
    _uvicorn("uvicorn, --workers 2", "--workers 2", "::ffff:127.0.0.1"),
    _uvicorn("uvicorn, --reload", "--reload", "::ffff:127.0.0.1"),
    _hypercorn("Hypercorn, asyncio", "-k asyncio"),
    _hypercorn("Hypercorn, trio", "-k trio"),
    Server("Daphne", f"daphne {{listen}} {ASGI}", DAPHNE, "daphne", "http, websocket"),
    Server(
        "Granian, ASGI",
        f"granian --interface asgi {{listen}} {ASGI}",
        UVICORN,
        "granian",
        "http, websocket",
        unix_peer="",
    ),
]
