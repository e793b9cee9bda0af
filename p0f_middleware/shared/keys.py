"""The store's keys and values. No I/O; the edge and the sources meet here.

    p0f:{192.0.2.1}:54321     the SYNs of the connections from this address and port
    p0f:{192.0.2.1}           the last SYN from this address
    p0f:edge                  the edge that wrote last, for `p0f-middleware doctor`

A SYN is its IP header and its TCP header, as Linux's TCP_SAVED_SYN returns them. So it contains its
sender, and a reader detects a value under a wrong key. Two machines behind a NAT may have the same
address and port at once, to different addresses or ports of the site, so a connection's value is
one SYN for each such destination, the last one first.

Redis Cluster puts keys with the same text in braces into one slot, so one MGET can ask for both.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple

EDGE_KEY = b"p0f:edge"
LONGEST_SYN = 120  # bytes of IPv4's and TCP's longest headers
MOST_DESTINATIONS = 16

_MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4-mapped IPv6 address
_FIN_SYN_RST_ACK, _SYN = 0x17, 0x02


class End(NamedTuple):
    """One end of a connection: its address, packed (4 or 16 bytes), and its TCP port."""

    address: bytes
    port: int


def ends(syn: bytes) -> tuple[End, End] | None:
    """The sender and the destination of a SYN; None if the bytes are not the headers of one."""
    version = syn[0] >> 4 if len(syn) >= 40 else 0
    if version == 4:
        at, source, target = (syn[0] & 15) * 4, syn[12:16], syn[16:20]
    elif version == 6:
        at, source, target = 40, _unmapped(syn[8:24]), _unmapped(syn[24:40])
    else:
        return None
    if at < 20 or len(syn) < at + 20 or syn[at + 13] & _FIN_SYN_RST_ACK != _SYN:
        return None
    ports = syn[at] << 8 | syn[at + 1], syn[at + 2] << 8 | syn[at + 3]
    return End(source, ports[0]), End(target, ports[1])


def sender(syn: bytes) -> End | None:
    both = ends(syn)
    return None if both is None else both[0]


def end_of_headers(packet: bytes) -> int:
    """Where the data of a TCP packet begins; 0 if its IP and TCP headers are cut short."""
    if len(packet) < 40:
        return 0
    tcp = 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4
    end = tcp + (packet[tcp + 12] >> 4) * 4 if len(packet) >= tcp + 20 else 0
    return end if tcp + 20 <= end <= len(packet) else 0


def syns_in(value: bytes) -> list[bytes]:
    """The SYNs in a connection's value. Whatever else is in it is the last of them."""
    syns = []
    while value:
        end = end_of_headers(value) or len(value)
        syns.append(value[:end])
        value = value[end:]
    return syns


def merged(value: bytes, before: bytes) -> bytes:
    """A connection's value: its SYNs, and those to other destinations that were there before."""
    whose = sender(value)
    kept: dict[End, bytes] = {}
    for syn in (*syns_in(value), *syns_in(before)):
        both = ends(syn)
        if both is not None and both[0] == whose:
            kept.setdefault(both[1], syn)
    return b"".join([*kept.values()][:MOST_DESTINATIONS])


@lru_cache(4096)
def pack(address: str) -> bytes:
    """An address, packed as `sender` returns it. Raises ValueError if it is none."""
    try:
        if ":" not in address:
            return socket.inet_pton(socket.AF_INET, address)
        packed = socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        raise ValueError(f"not an IP address: {address!r}") from None
    return _unmapped(packed)


@lru_cache(4096)
def address_key(packed: bytes) -> bytes:
    return b"p0f:{%b}" % text(packed).encode()


def connection_key(packed: bytes, port: int) -> bytes:
    return b"%b:%d" % (address_key(packed), port)


def _unmapped(packed: bytes) -> bytes:
    return packed[12:] if packed[:12] == _MAPPED else packed


def text(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
