"""The doctor's checks of a store of shared SYNs, seen from the application's side.

The doctor has only the application's permissions (GET, MGET, PING on p0f:*), so it cannot list the
store's keys; instead, edges write a sign of life for it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from .._address import client_address
from .._store import Store
from ..edge.agent import Sign, read_sign
from ..fingerprint import fingerprint_syn
from ..shared.keys import EDGE_KEY, address_key, pack, sender
from ..shared.source import TIMEOUT
from .terminal import Finding, span

QUERIES = 20
"""How many lookups to time."""
FRESH = 300.0
"""Seconds. If the edge's last SYN is older, only a human can tell whether that is normal."""


def examine_store(url: str, ip_address: str | None) -> Iterator[Finding]:
    """Run one check after the other, up to the first fault, since that makes the rest pointless."""
    try:
        store = Store(url)
        client = store.client()
    except (ValueError, TypeError, ImportError) as error:
        yield Finding(False, str(error))
        return
    try:
        for found in _checks(client, store.name, ip_address):
            yield found
            if found.ok is False:
                return
    except Exception as error:  # redis-py's, whose classes are not imported here
        text = str(store.explain(error))
        remedy = ": grant its user %R~p0f:* +get +mget +ping" if " refuses: " in text else ""
        yield Finding(False, text + remedy)
    finally:
        client.close()


def _checks(client: Any, name: str, ip_address: str | None) -> Iterator[Finding]:
    client.ping()
    yield Finding(True, f"the server at {name} answers")
    yield check_speed(client)
    sign = read_sign(client.get(EDGE_KEY))
    found = None if ip_address is None else check_address(client, ip_address)
    yield check_edge(sign, seen=found is not None and found.ok is True)
    if found is not None:
        yield found


def check_speed(client: Any) -> Finding:
    """May the URL's user read what edges write, and how long does a lookup take?"""
    key = address_key(pack("127.0.0.1"))
    times = []
    for _ in range(QUERIES):
        began = time.perf_counter()
        client.mget([key + b":1", key])
        times.append(time.perf_counter() - began)
    typical = statistics.median(times)
    text = (
        f"a lookup takes {typical * 1000:.2f} ms (at most {max(times) * 1000:.2f} ms; a request"
        f" waits {TIMEOUT * 1000:g} ms)"
    )
    return Finding(True if max(times) < TIMEOUT else None if typical < TIMEOUT else False, text)


def check_edge(sign: Sign | None, *, seen: bool) -> Finding:
    """Does an edge write, and has it seen a SYN lately?

    Args:
        seen: whether the store has the SYN that the user asks for, which the edge may have written
            after its sign of life.
    """
    if sign is None:
        return Finding(
            False,
            "no edge has written in the last 3 minutes: is p0f-middleware edge running, and does it"
            " write to this server and database?",
        )
    who = f"the edge on {sign.host} ({sign.interface})"
    if sign.last_syn is None:
        text = f"{who} runs, and had seen no SYN when it last reported"
        hint = "" if seen else ". If it stays so, check its --interface and --port"
        return Finding(seen or None, text + hint)
    age = max(0.0, time.time() - sign.last_syn)
    text = f"{who} has written {sign.written} SYNs, the last about {span(age)} ago"
    return Finding(seen or age < FRESH or None, text)


def check_address(client: Any, ip_address: str) -> Finding:
    """Does the store have the last SYN of an address, and did that address send it?"""
    address = client_address(ip_address)
    if address is None:
        return Finding(False, f"{ip_address} is not the IP address of a client")
    key = address_key(pack(address))
    syn = client.get(key)
    shown = key.decode()
    if syn is None:
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
