"""The p0f and the store of a run, and how p0f gets to know many hosts."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from p0f_middleware import P0f
from tests.real.daemon import RealP0f
from tests.shared.stores import RealStore

HOST = "127.0.0.1"
"""The address that is asked for."""


@contextlib.contextmanager
def running_p0f(*options: str) -> Iterator[tuple[RealP0f, Path]]:
    """A p0f on lo that knows `HOST`, and a folder for the run's files."""
    with tempfile.TemporaryDirectory(prefix="p0f-benchmarks-") as name:
        p0f = RealP0f(Path(name), *options)
        try:
            p0f.start().introduce(HOST)
            yield p0f, Path(name)
        finally:
            p0f.kill()


@contextlib.contextmanager
def running_store() -> Iterator[RealStore]:
    """A Redis for the run."""
    with tempfile.TemporaryDirectory(prefix="p0f-store-") as name:
        store = RealStore(Path(name)).start()
        try:
            yield store
        finally:
            store.kill()


def placements() -> dict[str, tuple[int, int]]:
    """Where lookups can be measured: the processors of the clients and of p0f.

    The scheduler puts p0f beside its client or elsewhere as it pleases and then mostly leaves it
    there, and on virtual machines to wake up another processor can take ten times as long as the
    whole lookup: left to itself, chance would decide who looks fast.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    places = {"p0f on the same processor": (first, first)}
    if others:
        places["p0f on another processor"] = (first, others[0])
    return places


@contextlib.contextmanager
def placed(p0f: RealP0f, ours: int, its: int) -> Iterator[None]:
    """This process, and those it starts from here, on one processor; p0f on that or another."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(p0f.pid, {its})
    os.sched_setaffinity(0, {ours})
    try:
        yield
    finally:
        for pid in (0, p0f.pid):
            os.sched_setaffinity(pid, everywhere)


def loopback_addresses(count: int, first: str) -> list[str]:
    """So many addresses from `first` on."""
    start = int(ipaddress.IPv4Address(first))
    return [str(ipaddress.IPv4Address(start + number)) for number in range(count)]


def introduce(addresses: Sequence[str], socket_path: str) -> None:
    """Have p0f see a SYN from each of the addresses. Needs root, for a raw socket.

    They go out in groups, and what libpcap had no room for goes out again.
    """
    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
        P0f(socket_path, timeout=5) as client,
    ):
        for start in range(0, len(addresses), 500):
            unknown = addresses[start : start + 500]
            deadline = time.monotonic() + 30
            while unknown:
                assert time.monotonic() < deadline, f"p0f has not seen {unknown[0]}"
                _send_syns(raw, unknown)
                time.sleep(0.01)  # libpcap hands packets over in blocks of some 5 ms
                unknown = [address for address in unknown if client.lookup(address) is None]


def _send_syns(raw: socket.socket, addresses: Iterable[str]) -> None:
    for address in addresses:
        raw.sendto(syn(address, HOST), (HOST, 0))


def syn(source: str, target: str) -> bytes:
    """An IPv4 packet with the SYN of a connection to port 9 (where nobody listens)."""
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    options = bytes((2, 4, 0xFF, 0xD7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7))
    tcp = struct.pack("!HHIIBBHHH", 40000, 9, 1, 0, (20 + len(options)) // 4 << 4, 2, 65495, 0, 0)
    tcp += options
    pseudo = ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", _checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, socket.IPPROTO_TCP, 0)
    return ip + ends + tcp  # the kernel fills in the IP header's checksum


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
