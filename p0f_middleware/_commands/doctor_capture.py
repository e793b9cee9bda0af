"""The doctor's last checks: does p0f see connections, and does it know one client?

They ask p0f through an open client and read p0f's command line. The fact a reader would get wrong:
p0f captures on one interface, and sees only packets that pass there; a machine's connections to
itself pass over lo, whatever address they use.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import random
import socket
import time

from .._address import client_address
from .._daemon.blocking import P0f
from .._errors import P0fError
from .._info import P0fInfo
from .doctor_finding import Finding, span
from .p0f_process import Daemon, default_interface, port_in

CAPTURE_TIMEOUT = 1.0
"""Seconds to wait until p0f notices a connection; libpcap delivers packets after about 5 ms."""
RECENTLY_STARTED = 600.0
"""Seconds after p0f's start in which it may simply not have seen a client yet."""


def check_capture(client: P0f, daemon: Daemon | None) -> Finding:
    """Does p0f see connections?"""
    if _sees_loopback(client, port_in(daemon.packet_filter) if daemon else None):
        return Finding(True, "p0f sees this machine's connections to itself")
    if daemon is None:
        return Finding(None, _unseen_process())
    if daemon.shares_network is False:
        return Finding(
            None,
            "p0f runs in a container with a network of its own: it sees the connections there, not"
            " those here",
        )
    interface = daemon.interface
    if interface is None:
        return Finding(
            None, "p0f chose its interface itself, and it is not lo: name the interface with -i"
        )
    if interface in ("lo", "any"):
        return Finding(
            False,
            f"p0f captures on {interface} but does not see connections there:"
            f" does its filter leave them out ({daemon.packet_filter or 'it has none'})?",
        )
    return _other_interface(interface)


def _unseen_process() -> str:
    text = "p0f does not see this machine's connections to itself"
    if os.geteuid() != 0:
        return f"{text}; cannot see its interface from here: run this as root"
    return (
        f"{text}, and its process cannot be found from here: it may run in a container. Run this"
        " where p0f runs"
    )


def _other_interface(interface: str) -> Finding:
    """The finding for a p0f on an interface over which this machine cannot reach itself."""
    if interface not in (name for _, name in socket.if_nameindex()):
        return Finding(False, f"p0f captures on {interface}, and there is no such interface now")
    text = f"p0f captures on {interface} alone: it knows the clients that connect through it"
    route = default_interface()
    if route is not None and route != interface:
        return Finding(None, f"{text}; this machine reaches the internet through {route}")
    return Finding(None, f"{text}, and does not know this machine's own connections to itself")


def check_address(client: P0f, daemon: Daemon | None, ip_address: str) -> Finding:
    """Does p0f know this client? If not: can it?"""
    address = client_address(ip_address)
    if address is None:
        return Finding(False, f"{ip_address} is not an IP address that a client can have")
    try:
        info = client.lookup(address)
    except P0fError as error:
        return Finding(False, str(error))
    if info is not None:
        return Finding(True, f"p0f knows {address}: {_system(info)}")
    return Finding(False, f"p0f has not seen {address}: {_why_unknown(address, daemon)}")


def _why_unknown(address: str, daemon: Daemon | None) -> str:
    parsed = ipaddress.ip_address(address)
    interface = daemon.interface if daemon else None
    if parsed.is_multicast or parsed.is_reserved:
        return "no client has such an address"
    if parsed.is_loopback or _is_ours(address):
        whose = "it belongs to this machine, whose connections to itself pass over lo"
        if interface not in (None, "lo", "any"):
            return f"{whose}, but p0f captures on {interface}"
        return f"{whose}. If it is your proxy's, name it in trusted_proxies"
    if interface == "lo":
        return "p0f captures on lo, and so sees only this machine's connections to itself"
    running = daemon.seconds_running if daemon else None
    young = running is not None and running < RECENTLY_STARTED
    age = f" p0f has been running for only {span(running)}." if running and young else ""
    if parsed.is_private:
        return (
            f"it is a private address.{age} If it is a proxy's or load balancer's, name it in"
            " trusted_proxies; if not, its connections do not pass p0f's interface"
        )
    return (
        f"has it connected to this machine directly, within p0f's memory (-t)?{age} Behind a proxy"
        " or load balancer, p0f sees only that one"
    )


def _sees_loopback(client: P0f, port: int | None) -> bool:
    """Connect to this machine from an address that p0f cannot know yet, and ask p0f about it.

    Args:
        port: the port to connect to, if p0f's filter names one. It may be closed: p0f needs only
            the first packet.
    """
    source = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    with contextlib.suppress(OSError, P0fError), socket.socket() as sock:
        sock.bind((source, 0))
        sock.settimeout(CAPTURE_TIMEOUT)
        with socket.create_server(("127.0.0.1", 0)) as server:
            sock.connect_ex(("127.0.0.1", port or server.getsockname()[1]))
        deadline = time.monotonic() + CAPTURE_TIMEOUT
        while time.monotonic() < deadline:
            if client.lookup(source) is not None:
                return True
            time.sleep(0.005)
    return False


def _is_ours(address: str) -> bool:
    """Whether an interface of this machine has the address: only then can a socket bind to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        return True
    return False


def _system(info: P0fInfo) -> str:
    if info.os_name is None:
        return "no signature in p0f's file (p0f.fp) matches, so os_name is None"
    return " ".join(filter(None, (info.os_name, info.os_flavor)))
