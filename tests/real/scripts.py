"""Servers as a program of the user's starts them, one function each: SERVER PLACE...

Each enables TCP_SAVE_SYN on its listeners itself.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Any

from p0f_middleware import save_syn

from ..servers import BIN
from .app import asgi, wsgi


def listener(port: str) -> socket.socket:
    """A listener for IPv4 and IPv6."""
    place = ("::", int(port))
    sock = socket.create_server(place, family=socket.AF_INET6, dualstack_ipv6=True)
    save_syn(sock)
    return sock


def serve(servers: list[Any]) -> None:
    for server in servers:
        if server.socket.family != socket.AF_UNIX:
            save_syn(server.socket)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
    thread.join()  # a program whose main thread has ended starts no more threads


def werkzeug(*places: str) -> None:
    from werkzeug.serving import make_server

    hosts = [place.rsplit(":", 1) for place in places]
    serve([make_server(host, int(port), wsgi, threaded=True) for host, port in hosts])


def wsgiref(v4: str, dual: str) -> None:
    from wsgiref.simple_server import WSGIServer, make_server

    class IPv6Server(WSGIServer):
        address_family = socket.AF_INET6

    both = (v4.rsplit(":", 1), WSGIServer), (dual.rsplit(":", 1), IPv6Server)
    serve([make_server(host, int(port), wsgi, kind) for (host, port), kind in both])


def own_waitress(port: str) -> None:
    from waitress import serve

    serve(wsgi, sockets=[listener(port)])


def own_cheroot(port: str) -> None:
    from cheroot.wsgi import Server

    server = Server(("::", int(port)), wsgi)
    server.prepare()
    save_syn(server.socket)
    server.serve()


def own_gevent(port: str) -> None:
    from gevent.pywsgi import WSGIServer  # type: ignore[import-untyped]

    server = WSGIServer(("::", int(port)), wsgi, log=None)
    server.start()
    save_syn(server.socket)
    server.serve_forever()


def own_uvicorn(port: str) -> None:
    import asyncio

    from uvicorn import Config, Server

    server = Server(Config(asgi, log_level="warning"))
    asyncio.run(server.serve(sockets=[listener(port)]))


def hand_over(port: str, program: str, *arguments: str) -> None:
    """Become a server that takes its listener as a file descriptor."""
    sock = listener(port)
    sock.set_inheritable(True)
    arguments = tuple(argument.replace("FD", str(sock.fileno())) for argument in arguments)
    os.execv(BIN / program, [program, *arguments])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
