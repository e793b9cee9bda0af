"""SYNs to judge by: the shapes systems and scanners are known to send, and random mutations of them
from a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

from .syns import CWR, DF, ECE, SYN, ipv4, ipv6, options, tcp

_LINUX = "mss,sok,ts,nop,ws"
_WINDOWS = "mss,nop,ws,nop,nop,sok"
_APPLE = "mss,nop,ws,nop,nop,ts,sok,eol+1"

_WINDOWS_OF_LINUX = (64240, 65535, 29200, 14600, 5840, 42340, -44, -20, -10, -4, 65483)

# layout, TTL, windows (negative: as many times the MSS), scales
_SYSTEMS = [
    (_LINUX, 64, _WINDOWS_OF_LINUX, (0, 2, 5, 6, 7, 8, 9, 10, 12)),
    ("mss,nop,nop,sok,nop,ws", 64, (64240, 29200, 65535), (7, 8, 10)),
    ("mss,nop,nop,sok", 128, (65535, 64240, 16384, 8192), (0,)),
    ("mss,nop,nop,sok", 64, (64240, 65535), (0,)),
    (_WINDOWS, 128, (65535, 64240, 8192, -44), (0, 2, 8)),
    (_APPLE, 64, (65535,), (1, 2, 3, 4, 5, 6, 7)),
    ("mss,nop,ws,sok,eol+1", 64, (65535,), (6,)),
    ("mss,nop,ws,sok,ts", 64, (65535, 65228), (6, 7)),
    ("mss,nop,nop,sok,nop,ws,nop,nop,ts", 64, (16384, 65535), (3, 6)),
    ("mss,sok" + ",nop" * 11 + ",ws", 64, (65535,), (7, 8, 9, 10)),
    ("mss,nop,ws" + ",nop" * 12 + ",sok,eol+1", 64, (65535,), (5, 6)),
    ("sok,ts,mss,nop,ws", 64, (64240, 32850), (1, 5)),
    ("mss", 64, (1024, 2048, 3072, 4096, 65535, 512), (0,)),
    ("", 64, (512, 1024, 65535), (0,)),
    ("", 255, (1024,), (0,)),
    ("ws,nop,mss,ts,sok", 64, (1, 31337), (10,)),
    (_LINUX, 255, (65535, -44), (7, 8, 9)),
    (_LINUX, 64, (-29, -22, 32120, 26883), (0, 6, 7, 8, 12)),
    (_LINUX + ",?34,nop,nop,?30", 64, (-44,), (7,)),
    (_WINDOWS, 64, (65535, 64240, 8192, 64800), (2, 8)),
    (_WINDOWS, 255, (64240,), (8,)),
    (_APPLE, 255, (65535,), (5, 6)),
    ("mss,nop,ws,sok,ts", 255, (65535, -10, -3), (0, 2, 9)),
    ("mss,nop,ws,sok,ts", 128, (8192, 65535), (2, 8)),
    ("mss,nop,ws,sok,eol+1", 255, (65535, -3), (2, 6)),
    ("mss,nop,ws,nop,nop,sok,nop,nop,ts", 64, (57344, 65535, -44), (5, 8)),
    ("mss,nop,ws,sok,nop,nop,nop,nop,ts", 64, (32768,), (3, 6)),
    ("mss,nop,nop,sok", 255, (-4, 2144), (0,)),
    ("mss,nop,ws,nop,nop,ts", 64, (65535, 8192), (0, 6)),
]  # fmt: skip
_MSS = (1460, 1440, 1452, 1412, 1400, 1380, 1360, 1330, 1220, 8960, 65495, 536)


def crafted() -> Iterator[bytes]:
    """Every system's shapes over common MSS values, IPv4 and IPv6, with and without ECN and flow
    label.
    """
    for (layout, ttl, windows, scales), mss in product(_SYSTEMS, _MSS):
        for window, scale, ecn in product(windows, scales, (0, ECE | CWR)):
            size = min(-window * mss, 65535) if window < 0 else window
            segment = tcp(options(layout, mss=mss, scale=scale), window=size, flags=SYN | ecn)
            yield ipv4(segment, ttl=ttl - 3, ident=0 if layout == _APPLE else 7)
            yield ipv6(segment, ttl=ttl - 3, flow=(window & 1) * 0x12345)


def mutated(count: int, seed: int) -> Iterator[bytes]:
    """*count* SYNs of *seed*: crafted ones, some of their fields and option bytes redrawn."""
    draw = random.Random(seed)
    for _ in range(count):
        yield _mutant(draw)


def _mutant(draw: random.Random) -> bytes:
    layout, ttl, windows, scales = draw.choice(_SYSTEMS)
    mss = draw.choice((draw.choice(_MSS), draw.randrange(0x10000), draw.randrange(90, 1600)))
    window = _window(draw, draw.choice(windows), mss)
    scale = draw.choice(scales) if draw.random() < 0.8 else draw.randrange(256)
    own = draw.choice((1, 1, 1, 0, draw.getrandbits(32)))
    peer = draw.choice((0, 0, 0, 0, draw.getrandbits(32)))
    option_bytes = options(layout, mss=mss, scale=scale, own=own, peer=peer)
    if draw.random() < 0.35:
        option_bytes = _damaged(draw, option_bytes)
    segment = tcp(
        option_bytes[:40],
        window=window,
        seq=draw.choice((0, 1, 99, 7)) if draw.random() < 0.1 else 5,
        ack=draw.getrandbits(32) if draw.random() < 0.1 else 0,
        flags=SYN | (draw.randrange(256) & draw.randrange(256) if draw.random() < 0.15 else 0),
        reserved=draw.randrange(16) if draw.random() < 0.1 else 0,
        urgent=draw.randrange(3) if draw.random() < 0.1 else 0,
    )
    if draw.random() < 0.05:
        segment += bytes(draw.randrange(1, 9))
    if draw.random() < 0.3:
        ttl = draw.randrange(256)
    return _packet(draw, segment, max(0, ttl - draw.choice((0, 3, 12, 34, 35, 36))))


def _packet(draw: random.Random, segment: bytes, ttl: int) -> bytes:
    tos = draw.randrange(256) if draw.random() < 0.15 else 0
    if draw.random() < 0.4:
        flow = draw.getrandbits(20) if draw.random() < 0.6 else 0
        return ipv6(segment, ttl=ttl, flow=flow, traffic_class=tos)
    fragment = DF if draw.random() < 0.85 else draw.choice((0, 0, 0x8000, 0xC000, 0x2000, 0x4001))
    ip_options = b"\1" * 4 * draw.randrange(11) if draw.random() < 0.05 else b""
    ident = draw.choice((0, 1, 0xFFFF)) if draw.random() < 0.5 else 77
    return ipv4(segment, ttl=ttl, ident=ident, fragment=fragment, tos=tos, ip_options=ip_options)


def _window(draw: random.Random, window: int, mss: int) -> int:
    """*window*, or one that is a multiple of something p0f tries."""
    size = -window * mss if window < 0 else window
    if draw.random() < 0.4:
        unit = draw.choice(
            (mss, mss - 12, 1460, 1448, 1440, 1428, 1500, mss + draw.randrange(40, 130))
        )
        size = unit * draw.randrange(1, 50)
    elif draw.random() < 0.1:
        size = draw.randrange(0x10000)
    return max(0, size) % 0x10000


def _damaged(draw: random.Random, option_bytes: bytes) -> bytes:
    damaged = bytearray(option_bytes or b"\1")
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(damaged))
        action = draw.randrange(4)
        if action == 0:
            damaged[at] = draw.choice((0, 1, 2, 3, 4, 5, 8, 10, 34, 40, 41, draw.randrange(256)))
        elif action == 1:
            del damaged[at:]
        elif action == 2:
            damaged[at:at] = draw.randbytes(draw.randrange(1, 5))
        else:
            damaged += b"\0" * draw.randrange(4) + draw.randbytes(draw.randrange(2))
        if not damaged:
            damaged += b"\1"
    return bytes(damaged)
