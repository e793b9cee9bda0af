"""Runs inside a network namespace of its own and prints, in hex, the SYNs this machine's kernel
makes there.

Every line of output is one SYN as TCP_SAVED_SYN gives it. Each setting is a sysctl, a route
attribute or a socket option; the namespace goes away with the process, so nothing is set back.
Start it with ``unshare --net python kernel_syns.py``.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterable
from itertools import product
from pathlib import Path

_SAVE_SYN, _SAVED_SYN = 27, 28
_FASTOPEN, _FASTOPEN_CONNECT = 23, 30
_MPTCP = 262
_PORT = 8080

Options = Iterable[tuple[int, int, "int | bytes"]]


def sysctl(name: str, value: object) -> None:
    """Set a net.* sysctl of this namespace; a kernel that lacks it keeps its ways."""
    with contextlib.suppress(OSError):
        Path("/proc/sys/net", name.replace(".", "/")).write_text(str(value))


def route(arguments: str, family: int) -> None:
    """Replace the route to this machine itself, with *arguments* such as ``advmss 1400``."""
    inet, target = ("-4", "127.0.0.1") if family == socket.AF_INET else ("-6", "::1")
    command = ["ip", inet, "route", "replace", "local", target, "dev", "lo", "table", "local"]
    subprocess.run([*command, *arguments.split()], check=False, capture_output=True)


def show(family: int, options: Options = (), protocol: int = 0, data: bytes = b"") -> None:
    """Connect to this machine and print the kernel's SYN; a setting it refuses is passed over."""
    with contextlib.suppress(OSError):
        print(_syn(family, options, protocol, data).hex())


def _syn(family: int, options: Options, protocol: int, data: bytes) -> bytes:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with (
        socket.socket(family, socket.SOCK_STREAM) as listener,
        socket.socket(family, socket.SOCK_STREAM, protocol) as client,
    ):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, _SAVE_SYN, 1)
        listener.setsockopt(socket.IPPROTO_TCP, _FASTOPEN, 5)
        listener.bind((host, _PORT))
        listener.listen()
        for level, name, value in options:
            client.setsockopt(level, name, value)
        client.connect((host, _PORT))
        if data:
            client.send(data)
        accepted, _ = listener.accept()
        with accepted:
            return accepted.getsockopt(socket.IPPROTO_TCP, _SAVED_SYN, 512)


def vary_sysctls(family: int) -> None:
    """Timestamps, SACK, window scaling and ECN in every combination, over segment sizes and
    buffers.
    """
    for route_mss, rmem in product(
        (0, 1460, 1440, 1400, 1380, 536, 8960), (0, 4096, 87380, 6291456)
    ):
        route(f"advmss {route_mss}" if route_mss else "", family)
        sysctl("ipv4.tcp_rmem", f"4096 {rmem or 131072} {max(rmem, 6291456)}")
        show(family)
    names = ("tcp_timestamps", "tcp_sack", "tcp_window_scaling", "tcp_ecn")
    for values in product((0, 1), repeat=len(names)):
        for name, value in zip(names, values, strict=True):
            sysctl(f"ipv4.{name}", value)
        for route_mss in (0, 1460, 1400):
            route(f"advmss {route_mss}" if route_mss else "", family)
            show(family)


def vary_sockets(family: int) -> None:
    """What an application can set on its socket."""
    tcp, ip, sol = socket.IPPROTO_TCP, socket.IPPROTO_IP, socket.SOL_SOCKET
    level, ttl, tos, discover = (ip, 2, 1, 10) if family == socket.AF_INET else (41, 16, 67, 23)
    for one in [
        *((tcp, socket.TCP_MAXSEG, segment) for segment in (88, 536, 1000, 1331, 1400, 1460, 9000)),
        *((level, ttl, hops) for hops in (1, 20, 29, 32, 64, 65, 128, 200, 255)),
        *((level, tos, service) for service in (1, 2, 3, 16, 0xB8)),
        *((level, discover, mode) for mode in (0, 1, 2, 3)),
        *((ip, socket.IP_OPTIONS, b"\1" * length) for length in (4, 8, 40)),
    ]:
        show(family, [one])
    for buffer, segment in product((1024, 4096, 16384, 65536, 262144), (1400, 1460)):
        show(family, [(sol, socket.SO_RCVBUF, buffer), (tcp, socket.TCP_MAXSEG, segment)])
    for _ in range(2):
        show(family, [(tcp, _FASTOPEN_CONNECT, 1)], data=b"x" * 18)
    show(family, protocol=_MPTCP)


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sysctl("ipv4.tcp_fastopen", 3)
    for mtu in (None, 1500, 1492, 1420, 1280, 9000):
        if mtu is not None:
            subprocess.run(["ip", "link", "set", "lo", "mtu", str(mtu)], check=True)
        for family, labels in product((socket.AF_INET, socket.AF_INET6), (0, 1)):
            sysctl("ipv6.auto_flowlabels", labels)
            vary_sockets(family)
    for family in (socket.AF_INET, socket.AF_INET6):
        vary_sysctls(family)


if __name__ == "__main__":
    main()
