"""Syn: whose SYN a visitor gets, and the reason where there is none."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import P0fStatus, P0fWSGIMiddleware, save_syn
from p0f_middleware._outcome import Outcome
from p0f_middleware.syn import Syn, listeners, source, when_ready
from p0f_middleware.syn.kernel import keeps_syns, read_saved_syn

from .connections import FakeVisitor, connection, no_connection, visitor_by

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

HEADER = "X-Client-SYN"
TEXT = "4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0"


@pytest.fixture(autouse=True)
def _no_other_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources of other tests may still search, and would find the listeners of this one."""
    if listeners._thread is not None:
        listeners._thread.join(20)
    monkeypatch.setattr(listeners, "_next_search", 0.0)
    monkeypatch.setattr(listeners, "LONGEST", 0.0)


@pytest.fixture
def unarmed() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def listener(unarmed: socket.socket) -> socket.socket:
    save_syn(unarmed)
    return unarmed


@pytest.fixture
def accepted(listener: socket.socket) -> Iterator[socket.socket]:
    with connection(listener) as accepted:
        yield accepted


@pytest.fixture
def visitor(accepted: socket.socket) -> FakeVisitor:
    return visitor_by(accepted)


@pytest.fixture
def syn() -> Syn:
    return Syn(arm=False)


def ask(syn: Syn, visitor: FakeVisitor) -> Outcome:
    return syn.fingerprint(visitor, 0.0)


def unavailable(outcome: Outcome) -> str:
    """The reason of an outcome without fingerprint."""
    assert (outcome.info, outcome.status) == (None, P0fStatus.UNAVAILABLE)
    assert outcome.reason is not None
    return outcome.reason


# A fingerprint


def test_a_visitor_gets_what_its_syn_tells(syn: Syn, visitor: FakeVisitor) -> None:
    before = int(time.time())
    info, status, reason = ask(syn, visitor)
    assert info is not None
    assert (status, reason) == (P0fStatus.OK, None)
    assert (info.source, info.os_name, info.distance, info.total_conn) == ("syn", "Linux", 0, 1)
    assert info.first_seen == info.last_seen
    assert before <= info.first_seen.timestamp() <= time.time()  # type: ignore[union-attr]
    assert (info.signature or "").startswith("s:unix:Linux:")


# One connection, many requests


def test_later_requests_get_the_same_and_need_no_socket(syn: Syn, visitor: FakeVisitor) -> None:
    first = ask(syn, visitor)
    assert ask(syn, visitor) is first
    assert ask(syn, replace(visitor, find_socket=no_connection)) is first


def test_a_syn_goes_with_the_servers_object(syn: Syn, listener: socket.socket) -> None:
    kept = len(source._kept)
    with connection(listener) as accepted:
        ask(syn, visitor_by(accepted))
        assert len(source._kept) == kept + 1
    del accepted
    assert len(source._kept) == kept


class Unreferable:
    """As asyncio's and uvloop's objects for a socket."""

    __slots__ = ()


@pytest.mark.parametrize("shown", ["socket", None, Unreferable()], ids=["socket", "none", "other"])
def test_a_descriptor_used_again_is_another_connection_whatever_object_there_is(
    syn: Syn, listener: socket.socket, shown: object
) -> None:
    descriptors, ports = set(), set()
    for _ in range(3):
        with connection(listener, source="127.0.0.2") as accepted:
            visitor = visitor_by(accepted)
            if shown != "socket":
                visitor = replace(visitor, connection=shown)
            assert ask(syn, visitor).status is P0fStatus.OK
            assert ask(syn, visitor) is ask(syn, visitor)
            other = ask(syn, replace(visitor, peer_address="127.0.0.3"))
            assert other.status is P0fStatus.UNAVAILABLE
            descriptors.add(accepted.fileno())
            ports.add(visitor.port)
        del accepted, visitor
    assert (len(descriptors), len(ports)) == (1, 3)


def together_with(other: threading.Barrier, sock: socket.socket) -> socket.socket:
    other.wait(10)
    return sock


def test_requests_of_one_connection_in_two_threads_both_get_the_syn(
    syn: Syn, listener: socket.socket
) -> None:
    for _ in range(50):
        with connection(listener) as accepted:
            find_socket = partial(together_with, threading.Barrier(2), accepted)
            visitor = replace(visitor_by(accepted), find_socket=find_socket)
            with ThreadPoolExecutor(2) as pool:
                outcomes = [pool.submit(ask, syn, visitor) for _ in range(2)]
            assert [outcome.result().status for outcome in outcomes] == [P0fStatus.OK] * 2


def test_a_lock_whose_owner_is_gone_is_replaced(
    syn: Syn, visitor: FakeVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_lock", lost := threading.Lock())
    lost.acquire()
    assert ask(syn, visitor).status is P0fStatus.OK
    assert source._lock is not lost


# Whose SYN it is


@pytest.mark.parametrize(
    "change",
    [
        *({"peer_address": other} for other in ("203.0.113.7", "127.0.0.2", "::1", "no address")),
        *({"peer_port": other} for other in (0, 1)),
        *({"peer_address": "203.0.113.7", "peer_port": other} for other in (0, None)),
    ],
    ids=str,
)
def test_a_server_that_reports_another_peer_gets_no_fingerprint(
    syn: Syn, visitor: FakeVisitor, change: dict[str, Any]
) -> None:
    ask(syn, visitor)  # what the connection was told is not told to whom the server reports
    changed = replace(visitor, **change)
    assert unavailable(ask(syn, changed)) == (
        f"the server reports {changed.peer_address} port {changed.peer_port or 'unknown'} as the"
        f" client, but the connection comes from 127.0.0.1 port {visitor.peer_port}: a proxy's"
        " header was applied before this middleware. Have the server report the peer itself"
        " (uvicorn: --no-proxy-headers) and name the proxy in trusted_proxies"
    )


def test_of_a_server_that_gives_no_port_the_address_counts(syn: Syn, visitor: FakeVisitor) -> None:
    assert ask(syn, replace(visitor, peer_port=None)).status is P0fStatus.OK
    nobody = ask(syn, replace(visitor, peer_address=None, address=None))
    assert nobody == (None, P0fStatus.NO_ADDRESS, "the request has no client address")


# No SYN


def test_a_connection_that_came_before_its_listener_was_armed_has_none(
    unarmed: socket.socket,
) -> None:
    with connection(unarmed) as early:
        assert unavailable(ask(Syn(arm=False), visitor_by(early))) == (
            "TCP_SAVE_SYN was not enabled on the listener when this connection came: call save_syn"
        )
    armed = Syn()  # arms the listeners that there are
    with connection(unarmed) as late:
        assert ask(armed, visitor_by(late)).status is P0fStatus.OK


def test_a_request_has_the_listener_found_that_no_search_found(
    unarmed: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(listeners, "search", lambda: None)
        syn = Syn()
    with connection(unarmed) as first:
        early = visitor_by(first)
        assert "not enabled" in unavailable(run_watched(lambda: ask(syn, early)))
    assert listeners._thread is not None
    listeners._thread.join(20)
    with connection(unarmed) as second:
        assert ask(syn, visitor_by(second)).status is P0fStatus.OK


def test_a_connection_whose_syn_cannot_be_read_has_none(
    syn: Syn, accepted: socket.socket, visitor: FakeVisitor
) -> None:
    read_saved_syn(accepted)
    assert unavailable(ask(syn, visitor)).startswith("the kernel kept no SYN")
    one, other = socket.socketpair()
    with one, other:
        unix = FakeVisitor("192.0.2.1", find_socket=lambda: one)
        assert "cannot be read: Operation not supported" in unavailable(ask(syn, unix))
    accepted.close()
    assert "cannot be read: Bad file descriptor" in unavailable(ask(syn, visitor))


def test_http_3_has_no_syn(with_header: Syn, visitor: FakeVisitor) -> None:
    for behind_proxy in (True, False):
        over_quic = replace(visitor, http_version="3", behind_proxy=behind_proxy)
        reason = "HTTP/3 runs over QUIC, not TCP, so there is no SYN"
        assert unavailable(ask(with_header, over_quic)) == reason


def test_a_server_that_hides_its_socket_is_the_reason_and_logged_once(
    syn: Syn, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = "the server does not expose the request's socket"
    assert [unavailable(ask(syn, FakeVisitor("192.0.2.1", 1))) for _ in range(3)] == [hidden] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert hidden in caplog.text


# Behind a trusted proxy


Sent = tuple[str, int]


@pytest.fixture
def sent(listener: socket.socket) -> Sent:
    """The SYN of a client at 127.0.0.2, as HAProxy sends it, and the client's port."""
    with connection(listener, source="127.0.0.2") as accepted:
        return read_saved_syn(accepted).hex().upper(), accepted.getpeername()[1]


@pytest.fixture
def proxied(visitor: FakeVisitor, sent: Sent) -> FakeVisitor:
    """A visitor that a trusted proxy has named, whose SYN it sends."""
    named = replace(visitor, behind_proxy=True, address="127.0.0.2", port=None)
    return replace(named, headers={HEADER: sent[0]}, trusted=frozenset({"127.0.0.1"}))


@pytest.fixture
def with_header() -> Syn:
    return Syn(arm=False, header=HEADER)


def test_a_trusted_proxys_own_syn_is_not_told(syn: Syn, proxied: FakeVisitor) -> None:
    assert unavailable(ask(syn, proxied)) == (
        "Syn() cannot see through a proxy. HAProxy 3.4: Syn(header=...). nginx, Caddy: the p0f"
        " daemon or SharedSyn"
    )


def test_a_trusted_proxy_sends_the_clients_syn_whose_port_has_to_be_the_clients(
    with_header: Syn, proxied: FakeVisitor, sent: Sent
) -> None:
    for port in (None, sent[1]):
        info, status, reason = ask(with_header, replace(proxied, port=port))
        assert info is not None
        assert (status, reason, info.source, info.os_name) == (P0fStatus.OK, None, "syn", "Linux")
    unavailable(ask(with_header, replace(proxied, port=sent[1] ^ 1)))


@pytest.mark.parametrize("client", ["127.0.0.2", "203.0.113.9", None])
def test_p0fs_text_names_nobody_and_is_taken_at_the_proxys_word(
    with_header: Syn, proxied: FakeVisitor, client: str | None
) -> None:
    info, status, _ = ask(with_header, replace(proxied, address=client, headers={HEADER: TEXT}))
    assert info is not None
    assert (status, info.raw_sig, info.source) == (P0fStatus.OK, TEXT, "syn")


@pytest.mark.parametrize(
    ("address", "trusted", "reason"),
    [
        ("127.0.0.3", ["127.0.0.1"], "is from 127.0.0.2, but the client is 127.0.0.3"),
        (None, ["127.0.0.1"], None),
        (None, ["127.0.0.1", "127.0.0.2"], "is from 127.0.0.2, but that is a trusted proxy too"),
        ("127.0.0.2", ["127.0.0.1", "127.0.0.2"], None),
    ],
    ids=["somebody else", "no header names the client", "proxy before proxy", "trusted network"],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", None], ids=["TCP", "Unix socket"])
def test_whose_syn_a_trusted_proxy_sends(
    with_header: Syn,
    proxied: FakeVisitor,
    peer: str | None,
    address: str | None,
    trusted: list[str],
    reason: str | None,
) -> None:
    asked = replace(proxied, peer_address=peer, address=address, trusted=frozenset(trusted))
    outcome = ask(with_header, asked)
    if reason is None:
        assert outcome.status is P0fStatus.OK
    else:
        assert unavailable(outcome) == f"the SYN in {HEADER} {reason}"


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: " "}, {HEADER: "-"}], ids=str)
def test_a_proxy_that_sends_no_syn_has_no_fingerprint(
    with_header: Syn, proxied: FakeVisitor, headers: dict[str, str]
) -> None:
    reason = unavailable(ask(with_header, replace(proxied, headers=headers)))
    assert reason == (
        f"the trusted proxy sends no SYN in {HEADER}. HAProxy: tcp-ss 1 on the bind line"
    )


@pytest.mark.parametrize("value", ["zz", "4" * 2000, "45,45", "4:64"])
def test_what_is_not_a_syn_is_no_match(with_header: Syn, proxied: FakeVisitor, value: str) -> None:
    outcome = ask(with_header, replace(proxied, headers={HEADER: value}))
    assert outcome == (None, P0fStatus.NO_MATCH, "this is not a SYN that p0f fingerprints")


@given(value=st.text(max_size=300))
def test_any_header_gives_an_outcome(value: str) -> None:
    proxied = FakeVisitor("127.0.0.1", 1, "127.0.0.2", None, True, {HEADER: value})
    outcome = ask(HEADER_SYN, proxied)
    assert outcome.status in (P0fStatus.OK, P0fStatus.NO_MATCH, P0fStatus.UNAVAILABLE)


HEADER_SYN = Syn(arm=False, header=HEADER)


# A server that has put the client in the trusted proxy's place


@pytest.fixture
def replaced(proxied: FakeVisitor) -> FakeVisitor:
    return replace(proxied, behind_proxy=False, peer_address="127.0.0.2", peer_port=0)


def test_the_kernels_own_peer_tells_that_it_is_the_proxy_and_the_syn_has_to_be_the_clients(
    with_header: Syn, replaced: FakeVisitor
) -> None:
    for port in (None, 0, 12345):
        assert ask(with_header, replace(replaced, port=port)).status is P0fStatus.OK
    other = replace(replaced, peer_address="127.0.0.3", address="127.0.0.3")
    assert "but the client is 127.0.0.3" in unavailable(ask(with_header, other))
    stranger = replace(replaced, trusted=frozenset({"192.0.2.1"}))
    assert "the server reports 127.0.0.2" in unavailable(ask(with_header, stranger))


def test_a_header_of_a_peer_that_is_not_trusted_is_not_read(
    with_header: Syn, visitor: FakeVisitor, sent: Sent
) -> None:
    for value in (sent[0], TEXT, "nonsense"):
        outcome = ask(with_header, replace(visitor, headers={HEADER: value}))
        assert outcome == ask(Syn(arm=False), visitor)


# An event loop on which nothing may block


def run_watched(function: Callable[[], Any]) -> Any:
    """Call a function on an event loop of which BlockBuster forbids calls that may block."""
    blockbuster = pytest.importorskip("blockbuster")

    async def run() -> Any:
        with blockbuster.blockbuster_ctx():
            return function()

    return asyncio.run(run())


def test_a_request_blocks_no_event_loop(
    syn: Syn, with_header: Syn, visitor: FakeVisitor, proxied: FakeVisitor
) -> None:
    def requests() -> list[P0fStatus]:
        return [ask(syn, visitor).status, ask(with_header, proxied).status]

    assert run_watched(requests) == [P0fStatus.OK] * 2


# Options, and the middlewares


@pytest.mark.parametrize("header", ["", "X Client", "X-Client-SYN\n", "Überschrift", b"X", 7])
def test_a_header_is_the_name_of_one(header: Any) -> None:
    with pytest.raises(ValueError, match="header is the name of an HTTP header"):
        Syn(arm=False, header=header)


@pytest.mark.parametrize("through_proxy", [True, False])
def test_the_wsgi_middleware_puts_it_into_environ(
    accepted: socket.socket, sent: Sent, through_proxy: bool
) -> None:
    address, port = accepted.getpeername()
    environ = {"gunicorn.socket": accepted, "REMOTE_ADDR": address, "REMOTE_PORT": str(port)}
    if through_proxy:
        environ |= {"HTTP_X_CLIENT_SYN": sent[0], "HTTP_X_FORWARDED_FOR": "127.0.0.2"}
    source = Syn(arm=False, header=HEADER if through_proxy else None)
    proxies = ["127.0.0.1"] if through_proxy else []
    app = P0fWSGIMiddleware(lambda *_: [], source, trusted_proxies=proxies)
    app(environ, lambda *_: lambda _: None)
    assert (environ["p0f.status"], environ["p0f.reason"]) == ("ok", None)
    assert (environ["p0f.info"].source, environ["p0f.info"].os_name) == ("syn", "Linux")


def test_nothing_of_it_is_imported_until_it_is_used() -> None:
    program = (
        "import sys, p0f_middleware;"
        "p0f_middleware.P0fWSGIMiddleware(None, '/run/p0f.sock');"
        "print([name for name in sys.modules if 'syn.source' in name or 'fingerprint' in name])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout == b"[]\n"


# gunicorn's hook


def test_when_ready_arms_gunicorns_listeners_but_unix_sockets(
    unarmed: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_UNIX) as unix, caplog.at_level(logging.INFO):
        when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=s) for s in (unix, unarmed)]))
    assert keeps_syns(unarmed)
    assert "are not kept" in caplog.text
