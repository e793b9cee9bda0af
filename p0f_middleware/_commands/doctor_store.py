"""`p0f-middleware doctor --store`: why SharedSyn finds nothing, seen from the application's side.

It follows the path of a lookup: the URL, the connection, the permission to read, the edge that
writes, and the SYN of the given address. The fact a reader would get wrong: the doctor has only the
application's permissions (GET, MGET, PING on p0f:*), so it cannot list the store's keys; instead,
edges write a sign of life for it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

from .._address import client_address
from .._errors import P0fError
from ..edge.agent import read_sign
from ..fingerprint import fingerprint_syn
from ..shared.keys import EDGE_KEY, address_key, pack, sender
from ..shared.source import TIMEOUT
from ..shared.store import Store
from .doctor_finding import Finding, span
from .store_option import store_url

ANSWER_TIMEOUT = 5.0
"""Seconds to wait for an answer."""
QUERIES = 20
"""How many lookups to time."""
FRESH = 300.0
"""Seconds. If the edge's last SYN is older, only a human can tell whether that is normal."""


def examine_store(options: argparse.Namespace) -> Iterator[Finding]:
    """Run one check after the other, up to the first fault, since that makes the rest pointless."""
    try:
        store = Store(store_url(options))
    except (OSError, ValueError, ImportError) as error:
        yield Finding(False, str(error))
        return
    server = Server(store)
    try:
        for found in _checks(server, options.ip):
            yield found
            if found.ok is False:
                return
    except P0fError as error:
        remedy = "; grant %R~p0f:* +get +mget +ping" if " refuses: " in str(error) else ""
        yield Finding(False, f"{error}{remedy}")
    finally:
        server.client.close()


class Server:
    """The store, asked one command at a time."""

    def __init__(self, store: Store) -> None:
        self.name: str = store.name
        self.client: Any = store.client(ANSWER_TIMEOUT)
        self._store = store

    def ask(self, *words: str | bytes) -> Any:
        """The reply to a command. Raises P0fError."""
        try:
            return self.client.execute_command(*words)
        except Exception as error:
            raise self._store.explain(error) from None


def _checks(server: Server, ip_address: str | None) -> Iterator[Finding]:
    yield check_reachable(server)
    yield check_rights(server)
    yield check_edge(server)
    if ip_address is not None:
        yield check_address(server, ip_address)


def check_reachable(server: Server) -> Finding:
    """Is there a server, and does it accept the URL's user and password?"""
    server.ask("PING")
    return Finding(True, f"the server at {server.name} answers")


def check_rights(server: Server) -> Finding:
    """May the URL's user read what edges write, and how long does a lookup take?"""
    key = address_key(pack("127.0.0.1"))
    times = []
    for _ in range(QUERIES):
        began = time.perf_counter()
        server.ask("MGET", key + b":1", key)
        times.append(time.perf_counter() - began)
    typical = statistics.median(times)
    text = (
        f"a lookup takes {typical * 1000:.2f} ms (at most {max(times) * 1000:.2f} ms; a request"
        f" waits {TIMEOUT * 1000:g} ms)"
    )
    return Finding(True if max(times) < TIMEOUT else None if typical < TIMEOUT else False, text)


def check_edge(server: Server) -> Finding:
    """Does an edge write, and has it seen a SYN lately?"""
    sign = read_sign(server.ask("GET", EDGE_KEY))
    if sign is None:
        return Finding(
            False,
            "no edge has written in the last 3 minutes: is p0f-middleware edge running, and does it"
            " write to this server and database?",
        )
    now = time.time()
    who = f"the edge on {sign.host} ({sign.interface})"
    if sign.last_syn is None:
        return Finding(
            None, f"{who} runs, and has seen no SYN since it started: check --interface and --port"
        )
    age = max(0.0, now - sign.last_syn)
    text = f"{who} has written {sign.written} SYNs, the last about {span(age)} ago"
    return Finding(True if age < FRESH else None, text)


def check_address(server: Server, ip_address: str) -> Finding:
    """Does the store have the last SYN of an address, and did that address send it?"""
    address = client_address(ip_address)
    if address is None:
        return Finding(False, f"{ip_address} is not the IP address of a client")
    key = address_key(pack(address))
    syn = server.ask("GET", key)
    shown = key.decode()
    if not isinstance(syn, bytes):
        return Finding(
            False,
            f"the store has no {shown}: has {address} connected to the edge's interface and port in"
            " the last hour? If a proxy stands in front of the edge, the store has only the proxy's"
            " SYN. With edge --no-address, it has only the SYNs of connections",
        )
    whose = sender(syn)
    info = fingerprint_syn(syn)
    if whose is None or whose.address != pack(address) or info is None:
        return Finding(
            False,
            f"the value of {shown} is not a SYN of {address}: find out which program wrote it",
        )
    system = " ".join(filter(None, (info.os_name, info.os_flavor))) or "no signature matches"
    return Finding(True, f"the store has a SYN of {address}: {system} ({info.raw_sig})")
