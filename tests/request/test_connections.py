"""What one connection gets is never another's: connections on few ports, NATs, proxies, a store."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fInfo, P0fStatus
from p0f_middleware._outcome import Outcome
from p0f_middleware._visitor import Visitor

from .middlewares import ASGI, HOST, OTHER, WSGI, ServerObject, Telling

PROXY = "10.0.0.1"
# Each is a NAT, behind which any machine may get a port that another one has just had.
ADDRESSES = HOST, OTHER


class Site:
    """A middleware, and connections to it: directly to a server that shows its object for them or
    shows none, or through a proxy that keeps one connection for all of them."""

    def __init__(self, kind: Any, source: Any) -> None:
        self.middleware = kind(
            source, grace=0, trusted_proxies=PROXY, client_port_header="X-Client-Port"
        )

    def request(self, connection: Connection) -> Any:
        if connection.way == "proxy":
            headers = [
                ("X-Forwarded-For", connection.address),
                ("X-Client-Port", str(connection.port)),
                ("X-Client-SYN", connection.machine),
            ]
            return self.middleware.request((PROXY, 1), headers)
        shown = connection.way == "shown"
        return self.middleware.request(
            (connection.address, connection.port),
            [("X-Client-SYN", connection.machine)],
            **(self.middleware.showing(connection.of_server) if shown else {}),
        )


class Connection:
    def __init__(self, number: int, way: str, address: str, port: int) -> None:
        self.machine = f"machine {number}"
        self.way, self.address, self.port = way, address, port
        self.of_server = ServerObject()


steps = st.lists(
    st.tuples(
        st.sampled_from(["open", "ask", "ask", "arrives"]),
        st.integers(0, 2),
        st.sampled_from(["shown", "hidden", "proxy"]),
        st.sampled_from(ADDRESSES),
        st.integers(50000, 50001),
    ),
    max_size=30,
)
kinds = st.sampled_from([WSGI, ASGI])


@given(kinds, steps)
def test_a_source_of_each_connections_own_syn(kind: Any, history: list[Any]) -> None:
    def own_syn(visitor: Visitor, _deadline: float) -> Outcome:
        info = P0fInfo(os_name=visitor.header("X-Client-SYN"), source="syn")
        return Outcome(info, P0fStatus.OK, None)

    site = Site(kind, Telling(own_syn))
    living: dict[int, Connection] = {}
    try:
        for count, (step, number, *where) in enumerate(history):
            if step == "open":
                living[number] = Connection(count, *where)
            elif number in living:
                keys = site.request(living[number])
                assert keys["p0f.info"].os_name == living[number].machine
                assert keys["p0f.address"] == living[number].address
    finally:
        site.middleware.end()


@given(kinds, steps)
def test_a_store_into_which_syns_come_late(kind: Any, history: list[Any]) -> None:
    """An edge writes a connection's SYN under its pair at some time after it was opened; until then
    the store has the last one of the address, or nothing."""
    pairs: dict[tuple[str, int], str] = {}
    addresses: dict[str, str] = {}

    def stored(visitor: Visitor, _deadline: float) -> Outcome:
        address, port = visitor.address or "", visitor.port or 0
        if machine := pairs.get((address, port)):
            return Outcome(P0fInfo(os_name=machine, source="syn"), P0fStatus.OK, None)
        if machine := addresses.get(address):
            return Outcome(P0fInfo(os_name=machine, source="address"), P0fStatus.OK, None)
        return Outcome(None, P0fStatus.NO_MATCH, "not seen")

    site = Site(kind, Telling(stored))
    living: dict[int, Connection] = {}
    try:
        for count, (step, number, *where) in enumerate(history):
            if step == "open":
                connection = Connection(count, *where)
                pair = connection.address, connection.port
                pairs.pop(pair, None)
                # Its predecessor on this port has ended.
                living = {n: c for n, c in living.items() if (c.address, c.port) != pair}
                living[number] = connection
            elif number not in living:
                continue
            elif step == "arrives":
                connection = living[number]
                pairs[connection.address, connection.port] = connection.machine
                addresses[connection.address] = connection.machine
            else:
                connection = living[number]
                info = site.request(connection)["p0f.info"]
                now = pairs.get((connection.address, connection.port))
                assert bool(info and info.source == "syn") == bool(now)
                assert now is None or info.os_name == now
    finally:
        site.middleware.end()
