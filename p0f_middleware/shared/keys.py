"""The store's keys, and the sender of a SYN. No I/O; edge and sources share it.

    p0f:{192.0.2.1}:54321     the SYN that opened this connection
    p0f:{192.0.2.1}           the last SYN from this address
    p0f:edge                  the edge that wrote last, for `p0f-middleware doctor`

A value is the SYN itself, its IP header and its TCP header, as Linux's TCP_SAVED_SYN returns it. It
contains its sender, so a reader detects a value under a wrong key.

The fact a reader would get wrong: the braces are part of the key. Redis Cluster puts keys with the
same text in braces into one slot, so that one MGET can ask for both.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple

EDGE_KEY = b"p0f:edge"
LONGEST_SYN = 120
"""Bytes of the longest possible IPv4 and TCP headers."""

_MAPPED = bytes(10) + b"\xff\xff"
"""The first bytes of an IPv4-mapped IPv6 address."""


class Sender(NamedTuple):
    """The sender of a SYN: its address, packed (4 or 16 bytes), and its TCP port."""

    address: bytes
    port: int


def sender(syn: bytes) -> Sender | None:
    """The sender of a SYN; None if the bytes are too short for IP and TCP headers."""
    version = syn[0] >> 4 if len(syn) >= 40 else 0
    if version == 4:
        at, address = (syn[0] & 15) * 4, syn[12:16]
    elif version == 6:
        at, address = 40, syn[8:24]
        if address[:12] == _MAPPED:
            address = address[12:]
    else:
        return None
    if at < 20 or len(syn) < at + 20:
        return None
    return Sender(address, syn[at] << 8 | syn[at + 1])


@lru_cache(4096)
def pack(address: str) -> bytes:
    """An address, packed as `sender` returns it.

    Raises:
        ValueError: it is not an IP address.
    """
    try:
        if ":" not in address:
            return socket.inet_pton(socket.AF_INET, address)
        packed = socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        raise ValueError(f"not an IP address: {address!r}") from None
    return packed[12:] if packed[:12] == _MAPPED else packed


@lru_cache(4096)
def address_key(packed: bytes) -> bytes:
    """The key of the last SYN of an address."""
    return b"p0f:{%b}" % text(packed).encode()


def connection_key(packed: bytes, port: int) -> bytes:
    """The key of the SYN of a connection."""
    return b"%b:%d" % (address_key(packed), port)


def text(packed: bytes) -> str:
    """An address as inet_ntop writes it."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
