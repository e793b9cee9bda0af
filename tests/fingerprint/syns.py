"""SYN packets made by hand: the bytes TCP_SAVED_SYN gives (IP header, TCP header, options), any
field as odd as a test wants.

Nothing here knows how a SYN is matched. Lengths and checksums: the IP length is right unless a test
sets it; the checksums are zero, because neither p0f nor the matcher reads them.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

SYN, ACK, RST, FIN, PUSH, URG, ECE, CWR = 0x02, 0x10, 0x04, 0x01, 0x08, 0x20, 0x40, 0x80
DF = 0x4000


def options(layout: str, *, mss: int = 1460, scale: int = 7, own: int = 1, peer: int = 0) -> bytes:
    """The option bytes of a layout in p0f's notation; ``eol+n`` is followed by n zero bytes."""
    known = {
        "nop": b"\x01",
        "mss": struct.pack("!BBH", 2, 4, mss & 0xFFFF),
        "ws": struct.pack("!BBB", 3, 3, scale),
        "sok": b"\x04\x02",
        "sack": b"\x05\x0a" + bytes(8),
        "ts": struct.pack("!BBII", 8, 10, own, peer),
    }
    encoded = b""
    for option in filter(None, layout.split(",")):
        if option.startswith("eol+"):
            encoded += bytes(1 + int(option[4:]))
        elif option.startswith("?"):
            encoded += bytes((int(option[1:]), 2))
        else:
            encoded += known[option]
    return encoded


def tcp(
    option_bytes: bytes,
    *,
    window: int = 64240,
    sport: int = 40000,
    seq: int = 0x12345678,
    ack: int = 0,
    flags: int = SYN,
    reserved: int = 0,
    urgent: int = 0,
    doff: int | None = None,
) -> bytes:
    """A TCP header; *option_bytes* are used as they are, *doff* (in words) defaults to their
    rounded-up length.
    """
    padded = option_bytes + bytes(-len(option_bytes) % 4)
    words = 5 + len(padded) // 4 if doff is None else doff
    head = struct.pack(
        "!HHIIBBHHH", sport, 80, seq, ack, (words & 15) << 4 | reserved, flags, window, 0, urgent
    )
    return head + padded


def ipv4(
    segment: bytes,
    *,
    ttl: int = 64,
    ident: int = 0x1234,
    fragment: int = DF,
    tos: int = 0,
    source: str = "10.1.2.3",
    ip_options: bytes = b"",
    total: int | None = None,
    protocol: int = 6,
) -> bytes:
    """An IPv4 packet around *segment*; *fragment* holds the flags and the fragment offset."""
    header_length = 20 + len(ip_options)
    length = header_length + len(segment) if total is None else total
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | header_length // 4, tos, length, ident, fragment, ttl, protocol, 0,
        ip_address(source).packed, ip_address("10.9.9.9").packed,
    )  # fmt: skip
    return head + ip_options + segment


def ipv6(
    segment: bytes,
    *,
    ttl: int = 64,
    flow: int = 0,
    traffic_class: int = 0,
    source: str = "fd00::1",
    payload: int | None = None,
    next_header: int = 6,
) -> bytes:
    """An IPv6 packet around *segment*; *flow* is the 20-bit flow label."""
    length = len(segment) if payload is None else payload
    first = 6 << 28 | traffic_class << 20 | flow
    head = struct.pack("!IHBB", first, length, next_header, ttl)
    return head + ip_address(source).packed + ip_address("fd00::99").packed + segment
