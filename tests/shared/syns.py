"""SYNs of different systems from any address and port, as TCP_SAVED_SYN and the edge write them."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from p0f_middleware._visitor import NoConnection

LINUX = bytes.fromhex("020405b40402080a000000010000000001030307"), 64240, 64
WINDOWS = bytes.fromhex("020405b40103030801010402"), 64240, 128


@dataclass(frozen=True)
class FakeVisitor:
    """A visitor with the properties that these sources use."""

    address: str | None
    port: int | None = None
    headers: dict[str, str] | None = None  # of a request behind a trusted proxy
    own_end: tuple[str, int] | None = None
    http_version: str | None = "1.1"

    @property
    def behind_proxy(self) -> bool:
        return self.headers is not None

    def header(self, name: str) -> str | None:
        return (self.headers or {}).get(name)

    def socket(self) -> FakeVisitor:
        if self.own_end is None:
            raise NoConnection
        return self

    def getsockname(self) -> tuple[str, int] | None:
        return self.own_end


def syn(
    address: str,
    port: int,
    system: tuple[bytes, int, int] = LINUX,
    to: int = 443,
    at: str = "127.0.0.1",
) -> bytes:
    """The IP and TCP headers of a SYN to a port at an address (with IPv6, at ::1)."""
    options, window, ttl = system
    size = 20 + len(options)
    tcp = struct.pack("!HHIIBBHHH", port, to, 1, 0, size // 4 << 4, 2, window, 0, 0) + options
    if ":" in address:
        head = struct.pack("!IHBB", 0x60000000, size, 6, ttl)
        return head + socket.inet_pton(socket.AF_INET6, address) + bytes(15) + b"\1" + tcp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 1, 0x4000, ttl, 6, 0)
    return head + socket.inet_aton(address) + socket.inet_aton(at) + tcp
