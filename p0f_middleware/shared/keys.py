"""What is stored under which name, and who sent a SYN. No I/O; edge and sources share it.

    p0f:{192.0.2.1}:54321     the SYN that opened this connection
    p0f:{192.0.2.1}           the last SYN from this address
    p0f:edge                  who wrote last, for `p0f-middleware doctor`

A value is the SYN itself, its IP header and its TCP header, as Linux's TCP_SAVED_SYN has it. It
names its sender, so a reader notices a value that stands under a wrong name.

The fact a reader would get wrong: the braces are part of the name. Redis Cluster puts names with
the same text in braces into one slot, so that one MGET can ask for both.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple

EDGE_KEY = b"p0f:edge"
LONGEST_SYN = 120
"""Bytes: the longest IPv4 and TCP headers there can be."""

_MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv6 address begins that is an IPv4 address."""


class Sender(NamedTuple):
    """Who sent a SYN: the address, packed (4 or 16 bytes), and the TCP port."""

    address: bytes
    port: int


def sender(syn: bytes) -> Sender | None:
    """Who sent a SYN; None if the bytes are too short for IP and TCP headers."""
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
    """An address as `sender` gives it.

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
    """The name under which the last SYN of an address stands."""
    return b"p0f:{%b}" % text(packed).encode()


def connection_key(packed: bytes, port: int) -> bytes:
    """The name under which the SYN of a connection stands."""
    return b"%b:%d" % (address_key(packed), port)


def text(packed: bytes) -> str:
    """An address as inet_ntop writes it."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
