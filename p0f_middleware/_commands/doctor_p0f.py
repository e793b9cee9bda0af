"""The doctor's checks of a p0f: the process, its answers, and what it sees.

The client's own errors say what is wrong with the socket's file. The checks of the process come
before the first connection, since one client too many makes p0f use a whole CPU.
"""

from __future__ import annotations

import contextlib
import random
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from .._address import client_address
from .._daemon.base import TIMEOUT
from .._daemon.blocking import P0f
from .._errors import P0fError
from .p0f_process import Daemon, daemon_of, daemons
from .terminal import Finding

ANSWER_TIMEOUT = 1.0
"""Seconds to wait for an answer. Few, since p0f keeps a CPU busy while too many clients wait."""
QUERIES = 20
"""How many queries to time."""
CAPTURE_TIMEOUT = 1.0
"""Seconds to wait until p0f notices a connection; libpcap delivers packets after about 5 ms."""


def examine_p0f(
    socket_path: str, ip_address: str | None = None, port: int | None = None
) -> Iterator[Finding]:
    """Run one check after the other, up to the first fault that makes the others pointless.

    Args:
        ip_address: a client to ask p0f about.
        port: the port that the site's visitors connect to.
    """
    daemon = daemon_of(socket_path)
    for found in check_process(daemon) if daemon is not None else ():
        yield found
        if found.ok is False:
            return
    with P0f(socket_path, timeout=ANSWER_TIMEOUT) as client:
        found = check_answers(client, daemon)
        yield found
        if found.ok is False:
            return
        yield check_capture(client, daemon, port)
        if ip_address is not None:
            yield check_address(client, daemon, ip_address)


def check_process(daemon: Daemon) -> Iterator[Finding]:
    """Does p0f run, with which signatures, and can it take one more client?"""
    if daemon.stopped:
        yield Finding(False, f"p0f is stopped: continue it with kill -CONT {daemon.pid}")
        return
    command = " ".join(("p0f", *daemon.arguments))
    yield Finding(True, f"p0f (process {daemon.pid}) runs: {command}")
    if "-f" not in daemon.options:
        yield Finding(
            None,
            "p0f runs without -f: its own signatures are of 2012; start it with"
            ' -f "$(p0f-middleware signatures)"',
        )
    clients, most = daemon.clients(), daemon.most_clients
    if clients is not None:
        used = f"{clients} of p0f's {most} API connections are in use"
        full = clients >= most
        remedy = ": start it with a higher -S (at most 100)" if full else ""
        yield Finding(not full, used + remedy)


def check_answers(client: P0f, daemon: Daemon | None) -> Finding:
    """Does p0f answer, in which dialect, and how fast?"""
    times = []
    try:
        for _ in range(QUERIES):
            began = time.perf_counter()
            client.lookup("127.0.0.1")
            times.append(time.perf_counter() - began)
    except P0fError as error:
        return Finding(False, f"{error}{_possible_cause(client.socket_path, daemon, error)}")
    connection = client.connection
    dialect = connection and connection.pipeline.dialect
    text = (
        f"{dialect.name if dialect else 'p0f'} answers in {statistics.median(times) * 1000:.2f} ms"
        f" (at most {max(times) * 1000:.2f} ms; a request waits {TIMEOUT * 1000:g} ms)"
    )
    if max(times) < TIMEOUT:
        return Finding(True, text)
    busy = "p0f or this machine is too busy: give p0f a filter, such as 'tcp port 443'"
    return Finding(None if statistics.median(times) < TIMEOUT else False, f"{text}; {busy}")


def _possible_cause(socket_path: str, daemon: Daemon | None, error: P0fError) -> str:
    if isinstance(error.__cause__, ConnectionRefusedError) and Path(socket_path).is_socket():
        return (
            ". If it runs, this file is a bind mount of an earlier p0f's socket: mount the folder,"
            " not the file, since p0f makes a new file each time it starts"
        )
    if not isinstance(error.__cause__, FileNotFoundError):
        return ""
    if daemon is not None:
        return (
            f". p0f (process {daemon.pid}) runs with that -s, but in other mounts: in a container,"
            " mount the socket's folder; a service with systemd's PrivateTmp has a /tmp of its own:"
            " use -s /run/p0f/p0f.sock. If somebody has deleted the file, restart p0f"
        )
    others = sorted({path for path in (d.socket_path for d in daemons()) if path})
    return f". The p0f that runs here has {', '.join(others)}" if others else ""


def check_capture(client: P0f, daemon: Daemon | None, port: int | None = None) -> Finding:
    """Does p0f see connections, those to the site's port above all?"""
    ports = daemon.ports if daemon is not None else []
    if daemon is not None and port is not None and ports and not any(port in p for p in ports):
        return Finding(
            False,
            f"p0f's filter ({daemon.packet_filter}) leaves out port {port}: start p0f with"
            f" 'tcp port {port}'",
        )
    tried = port or (ports[0].start if ports else None)
    whose = f"this machine's connections to {f'its port {tried}' if tried else 'itself'}"
    if _sees_loopback(client, tried):
        hint = "" if port else " (--port checks your site's)"
        return Finding(True, f"p0f sees {whose}{hint}")
    if daemon is None:
        return Finding(
            None, f"p0f does not see {whose}; to see why, run this as root, where p0f runs"
        )
    interface = daemon.options.get("-i")
    if interface in ("lo", "any"):
        return Finding(
            False,
            f"p0f captures on {interface} but does not see {whose}: does its filter leave them out"
            f" ({daemon.packet_filter or 'it has none'}), or has its container another network?",
        )
    where = interface or "an interface that it chose (name yours with -i)"
    return Finding(
        None, f"p0f captures on {where}: do your visitors come in there, and only there?"
    )


def _sees_loopback(client: P0f, port: int | None) -> bool:
    """Connect to this machine from an address that p0f cannot know yet, and ask p0f about it.

    The port may be closed: p0f needs only the first packet.
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
        system = " ".join(filter(None, (info.os_name, info.os_flavor)))
        return Finding(True, f"p0f knows {address}: {system or 'no signature matches its SYN'}")
    interface = daemon.options.get("-i") if daemon else None
    return Finding(
        False,
        f"p0f has not seen {address}. Either it has not connected to this machine directly since"
        " p0f started and within two hours (-t): if it connects through your proxy or load"
        " balancer, or is that, name the proxy in trusted_proxies. Or its connections do not pass"
        f" {interface or 'the interface of p0f'} (this machine's own pass lo)",
    )
