"""SYNs of different systems from any address and port, as TCP_SAVED_SYN and the edge write them."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

LINUX = bytes.fromhex("020405b40402080a000000010000000001030307"), 64240, 64
WINDOWS = bytes.fromhex("020405b40103030801010402"), 64240, 128


@dataclass(frozen=True)
class FakeVisitor:
    """A visitor with the properties that these sources use."""

    address: str | None
    port: int | None = None


def syn(address: str, port: int, system: tuple[bytes, int, int] = LINUX, to: int = 443) -> bytes:
    """The IP and TCP headers of a SYN."""
    options, window, ttl = system
    size = 20 + len(options)
    tcp = struct.pack("!HHIIBBHHH", port, to, 1, 0, size // 4 << 4, 2, window, 0, 0) + options
    if ":" in address:
        head = struct.pack("!IHBB", 0x60000000, size, 6, ttl)
        return head + socket.inet_pton(socket.AF_INET6, address) + bytes(15) + b"\1" + tcp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 1, 0x4000, ttl, 6, 0)
    return head + socket.inet_aton(address) + bytes((127, 0, 0, 1)) + tcp
