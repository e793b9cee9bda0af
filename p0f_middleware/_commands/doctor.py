"""`p0f-middleware doctor`: why `p0f.info` is None, and what to do about it.

It goes the way of a lookup, from the socket's file to the asked address, and stops where there is
no going on. What only a human can judge it says with a question mark; such a line fails nothing.
It runs as the user who runs it: permissions are those of the web server only if that is the same.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import pwd
import random
import socket
import stat
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .._address import client_address
from .._daemon.base import TIMEOUT
from .._daemon.blocking import P0f
from .._errors import P0fError
from .._info import P0fInfo
from .p0f_process import Daemon, daemon_of, daemons, default_interface, listener, port_in

WELL, FAULT, CANNOT_LOOK = range(3)
"""Exit statuses."""
PATIENCE = 1.0
"""Seconds to wait for an answer. p0f spins while a client waits in vain, so not for long."""
SIGHT = 1.0
"""Seconds until p0f must have seen a connection; libpcap hands packets over after some 5 ms."""
QUESTIONS = 20
"""How often to ask for the time it takes."""


class Finding(NamedTuple):
    """What one check has found.

    Attributes:
        ok: whether all is well; None if that cannot be told from here.
        text: what was found and, if it is not well, what to do.
    """

    ok: bool | None
    text: str


def doctor(ip_address: str | None, socket_path: str | None) -> int:
    """Print what is found; returns the exit status.

    Args:
        ip_address: a client to ask for; None for none.
        socket_path: p0f's socket; None for that of the only p0f that runs here.
    """
    socket_path = socket_path or _only_socket()
    if not socket_path:
        message = "where is p0f? Set P0F_SOCKET or give --socket: the path of p0f's socket (-s)"
        print(f"p0f-middleware: {message}", file=sys.stderr)
        return CANNOT_LOOK
    status = WELL
    for finding in examine(socket_path, ip_address):
        mark = {True: "ok", False: "FAULT", None: "?"}[finding.ok]
        print(f"{mark:6}{finding.text}", flush=True)
        if finding.ok is False:
            status = FAULT
    return status


def examine(socket_path: str, ip_address: str | None = None) -> Iterator[Finding]:
    """Check one thing after the other, until one is broken that all the others need."""
    found = check_file(socket_path)
    yield found
    if not found.ok:
        return
    daemon = daemon_of(socket_path)
    if daemon is not None:
        for found in check_process(daemon):
            yield found
            if found.ok is False:
                return
    with P0f(socket_path, timeout=PATIENCE) as client:
        found = check_answers(client)
        yield found
        link = client.connection
        if link is None or found.ok is False:
            return
        daemon = daemon or listener(link.sock)
        yield check_capture(client, daemon)
        if ip_address is not None:
            yield check_address(client, daemon, ip_address)


def check_file(socket_path: str) -> Finding:
    """Is there a socket, and may we open it?"""
    user = _user()
    try:
        mode = os.stat(socket_path).st_mode
    except PermissionError:
        return Finding(
            False,
            f"{user} may not enter {_closed_folder(socket_path)}; let its user in (chmod o+x)",
        )
    except OSError:
        others = [d.socket_path for d in daemons() if d.socket_path is not None]
        hint = f"; a p0f runs with -s {', '.join(others)}" if others else ""
        return Finding(False, f"there is no {socket_path}; start p0f with -s {socket_path}{hint}")
    if not stat.S_ISSOCK(mode):
        kind = "directory" if stat.S_ISDIR(mode) else "file"
        return Finding(False, f"{socket_path} is a {kind}, no socket; name the one of p0f's -s")
    permissions = stat.filemode(mode)
    if not os.access(socket_path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        return Finding(
            False, f"{user} may not write to {socket_path} ({permissions}); chmod it, or its group"
        )
    return Finding(True, f"{socket_path} is a socket ({permissions}) and open to {user}")


def check_process(daemon: Daemon) -> Iterator[Finding]:
    """Does p0f run, and has it room for one more client?"""
    if daemon.stopped:
        yield Finding(False, f"p0f is stopped; let it go on: kill -CONT {daemon.pid}")
        return
    age = daemon.seconds_running
    since = f" for {_span(age)}" if age is not None else ""
    yield Finding(True, f"p0f (process {daemon.pid}) runs{since}: p0f {' '.join(daemon.arguments)}")
    clients, most = daemon.clients(), daemon.most_clients
    if clients is not None:
        used = f"{clients} of p0f's {most} API connections are in use"
        if clients >= most:
            yield Finding(False, f"{used}; start it with a higher -S (at most 100)")
        else:
            yield Finding(True, used)


def check_answers(client: P0f) -> Finding:
    """Does it answer, as what, and how fast?"""
    times = []
    try:
        for _ in range(QUESTIONS):
            began = time.perf_counter()
            client.lookup("127.0.0.1")
            times.append(time.perf_counter() - began)
    except P0fError as error:
        return Finding(False, str(error))
    link = client.connection
    dialect = link.pipeline.dialect.name if link and link.pipeline.dialect else "p0f"
    text = (
        f"it answers as {dialect} does, in {statistics.median(times) * 1000:.2f} ms"
        f" (at most {max(times) * 1000:.2f} ms; lookups wait {TIMEOUT * 1000:g} ms)"
    )
    if max(times) < TIMEOUT:
        return Finding(True, text)
    busy = "p0f, or this machine, is too busy; give it a filter, 'tcp port 443' for example"
    return Finding(None if statistics.median(times) < TIMEOUT else False, f"{text}; {busy}")


def check_capture(client: P0f, daemon: Daemon | None) -> Finding:
    """Does it see what happens on the network, as far as that can be told from here?"""
    sees_us = _sees_loopback(client, port_in(daemon.packet_filter) if daemon else None)
    if sees_us:
        return Finding(True, "p0f sees this machine's connections to itself")
    if daemon is None:
        return Finding(
            None,
            "p0f does not see this machine's connections to itself; what it listens on is not to be"
            " seen from here (as root it would be)",
        )
    if daemon.elsewhere:
        return Finding(None, "p0f runs in a container: it sees what passes there, not here")
    interface = daemon.interface
    if interface is None:
        return Finding(None, "p0f chose its interface itself, and not loopback; tell it with -i")
    if interface in ("lo", "any"):
        return Finding(
            False,
            f"p0f listens on {interface} and does not see connections there;"
            f" does its filter leave them out ({daemon.packet_filter or 'it has none'})?",
        )
    return _other_interface(interface)


def _other_interface(interface: str) -> Finding:
    """What can be said of an interface that nothing can be sent over."""
    if interface not in (name for _, name in socket.if_nameindex()):
        return Finding(
            False, f"p0f listens on {interface}, and there is no such interface any more"
        )
    text = f"p0f listens on {interface} alone: it knows clients whose connections come in there"
    route = default_interface()
    if route is not None and route != interface:
        return Finding(None, f"{text}; this machine's way to the internet is {route}")
    return Finding(None, f"{text}, not those of this machine")


def check_address(client: P0f, daemon: Daemon | None, ip_address: str) -> Finding:
    """Does it know the client? If not: can it?"""
    address = client_address(ip_address)
    if address is None:
        return Finding(False, f"{ip_address} is no client's IP address")
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
        whose = "it is this machine's own, and its connections to itself pass over lo"
        if interface not in (None, "lo", "any"):
            return f"{whose}, but p0f listens on {interface}"
        return f"{whose}; is it your proxy's? Then name it in trusted_proxies"
    if interface == "lo":
        return "p0f listens on lo, where only this machine's own connections are"
    since = daemon.seconds_running if daemon else None
    age = f" p0f has been running for {_span(since)} only." if since and since < 600 else ""
    if parsed.is_private:
        return (
            f"it is private.{age} Is it a proxy's or load balancer's? Then name it in"
            " trusted_proxies. Else its connections do not pass p0f's interface"
        )
    return (
        f"has it connected to this machine itself, and lately (p0f's -t)?{age} Behind a proxy or"
        " load balancer p0f sees that one only"
    )


def _sees_loopback(client: P0f, port: int | None) -> bool:
    """Connect to ourselves from an address that p0f cannot know, and ask for it."""
    source = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    with contextlib.suppress(OSError, P0fError), socket.socket() as sock:
        sock.bind((source, 0))
        sock.settimeout(SIGHT)
        with socket.create_server(("127.0.0.1", 0)) as server:
            # p0f looks at the first packet, so nobody has to listen on the filter's port.
            sock.connect_ex(("127.0.0.1", port or server.getsockname()[1]))
        deadline = time.monotonic() + SIGHT
        while time.monotonic() < deadline:
            if client.lookup(source) is not None:
                return True
            time.sleep(0.005)
    return False


def _is_ours(address: str) -> bool:
    """Whether an interface of this machine has it: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        return True
    return False


def _user() -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return f"user {os.geteuid()}"


def _closed_folder(path: str) -> Path:
    """The first folder on the way to `path` that we may not enter."""
    folders = [*reversed(Path(path).absolute().parents)]
    effective = os.access in os.supports_effective_ids
    closed = (f for f in folders if not os.access(f, os.X_OK, effective_ids=effective))
    return next(closed, folders[-1])


def _only_socket() -> str | None:
    """The socket of the one p0f that runs here; None if there are more, or none."""
    paths = {daemon.socket_path for daemon in daemons()} - {None}
    return paths.pop() if len(paths) == 1 else None


def _system(info: P0fInfo) -> str:
    if info.os_name is None:
        return "its signature is in none of p0f's (p0f.fp), so os_name is None"
    return " ".join(filter(None, (info.os_name, info.os_flavor)))


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
