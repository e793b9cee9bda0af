"""Connections over the loopback, and visitors by them, for the tests of this folder."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from p0f_middleware._visitor import NoConnection


@contextlib.contextmanager
def connection(
    listener: socket.socket, host: str = "127.0.0.1", source: str | None = None
) -> Iterator[socket.socket]:
    """The server's end of a new connection, which may come from another loopback address."""
    place = host, listener.getsockname()[1]
    with socket.create_connection(place, source_address=(source, 0) if source else None):
        accepted, _ = listener.accept()
        with accepted:
            yield accepted


def no_connection() -> Any:
    raise NoConnection("the server does not expose the request's socket")


@dataclass
class FakeVisitor:
    """A visitor as the middlewares make it, each fact set by hand."""

    peer_address: str | None = None
    peer_port: int | None = None
    address: str | None = None
    port: int | None = None
    behind_proxy: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    find_socket: Callable[[], Any] = no_connection
    connection: object = None
    trusted: frozenset[str] = frozenset()
    http_version: str | None = "1.1"

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def socket(self) -> Any:
        return self.find_socket()

    def server_object(self) -> object | None:
        return self.connection

    def is_trusted(self, address: str | None) -> bool:
        return address in self.trusted


def visitor_by(accepted: socket.socket) -> FakeVisitor:
    """The visitor at the other end of a connection."""
    address, port = accepted.getpeername()[:2]
    return FakeVisitor(
        address, port, address, port, find_socket=lambda: accepted, connection=accepted
    )
