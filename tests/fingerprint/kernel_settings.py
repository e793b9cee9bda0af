"""What we call this machine's kernel under every combination of the settings that shape a SYN.

    unshare --net python -m tests.fingerprint.kernel_settings        (root, `ip`)

A line for each SYN that differs: label, match quality, raw_sig, and the settings that made it.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from p0f_middleware import P0fInfo, fingerprint_syn

from .kernel_syns import route, syn, sysctl

MTUS = 1500, 1492, 1420, 1400, 1280, 9000, 9001, 65536
MAXIMA = 0, 1460, 1440, 1400, 1360, 1220, 536
"""The advmss of routes; 0 for none."""


class Settings(NamedTuple):
    """One combination, named as sysctls and `ip` name them."""

    family: str
    flow_label: int
    mtu: int
    advmss: int
    ttl: int
    timestamps: int
    scaling: int
    sack: int
    ecn: int
    rmem: int

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self._asdict().items())


def kernel_syns() -> Iterator[tuple[Settings, bytes]]:
    """The SYN of each combination, from a network namespace of this process's own."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for mtu, advmss in product(MTUS, MAXIMA):
        if advmss >= mtu - 40:
            continue
        subprocess.run(["ip", "link", "set", "lo", "mtu", str(mtu)], check=True)
        for family in (socket.AF_INET, socket.AF_INET6):
            route(f"advmss {advmss}" if advmss else "", family)
        for kind in (("IPv4", 0), ("IPv6", 0), ("IPv6", 1)):
            yield from _of_route(*kind, mtu, advmss)


def _of_route(family: str, label: int, mtu: int, advmss: int) -> Iterator[tuple[Settings, bytes]]:
    sysctl("ipv6.auto_flowlabels", label)
    for ttl, timestamps, scaling, sack, ecn, rmem in product(
        (64, 128, 255, 32), (0, 1, 2), (0, 1), (0, 1), (0, 1), (131072, 87380, 1048576)
    ):
        sysctl("ipv4.ip_default_ttl", ttl)
        sysctl("ipv6.conf.all.hop_limit", ttl)
        sysctl("ipv6.conf.lo.hop_limit", ttl)
        sysctl("ipv4.tcp_timestamps", timestamps)
        sysctl("ipv4.tcp_window_scaling", scaling)
        sysctl("ipv4.tcp_sack", sack)
        sysctl("ipv4.tcp_ecn", ecn)
        sysctl("ipv4.tcp_rmem", f"4096 {rmem} 6291456")
        settings = Settings(family, label, mtu, advmss, ttl, timestamps, scaling, sack, ecn, rmem)
        yield settings, syn(socket.AF_INET if family == "IPv4" else socket.AF_INET6)


def told() -> Iterator[tuple[Settings, P0fInfo]]:
    """What we tell of each combination whose SYN differs from those before."""
    seen: set[str | None] = set()
    for settings, packet in kernel_syns():
        info = fingerprint_syn(packet)
        assert info is not None
        if info.raw_sig not in seen:
            seen.add(info.raw_sig)
            yield settings, info


def main() -> None:
    for settings, info in told():
        name = f"{info.os_name or '???'} {info.os_flavor or ''}".strip()
        quality = "none" if info.os_match_q is None else info.os_match_q.name
        print(name, quality, info.raw_sig, settings, sep="\t")


if __name__ == "__main__":
    main()
