"""What one connection gets is never another's: connections on few ports, NATs, proxies, a store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fInfo, P0fStatus
from p0f_middleware._outcome import Outcome
from p0f_middleware._visitor import Visitor

from .middlewares import ASGI, HOST, OTHER, PROXY, WSGI, ServerObject, Telling

# Each is a NAT, behind which any machine may get a port that another one has just had.
ADDRESSES = HOST, OTHER


class Connection:
    """One directly to a server that shows its object for it or shows none, or one through a proxy
    that keeps one connection for all."""

    def __init__(self, number: int, way: str, address: str, port: int) -> None:
        self.machine = f"machine {number}"
        self.way, self.address, self.port = way, address, port
        self.of_server = ServerObject()

    def request(self, middleware: Any) -> Any:
        headers = [("X-Client-SYN", self.machine)]
        if self.way == "proxy":
            headers += [("X-Forwarded-For", self.address), ("X-Client-Port", str(self.port))]
            return middleware.request((PROXY, 1), headers)
        shown = middleware.showing(self.of_server) if self.way == "shown" else {}
        return middleware.request((self.address, self.port), headers, **shown)


@contextlib.contextmanager
def site(kind: Any, answer: Any) -> Iterator[Any]:
    middleware = kind(
        Telling(answer), grace=0, trusted_proxies=PROXY, client_port_header="X-Client-Port"
    )
    try:
        yield middleware
    finally:
        middleware.end()


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

    living: dict[int, Connection] = {}
    with site(kind, own_syn) as middleware:
        for count, (step, number, *where) in enumerate(history):
            if step == "open":
                living[number] = Connection(count, *where)
            elif number in living:
                keys = living[number].request(middleware)
                assert keys["p0f.info"].os_name == living[number].machine
                assert keys["p0f.address"] == living[number].address


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

    living: dict[int, Connection] = {}
    with site(kind, stored) as middleware:
        for count, (step, number, *where) in enumerate(history):
            if step == "open":
                connection = Connection(count, *where)
                pair = connection.address, connection.port
                pairs.pop(pair, None)
                # Its predecessor on this port has ended.
                living = {n: c for n, c in living.items() if (c.address, c.port) != pair}
                living[number] = connection
            elif number in living:
                connection = living[number]
                pair = connection.address, connection.port
                if step == "arrives":
                    pairs[pair] = addresses[connection.address] = connection.machine
                    continue
                info = connection.request(middleware)["p0f.info"]
                assert bool(info and info.source == "syn") == (pair in pairs)
                assert pair not in pairs or info.os_name == pairs[pair]
