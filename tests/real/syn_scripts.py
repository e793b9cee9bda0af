"""Servers as a program of the user's starts them, one function each: SERVER PORT.

Each arms its listener itself with `save_syn`.
"""

from __future__ import annotations

import os
import socket
import sys

from p0f_middleware import save_syn

from .app import asgi, wsgi


def listener(port: int) -> socket.socket:
    """An armed listener for IPv4 and IPv6."""
    sock = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    save_syn(sock)
    return sock


def own_waitress(port: int) -> None:
    import waitress

    waitress.serve(wsgi, sockets=[listener(port)])


def own_wsgiref(port: int) -> None:
    from wsgiref.simple_server import make_server

    server = make_server("127.0.0.1", port, wsgi)
    save_syn(server.socket)
    server.serve_forever()


def own_werkzeug(port: int) -> None:
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", port, wsgi, threaded=True)
    save_syn(server.socket)
    server.serve_forever()


def own_cheroot(port: int) -> None:
    from cheroot.wsgi import Server

    server = Server(("::", port), wsgi)
    server.prepare()
    save_syn(server.socket)
    server.serve()


def own_gevent(port: int) -> None:
    from gevent.pywsgi import WSGIServer  # type: ignore[import-untyped]

    server = WSGIServer(("127.0.0.1", port), wsgi, log=None)
    server.start()
    save_syn(server.socket)
    server.serve_forever()


def own_uvicorn(port: int) -> None:
    import asyncio

    from uvicorn import Config, Server

    server = Server(Config(asgi, log_level="warning"))
    asyncio.run(server.serve(sockets=[listener(port)]))


def hand_over(port: int, program: str, *arguments: str) -> None:
    """Become a server that takes its listener as a file descriptor."""
    sock = listener(port)
    sock.set_inheritable(True)
    arguments = tuple(argument.replace("FD", str(sock.fileno())) for argument in arguments)
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
