"""The servers that p0f_middleware is tested with, and how a user starts them.

The table in docs/maintaining.md has the names of SERVERS in the same order; `python -m
tests.compatibility` writes it.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import NamedTuple

DOORS = {
    "ipv4": ("v4", "127.0.0.1"),
    "mapped": ("dual", "127.0.0.1"),
    "ipv6": ("dual", "::1"),
    "tls": ("tls", "127.0.0.1"),
}
"""Which listener and host to connect to. `mapped` is an IPv4 client of a listener for IPv6."""
_PACKAGES = {"uWSGI": "pyuwsgi", "gevent.pywsgi": "gevent"}


class Server(NamedTuple):
    """One way to run a web server: its commands, each for some of its listeners.

    Attributes:
        name: what the manual calls it.
        traits: the DOORS that it has, "unix" if it listens on a Unix socket as well, and
            once: it takes one request a connection
            websocket: it has them
            prepared: its listeners are enabled as the manual says, and its Syn does not do so
            blind: it does not expose the request's socket
        commands: with {v4}, {dual}, {tls} for ports, {unix} for a path, {cert}, {conf} for files.
    """

    name: str
    traits: list[str]
    commands: list[str]

    @property
    def version(self) -> str:
        """The installed version.

        Raises:
            PackageNotFoundError: it is not installed.
        """
        product = self.name.split(",")[0]
        if product == "wsgiref":
            return f"Python {'.'.join(platform.python_version_tuple()[:2])}"
        return importlib.metadata.version(_PACKAGES.get(product, product))

    @property
    def doors(self) -> list[str]:
        return [door for door in DOORS if door in self.traits]


_MACROS = {
    "WSGI": "tests.real.app:wsgi",
    "ASGI": "tests.real.app:asgi",
    "INSIDE": "tests.real.app:asgi_inside",
    "GUNICORN": "gunicorn -b 127.0.0.1:{v4} -b [::]:{dual} -b unix:{unix}",
    "GUNICORN_TLS": "gunicorn -b 127.0.0.1:{tls} --certfile {cert} --keyfile {cert}",
    "HYPERCORN": "hypercorn -b 127.0.0.1:{tls} --certfile {cert} --keyfile {cert}"
    " --insecure-bind 127.0.0.1:{v4} --insecure-bind [::]:{dual} --insecure-bind unix:{unix}",
    "DAPHNE": r"daphne -e tcp:{v4}:interface=127.0.0.1 -e tcp6:{dual}:interface=\:\:"
    " -e ssl:{tls}:interface=127.0.0.1:privateKey={cert}:certKey={cert} -u {unix}",
    "UVICORN_TLS": "uvicorn --port {tls} --ssl-certfile {cert} --ssl-keyfile {cert}",
    "GRANIAN_TLS": "granian --port {tls} --ssl-certificate {cert} --ssl-keyfile {cert}",
    "UWSGI": f"uwsgi -H {sys.prefix} --need-app --die-on-term",
    "WAITRESS": "waitress-serve --no-clear-untrusted-proxy-headers",
    "SCRIPT": "python -m tests.real.scripts",
    "HAND_OVER": "python -m tests.real.scripts hand_over {dual}",
    "ON_V4": "--port {v4}",
    "ON_DUAL": "--host :: --port {dual}",
    "ON_UNIX": "--uds {unix}",
}


def _servers(table: str) -> list[Server]:
    """From a line with the name and the traits, and the commands in indented lines."""
    found: list[Server] = []
    for line in table.strip().splitlines():
        if line.startswith(" "):
            found[-1].commands.append(" ".join(_MACROS.get(word, word) for word in line.split()))
        else:
            name, _, traits = line.partition(": ")
            found.append(Server(name, traits.split(), []))
    return found


SERVERS = _servers("""
gunicorn, sync: ipv4 mapped ipv6 unix once
    GUNICORN -w 2 WSGI
gunicorn, gthread: ipv4 mapped ipv6 unix
    GUNICORN -k gthread --threads 4 WSGI
gunicorn, gevent: ipv4 mapped ipv6 unix
    GUNICORN -k gevent WSGI
gunicorn, asgi: ipv4 mapped ipv6 unix websocket
    GUNICORN -k asgi ASGI
gunicorn, --preload: ipv4 mapped ipv6 unix once prepared
    GUNICORN --preload -w 2 -c {conf} WSGI
gunicorn, --max-requests: ipv4 mapped ipv6 unix once
    GUNICORN --max-requests 2 WSGI
uWSGI: ipv4 mapped ipv6 unix once
    UWSGI --http-socket 127.0.0.1:{v4} --http-socket [::]:{dual} --http-socket {unix} --module WSGI
waitress: ipv4 ipv6 unix
    WAITRESS --listen=127.0.0.1:{v4} --listen=[::]:{dual} WSGI
    WAITRESS --unix-socket={unix} WSGI
Werkzeug: ipv4 mapped ipv6 unix once prepared
    SCRIPT werkzeug 127.0.0.1:{v4} :::{dual} unix://{unix}:0
wsgiref: ipv4 mapped ipv6 once prepared
    SCRIPT wsgiref 127.0.0.1:{v4} :::{dual}
Granian, WSGI: ipv4 mapped ipv6 unix blind
    granian --interface wsgi ON_V4 WSGI
    granian --interface wsgi ON_DUAL WSGI
    granian --interface wsgi ON_UNIX WSGI
uvicorn, h11: ipv4 ipv6 unix websocket
    uvicorn --http h11 --loop asyncio ON_V4 ASGI
    uvicorn --http h11 --loop asyncio ON_DUAL ASGI
    uvicorn --http h11 --loop asyncio ON_UNIX ASGI
uvicorn, httptools and uvloop: ipv4 ipv6 unix websocket
    uvicorn --http httptools --loop uvloop --ws websockets-sansio ON_V4 ASGI
    uvicorn --http httptools --loop uvloop ON_DUAL ASGI
    uvicorn --http httptools --loop uvloop ON_UNIX ASGI
Hypercorn, asyncio: ipv4 mapped ipv6 tls unix websocket
    HYPERCORN ASGI
Hypercorn, trio: ipv4 mapped ipv6 tls unix websocket
    HYPERCORN -k trio ASGI
Daphne: ipv4 mapped ipv6 tls unix websocket
    DAPHNE ASGI
Granian, ASGI: ipv4 mapped ipv6 tls unix websocket
    granian --interface asgi ON_V4 ASGI
    granian --interface asgi ON_DUAL ASGI
    granian --interface asgi ON_UNIX ASGI
    GRANIAN_TLS --interface asgi ASGI
""")
OTHERS = _servers("""
gunicorn, gthread, TLS: tls
    GUNICORN_TLS -k gthread --threads 4 WSGI
gunicorn, gevent, TLS: tls
    GUNICORN_TLS -k gevent WSGI
gunicorn, asgi, TLS: tls
    GUNICORN_TLS -k asgi ASGI
uvicorn, uvloop, TLS: tls websocket
    UVICORN_TLS --loop uvloop ASGI
uvicorn, asyncio, TLS: tls
    UVICORN_TLS --loop asyncio ASGI
uvicorn, --workers 2: mapped ipv6 websocket
    uvicorn --workers 2 ON_DUAL ASGI
gunicorn, fd: ipv6 once prepared
    HAND_OVER gunicorn -b fd://FD WSGI
uvicorn, --fd: mapped ipv6 prepared
    HAND_OVER uvicorn --fd FD ASGI
Hypercorn, fd: mapped ipv6 prepared
    HAND_OVER hypercorn -b fd://FD ASGI
uvicorn, sockets: mapped ipv6 prepared
    SCRIPT own_uvicorn {dual}
waitress, sockets: mapped ipv6 prepared
    SCRIPT own_waitress {dual}
cheroot: mapped ipv6 prepared
    SCRIPT own_cheroot {dual}
gevent.pywsgi: mapped ipv6 prepared
    SCRIPT own_gevent {dual}
gunicorn, asgi, inside of other middleware: ipv4 websocket
    gunicorn -b 127.0.0.1:{v4} -k asgi INSIDE
uvicorn, inside of other middleware: ipv4 websocket
    uvicorn ON_V4 INSIDE
Hypercorn, inside of other middleware: ipv4 websocket
    hypercorn -b 127.0.0.1:{v4} INSIDE
Daphne, inside of other middleware: ipv4
    daphne -p {v4} INSIDE
Granian, inside of other middleware: ipv4 blind
    granian --interface asgi ON_V4 INSIDE
uWSGI, router: ipv4 blind
    UWSGI --http 127.0.0.1:{v4} --module WSGI
uvicorn, any proxy: ipv4
    uvicorn --forwarded-allow-ips * ON_V4 ASGI
Daphne, proxy headers: ipv4
    daphne --proxy-headers -p {v4} ASGI
""")
"""What the manual's table does not have. The last two trust whatever header a client sends."""
