"""Whose SYN is told: what the store has, who asks, and what he is told. No server, no waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fStatus, SharedSyn
from p0f_middleware._outcome import Outcome
from p0f_middleware.shared.keys import connection_key, merged, pack

from .syns import LINUX, WINDOWS, FakeVisitor, syn

CLIENT, PORT = "192.0.2.1", 54321
HEADER = "X-Destination"
ODD = bytes.fromhex("02040533"), 1337, 64  # as of p0f-sendsyn, which p0f does not fingerprint
TWINS = syn(CLIENT, PORT, WINDOWS, to=80, at="10.0.0.1") + syn(CLIENT, PORT, LINUX, at="10.0.0.2")
"""SYNs of two machines behind one address, to two ends of the site."""
OWN_SIX = syn("2001:db8::1", PORT, WINDOWS)
ACK = syn(CLIENT, PORT)[:33] + b"\x12" + syn(CLIENT, PORT)[34:]
direct, no_port = FakeVisitor(CLIENT, PORT), FakeVisitor(CLIENT)
NOTHING, FOREIGN, NOT_FINGERPRINTED = (
    f"no edge has shared a SYN of {CLIENT}",
    f"what the store has for {CLIENT} is not a SYN of that client",
    "the visitor's SYN is not one that p0f fingerprints",
)


def behind(destination: str | None) -> FakeVisitor:
    """A visitor behind a proxy that names what he connected to."""
    return FakeVisitor(CLIENT, PORT, {} if destination is None else {HEADER: destination})


class OfValues(SharedSyn):
    """A source whose store has these values by key."""

    values: dict[bytes, bytes]

    def _wait(self, keys: tuple[bytes, ...], deadline: float) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]


SOURCE = OfValues("redis://cache/0", destination_header=HEADER)


def ask(visitor: Any, values: dict[bytes, bytes], source: OfValues = SOURCE) -> Outcome:
    """What a visitor is told if the store has these values by key."""
    source.values = values
    return source.fingerprint(visitor, 0.0)


def stored(connection: bytes | None, address: bytes | None, of: str = CLIENT) -> dict[bytes, bytes]:
    keys = f"p0f:{{{of}}}:{PORT}".encode(), f"p0f:{{{of}}}".encode()
    return {key: value for key, value in zip(keys, (connection, address), strict=True) if value}


win, lin, last = syn(CLIENT, PORT, WINDOWS), syn(CLIENT, PORT), syn(CLIENT, 1, WINDOWS)
six, quic = FakeVisitor("2001:db8::1", PORT), FakeVisitor(CLIENT, PORT, {}, None, "3")
at_end, in_container = (
    FakeVisitor(CLIENT, PORT, None, (at, 80)) for at in ("10.0.0.1", "172.17.0.2")
)
WINDOWS_IS_TOLD, LINUX_IS_TOLD = ("Windows", "syn"), ("Linux", "syn")
# who asks, the connection's value, the address's, and the system and its source that he is told; or
# how the reason begins
CASES: dict[str, tuple[FakeVisitor, bytes | None, bytes | None, Any]] = {
    "his own": (direct, win, lin, WINDOWS_IS_TOLD),
    "his own, IPv6": (six, OWN_SIX, None, WINDOWS_IS_TOLD),
    "only the address's": (direct, None, last, ("Windows", "address")),
    "his port is not known": (no_port, lin, last, ("Windows", "address")),
    "nothing": (direct, None, None, NOTHING),
    "nothing, no port": (no_port, lin, None, NOTHING),
    "no address": (FakeVisitor(None), None, None, "the request has no client address"),
    "HTTP/3": (quic, lin, lin, "over HTTP/3"),
    "another port's": (direct, last, None, FOREIGN),
    "another port's, and the address's": (direct, last, last, ("Windows", "address")),
    "not fingerprinted": (direct, syn(CLIENT, PORT, ODD), lin, NOT_FINGERPRINTED),
    "the address's not fingerprinted": (direct, None, syn(CLIENT, 1, ODD), NOT_FINGERPRINTED),
    "twins, direct": (direct, TWINS, None, NOTHING),
    "twins, socket": (at_end, TWINS, None, WINDOWS_IS_TOLD),
    "twins, a container's socket": (in_container, TWINS, None, NOTHING),
    "one, a container's socket": (in_container, win, None, WINDOWS_IS_TOLD),
    "twins, and the address's": (behind(None), TWINS, lin, ("Linux", "address")),
    "one to another end": (behind("80"), lin, None, NOTHING),
    "one to this end": (behind("443"), lin, None, LINUX_IS_TOLD),
}
for end in ("80", "10.0.0.1", "[::ffff:10.0.0.1]:80"):
    CASES[f"twins, {end}"] = (behind(end), TWINS, None, WINDOWS_IS_TOLD)
for end in ("443", "10.0.0.2:443"):
    CASES[f"twins, {end}"] = (behind(end), TWINS, None, LINUX_IS_TOLD)
for end in ("", "81", "10.0.0.9", "no end", "80, 443", "10.0.0.1:443"):
    CASES[f"twins, {end}"] = (behind(end), TWINS, None, NOTHING)
for value in (syn("198.51.100.7", PORT), b"hello", lin[:30], ACK):
    CASES[f"{value!r}, connection"] = (direct, value, None, FOREIGN)
    CASES[f"{value!r}, address"] = (direct, None, value, FOREIGN)


@pytest.mark.parametrize(("visitor", "connection", "address", "told"), CASES.values(), ids=CASES)
def test_who_is_told_what(
    visitor: FakeVisitor, connection: bytes | None, address: bytes | None, told: Any
) -> None:
    outcome = ask(visitor, stored(connection, address, visitor.address or CLIENT))

    if isinstance(told, tuple):
        assert outcome.info is not None
        assert (outcome.info.os_name, outcome.info.source) == told
        assert (outcome.status, outcome.reason) == (P0fStatus.OK, None)
    else:
        assert outcome.info is None
        assert str(outcome.reason).startswith(told)
        assert (outcome.status is P0fStatus.UNAVAILABLE) == (told in (FOREIGN, "over HTTP/3"))


@pytest.mark.parametrize(
    ("visitor", "address", "words"),
    [(direct, b"hello", ["find out what else does"]), (no_port, lin, ["client_port_header"]),
     (direct, lin, []), (direct, syn(CLIENT, 1, ODD), [])],
)  # fmt: skip
def test_what_an_administrator_can_mend_is_logged_once(
    visitor: FakeVisitor, address: bytes, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    source = OfValues("redis://cache/0")
    for _ in range(3):
        ask(visitor, stored(None, address), source)
    assert len(caplog.records) == len(words)
    assert all(word in caplog.text for word in words)


def test_signatures_of_ones_own_may_be_used(tmp_path: Path) -> None:
    database = tmp_path / "own.fp"
    database.write_text(
        "classes = other\n[tcp:request]\nlabel = s:other:Mine:\n"
        "sig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0\n"
    )
    info = ask(direct, stored(lin, None), OfValues("redis://cache/0", database=str(database))).info

    assert info is not None
    assert info.os_name == "Mine"


# of many through the NATs of two addresses, which give ports again at once
connections = st.tuples(
    st.sampled_from([CLIENT, "198.51.100.7"]),
    st.integers(1, 2),
    st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    st.sampled_from([80, 443]),
)


@given(st.lists(st.tuples(connections, st.booleans()), max_size=30), st.data())
def test_nobody_is_ever_told_anothers_syn(arrivals: list[Any], data: st.DataObject) -> None:
    store: dict[bytes, bytes] = {}
    alive: dict[tuple[str, int, str, int], bool] = {}
    for (client, port, at, to), windows in arrivals:
        key = connection_key(pack(client), port)
        whole = syn(client, port, WINDOWS if windows else LINUX, to, at)
        store[key] = merged(whole, store.get(key, b""))
        # a NAT gives a port again only if its connection to that end has ended
        alive[client, port, at, to] = windows

        asks = data.draw(st.sampled_from([*alive]))
        named = data.draw(st.sampled_from([None, "{0}", "{1}", "{0}:{1}"]))
        headers = {} if named is None else {HEADER: named.format(*asks[2:])}
        info = ask(FakeVisitor(*asks[:2], headers), store).info

        same = [other for other in alive if other[:2] == asks[:2]]
        assert info is None or info.os_name == ("Windows" if alive[asks] else "Linux")
        assert info is not None or (len(same) > 1 and named != "{0}:{1}")
