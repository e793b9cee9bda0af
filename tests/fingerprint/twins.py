"""The IPv6 twin of an IPv4 SYN, and of a signature, by rule: no labelled collection has IPv6.

Captures of known senders bear the rule out: the options are the same, the MSS is 20 smaller, and
who rounds the window down to a multiple of the MSS does so there too.

The fact a reader would get wrong: the multiple changes with the MSS. 44 segments of 1460 bytes are
the most below 64 KiB, and so are 45 of 1440.
"""

from __future__ import annotations

from collections.abc import Iterator

from .shapes import HOPS, Shape, window_bytes
from .syns import CWR, ECE, SYN, ipv6, options, tcp

_SMALLER = 20
"""Bytes that the header of IPv6 takes from the MSS."""
LIMITS = (0xFFFF, 43690, 0x8000)
"""What Linux and Windows round down from: since 4.20, with older buffers, and in 6.6."""
_IPV4_ALONE = {"df", "id+", "id-", "0+"}
_JUMBO = 9000


def twin_window(window: int, mss: int) -> int:
    """The window over IPv6 of a sender whose MSS and window over IPv4 are these."""
    smaller = mss - _SMALLER
    if window % mss:
        return window
    limit = next((limit for limit in LIMITS if 0 <= limit - window < mss), None)
    return window // mss * smaller if limit is None else limit // smaller * smaller


def twin_packets(shape: Shape) -> Iterator[tuple[int, bytes]]:
    """SYNs of that shape over IPv6, without and with a flow label; and the MSS over IPv4."""
    for size in shape.sizes:
        segment = tcp(
            options(shape.layout, mss=size - _SMALLER, scale=shape.scale),
            window=twin_window(window_bytes(shape.window, size), size),
            flags=SYN | (ECE | CWR if shape.ecn else 0),
        )
        for flow in (0, 0x12345):
            yield size, ipv6(segment, ttl=max(1, shape.ttl - HOPS), flow=flow)


def twin_signature(text: str) -> str | None:
    """The signature that matches the twin with a flow label; None if *text* needs none.

    A ``*`` signature matches IPv6 without a flow label itself. One scoped to an IP version rests on
    what only that version has, and so does one of a link that is larger than jumbo Ethernet.
    """
    version, ttl, ip_options, mss, window, layout, quirks, payload = text.split(":")
    if version != "*" or (mss != "*" and int(mss) > _JUMBO):
        return None
    kept = [quirk for quirk in quirks.split(",") if quirk and quirk not in _IPV4_ALONE]
    before = [quirk for quirk in kept if quirk == "ecn"]
    after = [quirk for quirk in kept if quirk != "ecn"]
    smaller = mss if mss == "*" else str(int(mss) - _SMALLER)
    names = ",".join([*before, "flow", *after])
    return ":".join(["6", ttl, ip_options, smaller, window, layout, names, payload])
