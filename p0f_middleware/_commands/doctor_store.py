"""`p0f-middleware doctor --store`: why SharedSyn finds nothing, seen from the application's side.

It follows the path of a lookup: the URL, the connection, the permission to read, the edge that
writes, and the SYN of the given address. The fact a reader would get wrong: the doctor has only the
application's permissions (GET, MGET, PING on p0f:*), so it cannot list the store's keys; instead,
edges write a sign of life for it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from .._address import client_address
from .._errors import P0fError
from ..fingerprint import fingerprint_syn
from ..shared.base import TIMEOUT
from ..shared.keys import EDGE_KEY, address_key, pack, sender
from ..shared.resp import Reply, StoreError, command, mget
from ..shared.store import Store, StoreConnection
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
    connection = StoreConnection(store)
    try:
        for found in _checks(connection, store.name, options.ip):
            yield found
            if found.ok is False:
                return
    except P0fError as error:
        yield Finding(False, str(error))
    finally:
        connection.drop()


def _checks(connection: StoreConnection, name: str, ip_address: str | None) -> Iterator[Finding]:
    yield check_reachable(connection, name)
    yield check_rights(connection)
    yield check_edge(connection)
    if ip_address is not None:
        yield check_address(connection, ip_address)


def check_reachable(connection: StoreConnection, name: str) -> Finding:
    """Is there a server, and does it accept the URL's user and password?"""
    reply = _ask(connection, command(b"PING"))
    if isinstance(reply, StoreError):
        return Finding(False, f"the server at {name} refuses PING: {reply}; grant +ping")
    return Finding(True, f"the server at {name} answers")


def check_rights(connection: StoreConnection) -> Finding:
    """May the URL's user read what edges write, and how long does a lookup take?"""
    key = address_key(pack("127.0.0.1"))
    times = []
    for _ in range(QUERIES):
        began = time.perf_counter()
        reply = _ask(connection, mget([key + b":1", key]))
        times.append(time.perf_counter() - began)
        if isinstance(reply, StoreError):
            return Finding(False, f"MGET is refused: {reply}; grant %R~p0f:* +get +mget +ping")
    typical = statistics.median(times)
    text = (
        f"a lookup takes {typical * 1000:.2f} ms (at most {max(times) * 1000:.2f} ms; a request"
        f" waits {TIMEOUT * 1000:g} ms)"
    )
    return Finding(True if max(times) < TIMEOUT else None if typical < TIMEOUT else False, text)


def check_edge(connection: StoreConnection) -> Finding:
    """Does an edge write, and has it seen a SYN lately?"""
    reply = _ask(connection, command(b"GET", EDGE_KEY))
    if isinstance(reply, StoreError):
        return Finding(False, f"GET is refused: {reply}; grant %R~p0f:* +get +mget +ping")
    sign = _sign(reply)
    if sign is None:
        return Finding(
            False,
            "no edge has written in the last 3 minutes: is p0f-middleware edge running, and does it"
            " write to this server and database?",
        )
    now = time.time()
    who = f"the edge on {sign['host']} ({sign['interface']})"
    if sign["last_syn"] is None:
        return Finding(
            None, f"{who} runs, and has seen no SYN since it started: check --interface and --port"
        )
    age = max(0.0, now - sign["last_syn"])
    text = f"{who} has written {sign['written']} SYNs, the last about {span(age)} ago"
    return Finding(True if age < FRESH else None, text)


def check_address(connection: StoreConnection, ip_address: str) -> Finding:
    """Does the store have the last SYN of an address, and did that address send it?"""
    address = client_address(ip_address)
    if address is None:
        return Finding(False, f"{ip_address} is not the IP address of a client")
    key = address_key(pack(address))
    syn = _ask(connection, command(b"GET", key))
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


def _ask(connection: StoreConnection, commands: bytes) -> Reply:
    return connection.exchange(commands, 1, time.monotonic() + ANSWER_TIMEOUT)[0]


def _sign(value: Reply) -> dict[str, Any] | None:
    """An edge's sign of life; None if there is none, or an invalid one."""
    try:
        sign = json.loads(value) if isinstance(value, bytes) else None
    except ValueError:
        return None
    wanted = {"host", "interface", "last_syn", "written"}
    return sign if isinstance(sign, dict) and sign.keys() >= wanted else None
