"""Reads the bytes of a SYN: its sender, its shape and its options, in p0f's words.

The bytes are as Linux's TCP_SAVED_SYN returns them: IP header, TCP header with options, no data.
Where p0f's README and p0f 3.09b differ, this follows the program. An attacker may choose the bytes,
so reading must end soon, whatever they are.
"""

import re
from struct import Struct
from typing import TypeAlias

_QUIRK_NAMES = (
    *("df", "id+", "id-", "ecn", "0+", "flow"),  # IP
    *("seq-", "ack+", "ack-", "uptr+", "urgf+", "pushf+"),  # TCP
    *("ts1-", "ts2+", "opt+", "exws", "bad"),  # TCP options
)
QUIRKS = {name: 1 << bit for bit, name in enumerate(_QUIRK_NAMES)}  # in the order p0f writes them
OPTION_NAMES = {1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}
MAX_OPTIONS = 24  # that p0f reads in a SYN, and allows in a signature
MAX_DISTANCE = 35  # hops; with more, p0f assumes an unusual initial TTL, or a wrong guess of it
DISTANCES = tuple(  # hops by TTL, counted from the nearest initial TTL that systems use
    next(initial - ttl for initial in (32, 64, 128, 255) if ttl <= initial) for ttl in range(256)
)

# version and header length, TOS, total length, id, flags and fragment offset, TTL, protocol, source
_IPV4 = Struct("!BBHHHBB2x4s")
# version, traffic class and flow label; payload length, next header, hop limit, source
_IPV6 = Struct("!IHBB16s")
# source port, sequence and acknowledgement number, data offset and flags, window, urgent pointer
_TCP = Struct("!H2xIIHH2xH")
_TCP_PROTOCOL = 6
_RESERVED_FLAG, _DONT_FRAGMENT, _FRAGMENT = 0x8000, 0x4000, 0x3FFF

_SYN, _PUSH, _URG, _ECE_CWR_NS = 0x02, 0x08, 0x20, 0x1C0
_KIND = 0x17  # FIN, SYN, RST, ACK
_ODD_FLAGS = _PUSH | _URG | _ECE_CWR_NS

_EOL, _NOP, _MSS, _SCALE, _SACK, _TIMESTAMP = 0, 1, 2, 3, 5, 8
_FIXED_SIZE = {_MSS: 4, _SCALE: 3, 4: 2, _TIMESTAMP: 10}

# A timestamp after complete options only, where every parser finds it. Others are not reduced.
_UP_TO_TIMESTAMP = re.compile(
    rb"(?:\x01|\x02\x04..|\x03\x03.|\x04\x02)*\x08\x0a(?=.{8})", re.DOTALL
)
_TWO_VALUES = Struct("!II")
_ZERO = bytes(4)
ETHERNET = re.compile(  # the header before an IP packet, as HAProxy's `tcp-ss 2` sends it
    rb".{12}(?:\x08\x00(?=[\x40-\x4f])|\x86\xdd(?=[\x60-\x6f]))", re.DOTALL
)

_DF, _ID_NONZERO, _ID_ZERO, _ECN, _MUST_BE_ZERO, _FLOW = list(QUIRKS.values())[:6]

Shape: TypeAlias = tuple[int, int, int, int, int, bool, bytes]
"""The parts of a SYN on which its verdict depends: no ports, sequence number or addresses.

IP version, TTL, length of the IPv4 options, window, quirks of the fields at fixed places, whether
the IP length includes data, and the bytes of the TCP options, with timestamps reduced to 0 or 1.
"""


def read_syn(packet: bytes) -> tuple[bytes, int, Shape] | None:
    """Packed source address, source port and shape of the SYN in *packet*.

    None if p0f would not fingerprint it: not a lone SYN, a fragment, IPv6 extension headers,
    impossible lengths. But an IP length beyond the end of *packet* is possible: Linux does not save
    the data of TCP Fast Open.
    """
    size = len(packet)
    version = packet[0] >> 4 if size >= 40 else 0
    if version == 4:
        source, ttl, tcp_at, total, protocol, quirks = _read_ipv4(packet)
        ip_options = tcp_at - 20
    elif version == 6:
        source, ttl, tcp_at, total, protocol, quirks = _read_ipv6(packet)
        ip_options = 0
    else:
        return None
    if protocol != _TCP_PROTOCOL or tcp_at < 20 or size < tcp_at + 20:
        return None
    port, seq, ack, flags, window, urgent = _TCP.unpack_from(packet, tcp_at)
    end = tcp_at + (flags >> 12) * 4
    if flags & _KIND != _SYN or end < tcp_at + 20 or end > size or end > total:
        return None
    if flags & _ODD_FLAGS or ack or urgent or not seq:
        quirks |= _tcp_quirks(flags, seq, ack, urgent)
    options = packet[tcp_at + 20 : end]
    if found := _UP_TO_TIMESTAMP.match(options):
        values = found.end()
        own, peer = _TWO_VALUES.unpack_from(options, values)
        reduced = _TWO_VALUES.pack(own > 0, peer > 0)
        options = options[:values] + reduced + options[values + 8 :]
    return source, port, (version, ttl, ip_options, window, quirks, total > end, options)


# Source, TTL, where the TCP header begins (0: nowhere), total length, protocol, quirks
_IPHeader: TypeAlias = tuple[bytes, int, int, int, int, int]


def _read_ipv4(packet: bytes) -> _IPHeader:
    first, tos, total, ident, fragment, ttl, protocol, source = _IPV4.unpack_from(packet)
    tcp_at = 0 if fragment & _FRAGMENT else (first & 15) * 4
    if fragment & _DONT_FRAGMENT:
        quirks = _DF | _ID_NONZERO if ident else _DF
    else:
        quirks = 0 if ident else _ID_ZERO
    if fragment & _RESERVED_FLAG:
        quirks |= _MUST_BE_ZERO
    if tos & 3:
        quirks |= _ECN
    return source, ttl, tcp_at, total, protocol, quirks


def _read_ipv6(packet: bytes) -> _IPHeader:
    first, payload, protocol, ttl, source = _IPV6.unpack_from(packet)
    quirks = (_FLOW if first & 0xFFFFF else 0) | (_ECN if first & 0x300000 else 0)
    return source, ttl, 40, payload + 40, protocol, quirks


def _tcp_quirks(flags: int, seq: int, ack: int, urgent: int) -> int:
    quirks = 0
    if flags & _ECE_CWR_NS:
        quirks |= _ECN
    if not seq:
        quirks |= QUIRKS["seq-"]
    if ack & 0x01000000:  # p0f 3.09b checks only this bit of the acknowledgement number, not all 32
        quirks |= QUIRKS["ack+"]
    if flags & _URG:
        quirks |= QUIRKS["urgf+"]
    elif urgent:
        quirks |= QUIRKS["uptr+"]
    if flags & _PUSH:
        quirks |= QUIRKS["pushf+"]
    return quirks


def read_options(options: bytes) -> tuple[int, int, bool, str, int]:  # noqa: C901  as p0f does
    """MSS and scale (0 if absent), whether there is a timestamp, layout, and quirks.

    As p0f reads the options: it stops at one that ends beyond the header.
    """
    names: list[str] = []
    mss = scale = quirks = at = 0
    timestamp = False
    end = len(options)
    while at < end:
        kind = options[at]
        if len(names) == MAX_OPTIONS:
            quirks |= QUIRKS["bad"]
            break
        if kind == _NOP:
            names.append("nop")
            at += 1
            continue
        if kind == _EOL:
            names.append(f"eol+{end - at - 1}")
            if any(options[at + 1 : -1]):  # p0f 3.09b does not check the last byte of the padding
                quirks |= QUIRKS["opt+"]
            break
        names.append(OPTION_NAMES.get(kind) or f"?{kind}")
        declared = options[at + 1] if at + 1 < end else 0
        size = _option_size(kind, declared)
        cut_off = not size or at + size > end
        if cut_off or size != declared:
            quirks |= QUIRKS["bad"]
        if cut_off:
            break
        if kind == _MSS:
            mss = options[at + 2] << 8 | options[at + 3]
        elif kind == _SCALE:
            scale = options[at + 2]
            if scale > 14:
                quirks |= QUIRKS["exws"]
        elif kind == _TIMESTAMP:
            timestamp = options[at + 2 : at + 6] != _ZERO
            if not timestamp:
                quirks |= QUIRKS["ts1-"]
            if options[at + 6 : at + 10] != _ZERO:
                quirks |= QUIRKS["ts2+"]
        at += size
    return mss, scale, timestamp, ",".join(names), quirks


def _option_size(kind: int, declared: int) -> int:
    """The size that p0f assumes for an option; 0 if it stops there."""
    least, most = (10, 34) if kind == _SACK else (2, 40)
    return _FIXED_SIZE.get(kind) or (declared if least <= declared <= most else 0)
