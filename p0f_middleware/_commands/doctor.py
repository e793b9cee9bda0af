"""`p0f-middleware doctor`: why `p0f.info` is None, and what to do about it.

The doctor follows the path of a lookup in the source that the middleware has, and stops at the
first fault. It prints findings that only a human can judge with a question mark, and does not count
them as faults.
"""

import argparse
import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .._address import client_address
from .._errors import P0fError
from .._store import Store
from ..edge.agent import Sign, read_sign
from ..fingerprint import fingerprint_syn
from ..shared.keys import EDGE_KEY, address_key, pack, read_syn
from ..shared.source import TIMEOUT
from ..syn.kernel import read_saved_syn, save_syn
from . import doctor_p0f
from .doctor_p0f import Fault, Finding, examine_p0f, text_of, timed
from .terminal import add_source_options, fail, port, printable, source_of

_FRESH = 300.0  # seconds; only a human can tell whether an older last SYN is normal
_LISTEN = "0A"


def add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Find out why p0f.info is None: check the source of the fingerprints. Without an option it"
        " is the one p0f that runs here or, if there is none, Syn(). Run it as the web server's"
        " user, and then as root, who can see more."
    )
    parser.epilog = "Exit status: 0 no fault, 1 a fault, 2 it is not clear what to check."
    parser.add_argument("ip", metavar="IP", nargs="?", help="a client that should be known")
    parser.add_argument("--port", type=port, help="the port that your site's visitors connect to")
    add_source_options(parser)


def doctor(options: argparse.Namespace) -> int:
    address = None if options.ip is None else client_address(options.ip)
    if address is None and options.ip is not None:
        return fail(f"{options.ip} is not an IP address that a client can have")
    running = doctor_p0f.socket_paths()
    source = source_of(options, "P0F_SOURCE", "P0F_SOCKET", "P0F_STORE")
    if source is None and len(running) > 1:
        return fail(f"several p0f run here: name one of {', '.join(running)} with --socket")
    source = source or (running[0] if running else "syn")
    if source == "syn":
        findings = examine_syn(options.port)
    elif "://" in source:
        findings = examine_store(source, address)
    else:
        findings = examine_p0f(source, address, options.port)
    try:
        for mark, text in findings:
            print(f"{mark:6}{printable(text)}", flush=True)
    except (P0fError, ValueError, ImportError) as error:
        print(f"FAULT {printable(str(error))}")
        return 1
    return 0


def examine_syn(port: int | None) -> Iterator[Finding]:
    yield check_kernel()
    if port is None:
        yield "?", "who listens for visitors? Name your site's port with --port"
    else:
        yield check_listener(port)


def check_kernel() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            save_syn(server)
            with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
                syn = read_saved_syn(accepted)
    except OSError as error:
        raise Fault(f"Syn() does not work here: {error.strerror or error}. Use p0f") from error
    if fingerprint_syn(syn) is None:
        raise Fault(
            "this system has kept no SYN of a connection to itself. If net.ipv4.tcp_syncookies is"
            " 2, it answers each SYN with a cookie: set it to 1. Otherwise use p0f"
        )
    return "ok", "this system keeps the SYN of a connection, as Syn() needs it"


def check_listener(port: int) -> Finding:
    rows = []
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            rows += text_of(doctor_p0f.PROC / table).splitlines()[1:]
    for _, own_end, _, state, *_ in map(str.split, rows):
        if state == _LISTEN and int(own_end.rpartition(":")[2], 16) == port:
            return (
                "?",
                f"a program listens on port {port}: is it the application's own server? nginx,"
                " another proxy or Docker's opens connections of its own to the application, of"
                " which Syn() sees the SYNs: use SharedSyn or p0f there, or with HAProxy"
                ' Syn(header="X-Client-SYN"). If p0f.reason says that the server does not expose'
                " the request's socket, use p0f",
            )
    raise Fault(
        f"nothing listens on port {port} here: start your server, or run this where it runs"
        " (inside its container)"
    )


# SharedSyn. The doctor has only the application's rights (GET, MGET, PING on p0f:*), so it cannot
# list the store's keys; instead, edges write a sign of life for it.


def examine_store(url: str, address: str | None) -> Iterator[Finding]:
    store = Store(url)
    client = store.client()
    try:
        client.ping()
        yield "ok", f"the server at {store.name} answers"
        key = address_key(pack("127.0.0.1"))
        yield timed("a lookup takes", lambda: client.mget([key + b":1", key]), TIMEOUT)
        yield check_edge(read_sign(client.get(EDGE_KEY)))
        if address is not None:
            yield check_syn(client, address)
    except Exception as error:  # redis-py's, whose classes are not imported here
        text = str(store.explain(error))
        if " refuses: " in text:
            more = " +select" if "select" in text else ""
            text += f": grant the application's user %R~p0f:* +get +mget +ping{more}"
        elif text.startswith("no connection"):
            text = (
                f"{text.rstrip('.')}. Does a server run there; are host, port and password right?"
            )
        raise Fault(text) from None
    finally:
        client.close()


def check_edge(sign: Sign | None) -> Finding:
    if sign is None:
        raise Fault(
            "no edge has written in the last 3 minutes: is p0f-middleware edge running, and does it"
            " write to this server and database?"
        )
    who = f"the edge on {sign.host} ({sign.interface})"
    if sign.last_syn is None:
        hint = "It reports each minute: if it stays so, check its --interface and --port"
        return "?", f"{who} runs, and had seen no SYN when it last reported. {hint}"
    when = datetime.fromtimestamp(sign.last_syn)
    text = f"{who} has written {sign.written} SYNs, the last at {when:%Y-%m-%d %H:%M:%S}"
    return "ok" if time.time() - sign.last_syn < _FRESH else "?", text


def check_syn(client: Any, address: str) -> Finding:
    key = address_key(pack(address))
    value = client.get(key)
    if value is None:
        raise Fault(
            f"the store has no SYN of {address} as {key.decode()}: has it connected to the edge's"
            " interface and port in the last ten minutes? If a proxy stands in front of the edge,"
            " the store has only the proxy's SYN. With edge --no-address, it has only the SYNs of"
            " connections"
        )
    syn, info = read_syn(value), fingerprint_syn(value)
    if syn is None or syn.sender.address != pack(address) or info is None:
        raise Fault(
            f"the value of {key.decode()} is not a SYN of {address}: find out which program wrote"
            " it"
        )
    system = info.describe().get("Operating system", "no signature matches")
    return "ok", f"the store has a SYN of {address}: {system} ({info.raw_sig})"
