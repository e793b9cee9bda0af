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

import socket
import struct
from functools import lru_cache
from typing import NamedTuple

EDGE_KEY = b"p0f:edge"
LONGEST_SYN = 120  # bytes of IPv4's and TCP's longest headers
MOST_DESTINATIONS = 16

_MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4-mapped IPv6 address
_PORTS = struct.Struct("!HH")
_FIN_SYN_RST_ACK, _SYN = 0x17, 0x02


class End(NamedTuple):
    """One end of a connection: its address, packed (4 or 16 bytes), and its TCP port."""

    address: bytes
    port: int


class PackedSyn(NamedTuple):
    """A SYN as the store has it: its ends, and its IP and TCP headers."""

    sender: End
    destination: End
    headers: bytes


def read_syn(data: bytes) -> PackedSyn | None:
    """The SYN with which some bytes begin; None if these are not the whole headers of one."""
    version = data[0] >> 4 if len(data) >= 40 else 0
    if version == 4:
        tcp, source, target = (data[0] & 15) * 4, data[12:16], data[16:20]
    elif version == 6:
        tcp, source, target = 40, _unmapped(data[8:24]), _unmapped(data[24:40])
    else:
        return None
    if tcp < 20 or len(data) < tcp + 20 or data[tcp + 13] & _FIN_SYN_RST_ACK != _SYN:
        return None
    end = tcp + (data[tcp + 12] >> 4) * 4
    if not tcp + 20 <= end <= len(data):
        return None
    from_port, to_port = _PORTS.unpack_from(data, tcp)
    return PackedSyn(End(source, from_port), End(target, to_port), data[:end])


def syns_in(value: bytes) -> list[PackedSyn]:
    """The SYNs in a connection's value, up to what is not one."""
    syns = []
    while syn := read_syn(value):
        syns.append(syn)
        value = value[len(syn.headers) :]
    return syns


def merged(value: bytes, before: bytes) -> bytes:
    """A connection's value: its SYNs, and those to other destinations that were there before."""
    syns = syns_in(value + before)
    kept: dict[End, bytes] = {}
    for syn in syns:
        if syn.sender == syns[0].sender:
            kept.setdefault(syn.destination, syn.headers)
    return b"".join([*kept.values()][:MOST_DESTINATIONS])


@lru_cache(4096)
def pack(address: str) -> bytes:
    """An address, packed as in `End`. Raises ValueError if it is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return _unmapped(socket.inet_pton(family, address))
    except OSError:
        raise ValueError(f"not an IP address: {address!r}") from None


@lru_cache(4096)
def address_key(packed: bytes) -> bytes:
    return b"p0f:{%b}" % text(packed).encode()


def connection_key(packed: bytes, port: int) -> bytes:
    return b"%b:%d" % (address_key(packed), port)


def _unmapped(packed: bytes) -> bytes:
    return packed[12:] if packed[:12] == _MAPPED else packed


def text(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
