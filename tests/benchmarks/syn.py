"""What a request costs through Syn, part by part: `python -m tests.benchmarks.syn [CONNECTIONS]`.

Each figure is the median over new connections on the loopback, of a shape that was seen before, in
microseconds; the first request of each connection, and later ones. Needs Linux, and no p0f.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from p0f_middleware import P0fWSGIMiddleware, Syn, save_syn
from p0f_middleware._request.proxies import ProxyRules
from p0f_middleware._request.visitor import WSGIVisitor
from p0f_middleware.fingerprint.fingerprinter import fingerprinter
from p0f_middleware.syn.kernel import read_saved_syn
from p0f_middleware.syn.servers import wsgi_object

Part = Callable[[dict[str, Any]], object]
RULES = ProxyRules()


@contextlib.contextmanager
def connections(count: int) -> Iterator[list[dict[str, Any]]]:
    """The environ of a request by each of so many new connections, as gunicorn makes it."""
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:
        save_syn(listener)
        environs = []
        for _ in range(count):
            stack.enter_context(socket.create_connection(listener.getsockname()))
            accepted, (address, port) = listener.accept()
            stack.enter_context(accepted)
            environs.append(
                {"gunicorn.socket": accepted, "REMOTE_ADDR": address, "REMOTE_PORT": str(port)}
            )
        yield environs


def microseconds(part: Part, environs: list[dict[str, Any]]) -> float:
    """The median time of one call, each about another connection."""
    taken = []
    for environ in environs:
        started = time.perf_counter_ns()
        part(environ)
        taken.append(time.perf_counter_ns() - started)
    return median(taken) / 1000


def visitor(environ: dict[str, Any]) -> WSGIVisitor:
    return WSGIVisitor(environ, RULES)


def peer(environ: dict[str, Any]) -> object:
    sender = visitor(environ)
    return sender.behind_proxy, sender.peer_address, sender.peer_port


def first_requests(syn: Syn) -> dict[str, Part]:
    """Parts that have to see a connection first, each by connections of its own."""
    middleware = P0fWSGIMiddleware(lambda environ, start_response: [], syn)

    def start_response(*_: object) -> Any:
        """As a server's, which is not called."""

    return {
        "the SYN from the kernel": lambda environ: read_saved_syn(environ["gunicorn.socket"]),
        "Syn, all of it": lambda environ: syn.fingerprint(visitor(environ), 0.0),
        "P0fWSGIMiddleware(app, Syn()), all of it": lambda environ: middleware(
            environ, start_response
        ),
    }


def other_parts(syn: Syn, packet: bytes) -> dict[str, Part]:
    """Parts that do not change what they look at."""
    read = fingerprinter().read
    return {
        "the clock, read twice": lambda environ: None,
        "a visitor and its peer": peer,
        "the connection's object": wsgi_object,
        "reading and matching": lambda environ: read(packet, 1),
        "Syn, a later request": lambda environ: syn.fingerprint(visitor(environ), 0.0),
    }


def main(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 3 * count + 100), hard), hard))
    syn = Syn(arm=False)
    for environ_count in (50, count):  # the first warms up
        figures: dict[str, float] = {}
        for name, part in first_requests(syn).items():
            with connections(environ_count) as environs:
                figures[f"first: {name}"] = microseconds(part, environs)
        with connections(environ_count) as environs:
            packet = read_saved_syn(environs[0]["gunicorn.socket"])
            for environ in environs[1:]:
                syn.fingerprint(visitor(environ), 0.0)
            for name, part in other_parts(syn, packet).items():
                figures[name] = microseconds(part, environs[1:])
    for name, figure in figures.items():
        print(f"{figure:7.2f} us  {name}")
    started = time.perf_counter_ns()
    gc.collect()
    print(f"{(time.perf_counter_ns() - started) / 1000:7.0f} us  a garbage collection of all of it")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
