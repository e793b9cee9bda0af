"""Syn: which SYN a request gets, what it is told of it, and the reason where there is none."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from p0f_middleware import (
    MatchQuality,
    P0f,
    P0fASGIMiddleware,
    P0fInfo,
    P0fWSGIMiddleware,
    Syn,
    save_syn,
)
from p0f_middleware.syn import _kernel, _server_sockets, when_ready
from p0f_middleware.syn._kernel import is_armed, read_saved_syn

pytestmark = pytest.mark.skipif(not _kernel.LINUX, reason="only Linux keeps SYNs")

NOBODY = "classes = unix,other\n\n[mtu]\n\n[tcp:request]\n"
HEADER = "X-Client-SYN"


class Visit:
    """A connection, and requests by it as gunicorn hands them over."""

    def __init__(self, accepted: socket.socket) -> None:
        self.sock = accepted
        self.address, self.port = accepted.getpeername()[:2]

    def environ(self, **changes: object) -> dict[str, Any]:
        return {
            "gunicorn.socket": self.sock,
            "REMOTE_ADDR": self.address,
            "REMOTE_PORT": str(self.port),
            **changes,
        }


@contextlib.contextmanager
def visit(listener: socket.socket) -> Iterator[Visit]:
    family = listener.family
    with socket.socket(family) as client:
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            yield Visit(accepted)


@pytest.fixture
def unarmed() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def listener(unarmed: socket.socket) -> socket.socket:
    save_syn(unarmed)
    return unarmed


@pytest.fixture
def visitor(listener: socket.socket) -> Iterator[Visit]:
    with visit(listener) as visitor:
        yield visitor


@pytest.fixture
def syn() -> Syn:
    return Syn(arm=False)


Database = Callable[[str, str], Path]
LOOPBACK_TTL = "4:64+0"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Writes a signature file that has one label, with the SYN of this machine's loopback but for
    its IP version and TTL, which are given."""

    def write(label: str, ttl: str) -> Path:
        path = tmp_path / f"{label}.fp".replace("/", "")
        signature = raw_sig_of_loopback(tmp_path).replace(LOOPBACK_TTL, ttl)
        path.write_text(f"{NOBODY}label = {label}\nsig = {signature}\n")
        return path

    return write


def raw_sig_of_loopback(folder: Path) -> str:
    nobody = folder / "nobody.fp"
    nobody.write_text(NOBODY)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        save_syn(sock)
        with visit(sock) as visitor:
            info = Syn(database=nobody, arm=False).look_up_wsgi(visitor.environ())[0]
    assert info is not None
    assert info.raw_sig is not None
    return info.raw_sig


# What a SYN tells


def test_a_syn_tells_what_p0f_would(syn: Syn, visitor: Visit) -> None:
    before = int(time.time())
    info, status, reason = syn.look_up_wsgi(visitor.environ())
    assert info is not None
    assert (status, info.source, info.os_name, info.distance) == ("ok", "syn", "Linux", 0)
    assert (info.total_conn, info.link_mtu) == (1, 65535)
    assert info.first_seen == info.last_seen
    assert before <= info.first_seen.timestamp() <= time.time()  # type: ignore[union-attr]
    assert reason is not None
    assert reason.startswith("the SYN matches s:unix:Linux:")


def test_what_a_syn_does_not_tell_is_none(syn: Syn, visitor: Visit) -> None:
    info = syn.look_up_wsgi(visitor.environ())[0]
    assert info is not None
    untold = ("uptime", "last_nat", "last_chg", "bad_sw", "http_name", "language", "tick_rate")
    assert [info[name] for name in untold] == [None] * len(untold)


def test_a_syn_that_no_signature_matches_is_told_as_it_is(visitor: Visit, tmp_path: Path) -> None:
    (tmp_path / "nobody.fp").write_text(NOBODY)
    syn = Syn(database=tmp_path / "nobody.fp", arm=False)
    info, status, reason = syn.look_up_wsgi(visitor.environ())
    assert info is not None
    assert (status, info.os_name, info.os_match_q) == ("ok", None, MatchQuality.NORMAL)
    assert reason == f"no signature matches {info.raw_sig}"


@pytest.mark.parametrize(
    ("label", "ttl", "quality", "reason"),
    [
        ("s:unix:Test:1", "4:64", MatchQuality.NORMAL, "the SYN matches s:unix:Test:1"),
        ("g:unix:Test:1", "4:64", MatchQuality.GENERIC, "the SYN matches g:unix:Test:1"),
        (
            "s:unix:Test:1",
            "4:128",
            MatchQuality.FUZZY,
            "the SYN matches s:unix:Test:1 but for a detail",
        ),
    ],
)
def test_the_quality_of_a_match_is_told(
    visitor: Visit, database: Database, label: str, ttl: str, quality: MatchQuality, reason: str
) -> None:
    syn = Syn(database=database(label, ttl), arm=False)
    info, _, told = syn.look_up_wsgi(visitor.environ())
    assert info is not None
    assert (info.os_name, info.os_flavor, info.os_match_q, told) == ("Test", "1", quality, reason)


def test_a_program_is_not_told_as_a_system(visitor: Visit, tmp_path: Path) -> None:
    path = tmp_path / "program.fp"
    signature = raw_sig_of_loopback(tmp_path)
    path.write_text(f"{NOBODY}label = s:!:Scanner:2\nsys = @unix\nsig = {signature}\n")
    info, status, reason = Syn(database=path, arm=False).look_up_wsgi(visitor.environ())
    assert info is not None
    assert (status, info.os_name) == ("ok", None)
    assert reason == "the SYN is that of a program, which tells no system: s:!:Scanner:2"


def test_a_distance_that_is_only_a_limit_is_not_told(visitor: Visit, database: Database) -> None:
    syn = Syn(database=database("s:unix:Test:", "4:64-"), arm=False)
    info = syn.look_up_wsgi(visitor.environ())[0]
    assert info is not None
    assert (info.os_name, info.distance) == ("Test", None)


def test_names_too_long_for_p0f_are_cut(visitor: Visit, database: Database) -> None:
    syn = Syn(database=database(f"s:unix:{'é' * 40}:x", "4:64"), arm=False)
    info = syn.look_up_wsgi(visitor.environ())[0]
    assert info is not None
    assert info.os_name == "é" * 16


# One connection, many requests


def test_later_requests_of_a_connection_get_the_same(syn: Syn, visitor: Visit) -> None:
    assert syn.look_up_wsgi(visitor.environ()) is syn.look_up_wsgi(visitor.environ())


def test_a_descriptor_used_again_is_another_connection(syn: Syn, listener: socket.socket) -> None:
    answers = []
    for _ in range(2):
        with visit(listener) as visitor:
            answers.append((visitor.sock.fileno(), syn.look_up_wsgi(visitor.environ())))
    (first, told_first), (second, told_second) = answers
    assert first == second
    assert (told_second[1], told_second is told_first) == ("ok", False)


def test_two_sources_in_a_process_may_ask_about_one_connection(visitor: Visit) -> None:
    answers = [Syn(arm=False).look_up_wsgi(visitor.environ())[0] for _ in range(2)]
    assert all(answers)


# Whose SYN it is


@pytest.mark.parametrize("port", [None, "", "0", 0, "None"])
def test_a_server_that_tells_no_port_is_believed(syn: Syn, visitor: Visit, port: object) -> None:
    assert syn.look_up_wsgi(visitor.environ(REMOTE_PORT=port))[1] == "ok"


def test_a_mapped_address_is_the_syns(syn: Syn, visitor: Visit) -> None:
    assert syn.look_up_wsgi(visitor.environ(REMOTE_ADDR="::ffff:127.0.0.1"))[1] == "ok"


@pytest.mark.parametrize("change", [{"REMOTE_ADDR": "203.0.113.7"}, {"REMOTE_PORT": "1"}])
def test_another_address_or_port_than_the_syns_is_a_proxys(
    syn: Syn, visitor: Visit, change: dict[str, object]
) -> None:
    info, status, reason = syn.look_up_wsgi(visitor.environ(**change))
    assert (info, status) == (None, "unavailable")
    assert reason is not None
    assert reason.startswith(
        f"the peer is a proxy: the connection is from 127.0.0.1 port {visitor.port}"
    )


@pytest.mark.parametrize("address", [None, "", "localhost", "0.0.0.0"])
def test_a_request_without_address_has_no_fingerprint(
    syn: Syn, visitor: Visit, address: object
) -> None:
    outcome = syn.look_up_wsgi(visitor.environ(REMOTE_ADDR=address))
    assert outcome == (None, "no_address", "the request has no client address")


def test_a_trusted_proxys_own_syn_is_not_told(visitor: Visit) -> None:
    syn = Syn(arm=False, trusted_proxies="127.0.0.1")
    assert syn.look_up_wsgi(visitor.environ()) == (
        None,
        "unavailable",
        "the peer is a proxy and sends no client's SYN",
    )


# No SYN


def test_a_connection_that_came_before_arming_has_none(unarmed: socket.socket) -> None:
    with visit(unarmed) as early:
        assert Syn(arm=False).look_up_wsgi(early.environ()) == (
            None,
            "unavailable",
            "the listener was not armed before this connection came: call save_syn",
        )


def test_a_listener_that_nobody_armed_is_armed_at_a_request(unarmed: socket.socket) -> None:
    syn = Syn(arm=True)
    with visit(unarmed) as visitor:
        assert is_armed(unarmed.fileno())
        assert syn.look_up_wsgi(visitor.environ())[1] == "ok"


def test_a_listener_made_after_syn_is_armed_at_its_first_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    syn = Syn(arm=False)
    syn._arm = True
    monkeypatch.setattr("p0f_middleware.syn._syn.armer._next_look", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as late:
        with visit(late) as first:
            assert syn.look_up_wsgi(first.environ())[1] == "unavailable"
        with visit(late) as second:
            assert syn.look_up_wsgi(second.environ())[1] == "ok"


def test_a_syn_that_something_else_has_read_is_gone(syn: Syn, visitor: Visit) -> None:
    read_saved_syn(visitor.sock.fileno())
    info, status, reason = syn.look_up_wsgi(visitor.environ())
    assert (info, status) == (None, "unavailable")
    assert reason is not None
    assert reason.startswith("the kernel kept no SYN")


def test_a_unix_socket_has_no_syn(syn: Syn) -> None:
    one, other = socket.socketpair()
    with one, other:
        environ = {"gunicorn.socket": one, "REMOTE_ADDR": "192.0.2.1"}
        info, status, reason = syn.look_up_wsgi(environ)
    assert (info, status) == (None, "unavailable")
    assert reason is not None
    assert "cannot be read" in reason


def test_a_closed_connection_has_no_syn(syn: Syn, visitor: Visit) -> None:
    visitor.sock.close()
    assert syn.look_up_wsgi(visitor.environ())[2] == "the connection is closed"


def test_an_unknown_server_is_named(syn: Syn) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "SERVER_SOFTWARE": "Unheard/1.0"}
    assert syn.look_up_wsgi(environ)[2] == "Unheard/1.0 gives no way to the connection"


def test_each_reason_is_logged_once(syn: Syn, caplog: pytest.LogCaptureFixture) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "SERVER_SOFTWARE": "Unheard/1.0"}
    for _ in range(3):
        syn.look_up_wsgi(environ)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Unheard/1.0 gives no way" in caplog.text


# ASGI


class Transport:
    """asyncio's, as far as it is used."""

    def __init__(self, sock: socket.socket, closing: bool = False) -> None:
        self.sock = sock
        self.closing = closing

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str) -> object:
        return {"socket": self.sock}[name]


class Cycle:
    """A request of uvicorn's."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def receive(self) -> None: ...


Cycle.__module__ = "uvicorn.protocols"


async def nothing() -> None:
    """A `receive` or `send` that belongs to no server."""


def scope_of(visitor: Visit, **changes: object) -> dict[str, Any]:
    client = (visitor.address, visitor.port)
    return {"type": "http", "client": client, "headers": [], **changes}


def test_uvicorns_transport_leads_to_the_syn(syn: Syn, visitor: Visit) -> None:
    cycle = Cycle(Transport(visitor.sock))
    assert syn.look_up_asgi(scope_of(visitor), cycle.receive, nothing)[1] == "ok"


def test_a_closing_transport_is_not_looked_at(syn: Syn, visitor: Visit) -> None:
    cycle = Cycle(Transport(visitor.sock, closing=True))
    outcome = syn.look_up_asgi(scope_of(visitor), cycle.receive, nothing)
    assert outcome[2] == "the connection is closed"


def test_a_server_of_another_version_is_a_reason(syn: Syn, visitor: Visit) -> None:
    cycle = Cycle(Transport(visitor.sock))
    del cycle.transport
    _, status, reason = syn.look_up_asgi(scope_of(visitor), cycle.receive, nothing)
    assert status == "unavailable"
    assert reason is not None
    assert reason.startswith("no way to the connection: AttributeError")


def test_without_a_way_the_connection_is_found_by_its_peer(syn: Syn, visitor: Visit) -> None:
    scope = scope_of(visitor, client=[visitor.address, str(visitor.port)])
    assert [syn.look_up_asgi(scope, nothing, nothing)[1] for _ in range(2)] == ["ok", "ok"]


def test_a_peer_found_before_is_looked_for_again_when_it_has_gone(
    syn: Syn, listener: socket.socket
) -> None:
    for _ in range(2):
        with visit(listener) as visitor:
            _server_sockets._found[visitor.address, visitor.port] = listener.fileno()
            assert syn.look_up_asgi(scope_of(visitor), nothing, nothing)[1] == "ok"


def test_two_connections_of_one_peer_are_not_chosen_from(syn: Syn, visitor: Visit) -> None:
    with socket.socket(fileno=os.dup(visitor.sock.fileno())):
        _, status, reason = syn.look_up_asgi(scope_of(visitor), nothing, nothing)
    assert status == "unavailable"
    assert reason is not None
    assert "2 sockets" in reason


def test_a_process_with_many_descriptors_is_not_searched(
    syn: Syn, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server_sockets, "MOST_DESCRIPTORS", 3)
    _, status, reason = syn.look_up_asgi(scope_of(visitor), nothing, nothing)
    assert status == "unavailable"
    assert reason is not None
    assert "more than 3 file descriptors" in reason


def test_without_a_way_and_port_there_is_nothing_to_look_for(syn: Syn, visitor: Visit) -> None:
    scope = scope_of(visitor, client=(visitor.address, 0))
    _, status, reason = syn.look_up_asgi(scope, nothing, nothing)
    assert status == "unavailable"
    assert reason is not None
    assert "nor the client's port" in reason


@pytest.mark.parametrize("client", [None, ("", "0"), ["::unspecified", 0]])
def test_a_scope_without_address_has_no_fingerprint(syn: Syn, visitor: Visit, client: Any) -> None:
    outcome = syn.look_up_asgi(scope_of(visitor, client=client), nothing, nothing)
    assert outcome[1] == "no_address"


# What a trusted proxy says


@pytest.fixture
def client_syn(listener: socket.socket) -> str:
    """The SYN of a client at 127.0.0.2, as HAProxy sends it."""
    with socket.create_connection(listener.getsockname(), source_address=("127.0.0.2", 0)):
        accepted, _ = listener.accept()
        with accepted:
            return read_saved_syn(accepted.fileno()).hex().upper()


BEHIND: dict[str, Any] = {"arm": False, "header": HEADER, "trusted_proxies": ["127.0.0.1", "::1"]}
Ask = Callable[..., Any]


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest, visitor: Visit) -> Ask:
    """Asks a Syn about a request with these headers that came by the visitor's connection."""

    def ask_wsgi(syn: Syn, peer: str, headers: dict[str, str]) -> Any:
        keys = {f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers}
        return syn.look_up_wsgi(visitor.environ(REMOTE_ADDR=peer, REMOTE_PORT="0", **keys))

    def ask_asgi(syn: Syn, peer: str, headers: dict[str, str]) -> Any:
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = scope_of(visitor, client=(peer, 0), headers=pairs)
        return syn.look_up_asgi(scope, Cycle(Transport(visitor.sock)).receive, nothing)

    return ask_wsgi if request.param == "wsgi" else ask_asgi


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"X-Forwarded-For": "127.0.0.2"},
        {"X-Forwarded-For": "198.51.100.1, 127.0.0.2"},
        {"Forwarded": "for=127.0.0.2"},
    ],
)
def test_a_trusted_proxy_sends_the_clients_syn(
    ask: Ask, client_syn: str, others: dict[str, str]
) -> None:
    info, status, reason = ask(Syn(**BEHIND), "127.0.0.1", {HEADER: client_syn, **others})
    assert (status, info.source, info.os_name) == ("ok", "syn", "Linux")
    assert reason.startswith("the SYN matches")


def test_the_client_that_a_server_put_in_the_proxys_place_is_told_its_syn(
    ask: Ask, client_syn: str
) -> None:
    info, status, _ = ask(Syn(**BEHIND), "127.0.0.2", {HEADER: client_syn})
    assert (status, info.source) == ("ok", "syn")


@pytest.mark.parametrize(
    ("peer", "others", "because"),
    [
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.3"}, "the client is 127.0.0.3"),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.2, 127.0.0.3"}, "the client is 127.0.0.3"),
        ("127.0.0.1", {"X-Forwarded-For": "nobody"}, "the client is unknown"),
        (
            "127.0.0.1",
            {"X-Forwarded-For": "127.0.0.2", "Forwarded": "for=127.0.0.3"},
            "the client is unknown",
        ),
        ("127.0.0.3", {}, "the client is 127.0.0.3"),
    ],
)
def test_a_syn_of_somebody_else_than_the_client_is_not_told(
    ask: Ask, client_syn: str, peer: str, others: dict[str, str], because: str
) -> None:
    info, status, reason = ask(Syn(**BEHIND), peer, {HEADER: client_syn, **others})
    assert (info, status) == (None, "unavailable")
    assert reason == f"the SYN in {HEADER} is from 127.0.0.2, but {because}"


def test_the_syn_of_a_proxy_before_the_proxy_is_not_told(ask: Ask, client_syn: str) -> None:
    syn = Syn(**BEHIND | {"trusted_proxies": ["127.0.0.1", "127.0.0.2"]})
    _, status, reason = ask(syn, "127.0.0.1", {HEADER: client_syn})
    assert (status, reason) == (
        "unavailable",
        f"the SYN in {HEADER} is from 127.0.0.2, but that is a proxy too",
    )


def test_a_client_inside_of_a_trusted_network_is_told_its_syn(ask: Ask, client_syn: str) -> None:
    syn = Syn(**BEHIND | {"trusted_proxies": "127.0.0.0/8"})
    headers = {HEADER: client_syn, "X-Forwarded-For": "127.0.0.2"}
    assert ask(syn, "127.0.0.1", headers)[1] == "ok"


def test_a_proxy_that_sends_no_syn_has_no_fingerprint(ask: Ask) -> None:
    _, status, reason = ask(Syn(**BEHIND), "127.0.0.1", {"X-Forwarded-For": "127.0.0.2"})
    assert (status, reason) == ("unavailable", "the peer is a proxy and sends no client's SYN")


def test_a_client_cannot_send_a_syn(ask: Ask, client_syn: str) -> None:
    syn = Syn(**BEHIND | {"trusted_proxies": "192.0.2.1"})
    info, status, _ = ask(syn, "127.0.0.1", {HEADER: client_syn})
    assert (status, info) == ("ok", ask(Syn(arm=False), "127.0.0.1", {})[0])


@pytest.mark.parametrize("value", ["", "-", "zz", "45", "4" * 2000, "é", "45,45", "00" * 60])
def test_what_is_no_syn_matches_nothing(ask: Ask, value: str) -> None:
    info, status, reason = ask(Syn(**BEHIND), "127.0.0.1", {HEADER: value})
    assert (info, status) == (None, "no_match")
    assert reason == "this is no SYN that p0f fingerprints"


# Options and defaults


def test_a_header_needs_trusted_proxies() -> None:
    with pytest.raises(ValueError, match="there are none"):
        Syn(arm=False, header=HEADER)


def test_a_signature_file_with_an_error_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.fp").write_text("[tcp:request]\nsig = nonsense\n")
    with pytest.raises(ValueError, match=r"bad\.fp:2"):
        Syn(arm=False, database=tmp_path / "bad.fp")


def test_a_signature_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Syn(arm=False, database=tmp_path / "none.fp")


@pytest.mark.parametrize("middleware", [P0fWSGIMiddleware, P0fASGIMiddleware])
def test_trusted_proxies_are_for_syn_not_for_the_middleware(middleware: Any, syn: Syn) -> None:
    with pytest.raises(ValueError, match="give trusted_proxies to Syn"):
        middleware(lambda *_: [], syn, trusted_proxies=["127.0.0.1"])


@pytest.mark.parametrize("middleware", [P0fWSGIMiddleware, P0fASGIMiddleware])
def test_without_a_source_it_is_the_connections_syn(
    middleware: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    assert isinstance(middleware(lambda *_: []).source, Syn)


def test_without_a_source_it_is_p0f_if_the_environment_has_its_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("P0F_SOCKET", "/run/p0f.sock")
    source = P0fWSGIMiddleware(lambda *_: []).source
    assert isinstance(source, P0f)
    assert source.socket_path == "/run/p0f.sock"


def test_the_middleware_puts_it_into_environ(syn: Syn, visitor: Visit) -> None:
    environ = visitor.environ()
    P0fWSGIMiddleware(lambda *_: [], syn)(environ, lambda *_: lambda _: None)
    assert isinstance(environ["p0f.info"], P0fInfo)
    assert (environ["p0f.status"], environ["p0f.reason"][:15]) == ("ok", "the SYN matches")


def test_nothing_of_it_is_imported_until_it_is_used() -> None:
    program = (
        "import sys, p0f_middleware;"
        "p0f_middleware.P0fWSGIMiddleware(None, '/run/p0f.sock');"
        "print([name for name in sys.modules if name.startswith('p0f_middleware.')"
        " and name.split('.')[1] == 'syn'])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout == b"[]\n"


# gunicorn's hook


def test_when_ready_arms_gunicorns_listeners(unarmed: socket.socket) -> None:
    when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=unarmed)]))
    assert is_armed(unarmed.fileno())


def test_when_ready_leaves_unix_sockets_alone(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_UNIX) as unix, caplog.at_level(logging.INFO):
        when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=unix)]))
    assert "are not kept" in caplog.text
