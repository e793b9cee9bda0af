"""The invariant of what reads bytes and text that others have written; see `__main__`.

Whatever p0f, or what stands in its place, and whatever a client sends, nothing is raised but
P0fProtocolError and P0fBadQuery, no answer reaches another's query, every P0fInfo can be read to
its last field, and no header makes an untrusted peer someone else. `check` holds it for one input.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import struct
from collections.abc import Callable
from ipaddress import ip_address

from p0f_middleware import P0fBadQuery, P0fInfo, P0fProtocolError
from p0f_middleware._address import client_address
from p0f_middleware._daemon.protocol import (
    DIALECTS,
    P0F_3,
    Pipeline,
    make_query,
    read_answer,
    read_raw_answer,
)
from p0f_middleware._info import FIELDS
from p0f_middleware._request.proxies import ProxyRules

_MAGIC = struct.pack("=I", 0x50304602)
_STATUSES = (0x10, 0x10, 0x10, 0x20, 0x00)
_TRUSTED = ["10.0.0.0/8", "2001:db8::/32", "::1", "unix:"]
_X_FORWARDED_FOR, _FORWARDED = ProxyRules(_TRUSTED), ProxyRules(_TRUSTED, "Forwarded")
_PROXY, _CLIENT, _STRANGER = "10.0.0.1", "203.0.113.9", "198.51.100.7"


class Input:
    """Takes the fuzzer's bytes apart; zeros once they are used up."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken.ljust(size, b"\0")

    def text(self) -> str:
        kind = self.byte() % 2
        return self.rest.decode("latin-1" if kind else "utf-8", "surrogateescape")


def check(data: bytes) -> None:
    """Hold one of the invariants against one input."""
    if data:
        _CHECKS[data[0] % len(_CHECKS)](Input(data[1:]))


def _each_ticket_gets_its_own_answer(given: Input) -> None:
    """p0f answers as it should, in pieces of any size, until it sends something else."""
    dialect = list(DIALECTS.values())[given.byte() % len(DIALECTS)]
    pipeline: Pipeline[int] = Pipeline()
    asked = answered = 0
    wire = b""
    honest = True
    while given.rest and honest:
        step = given.byte()
        if step < 100 and pipeline.room > 0:
            wire += (_MAGIC + struct.pack("=II", 0x20, asked)).ljust(dialect.size, b"\0")
            pipeline.pending.append(asked)
            asked += 1
            continue
        if step >= 250:
            honest = False
            wire += given.take(given.byte())
        # The first answer comes whole: p0f writes it at once, and its size tells the dialect.
        size = dialect.size if pipeline.dialect is None and honest else given.byte()
        chunk, wire = wire[:size], wire[size:]
        try:
            answers = pipeline.receive(chunk) if chunk else []
        except P0fProtocolError:
            assert not honest
            assert answered + len(pipeline.pending) == asked, "a ticket is lost"
            return
        for ticket, answer in answers:
            assert ticket == answered, "answers come in the order of the queries"
            assert not honest or answer[8:12] == struct.pack("=I", ticket), "another's answer"
            answered += 1
        assert answered + len(pipeline.pending) == asked


def _hostile_bytes_are_answers_or_an_error(given: Input) -> None:
    pipeline: Pipeline[int] = Pipeline()
    received, returned = b"", b""
    asked = answered = 0
    while given.rest:
        for _ in range(given.byte() % 4):
            if pipeline.room > 0:
                pipeline.pending.append(asked)
                asked += 1
        chunk = given.take(given.byte() or 243)
        if given.byte() % 4:
            chunk = _MAGIC + struct.pack("=I", _STATUSES[given.byte() % 5]) + chunk
        received += chunk
        try:
            answers = pipeline.receive(chunk)
        except P0fProtocolError:
            assert answered + len(pipeline.pending) == asked, "a ticket is lost"
            return
        for ticket, answer in answers:
            assert ticket == answered < asked
            assert pipeline.dialect is not None
            assert len(answer) == pipeline.dialect.size
            answered += 1
            returned += answer
        assert received.startswith(returned), "bytes are neither lost nor made up"


def _every_answer_can_be_read(given: Input) -> None:
    dialect = list(DIALECTS.values())[given.byte() % len(DIALECTS)]
    head = _MAGIC + struct.pack("=I", _STATUSES[given.byte() % len(_STATUSES)])
    answer = bytearray(given.take(dialect.size))
    if given.byte() % 16:
        answer[:8] = head
    if dialect is P0F_3 and given.byte() % 4:
        answer[38], answer[39] = answer[38] % 3, answer[39] % 4
    with contextlib.suppress(P0fProtocolError, P0fBadQuery):
        raw = read_raw_answer(bytes(answer), dialect)
        assert raw is None or json.dumps(raw)
    with contextlib.suppress(P0fProtocolError, P0fBadQuery):
        info = read_answer(bytes(answer), dialect)
        if info is not None:
            _read_to_the_last_field(info)


def _read_to_the_last_field(info: P0fInfo) -> None:
    assert list(dict(info)) == list(FIELDS)
    assert json.loads(json.dumps(info.as_dict(), allow_nan=False))
    shown = [repr(info), *info.describe().values(), *filter(None, (info.os_name, info.language))]
    assert all(piece.isprintable() for piece in shown), shown
    copy = pickle.loads(pickle.dumps(info))
    assert copy == info
    assert hash(copy) == hash(info)


def _a_query_is_for_the_address_it_was_made_of(given: Input) -> None:
    asked = given.text()
    try:
        query = make_query(asked)
    except P0fBadQuery:
        return
    size = {4: 4, 6: 16}[query[4]]
    assert len(query) == 21
    assert query[5 : 5 + size] == ip_address(asked).packed
    assert not any(query[5 + size :])


def _a_peer_is_an_address_or_none(given: Input) -> None:
    value = given.text()
    for peer in (value, None, value.encode("utf-8", "surrogateescape"), len(value)):
        address = client_address(peer)
        assert address is None or not ip_address(address).is_unspecified
        assert address is None or make_query(address)


def _no_header_makes_a_client_of_its_choice(given: Input) -> None:
    """What a client wrote stands left of what the trusted proxy adds, in either header."""
    written = given.text()
    for rules, added in (
        (_X_FORWARDED_FOR, f"{written}, {_CLIENT}"),
        (_FORWARDED, f"{written}, for={_CLIENT}"),
    ):
        for peer in (_PROXY, None):  # None: on a Unix socket
            assert _client(rules, peer, added) == _CLIENT
        assert rules.client(_STRANGER, 1, bool, _no_header)[:3] == (_STRANGER, 1, False)
        named = _client(rules, _PROXY, written)
        assert named is None or not ip_address(named).is_unspecified


def _no_header(_: str) -> str | None:
    raise AssertionError("a stranger's header was read")


def _client(rules: ProxyRules, peer: str | None, header: str) -> str | None:
    return rules.client(peer, None, lambda: True, lambda _: header).address


_CHECKS: tuple[Callable[[Input], None], ...] = (
    _each_ticket_gets_its_own_answer,
    _hostile_bytes_are_answers_or_an_error,
    _every_answer_can_be_read,
    _a_query_is_for_the_address_it_was_made_of,
    _a_peer_is_an_address_or_none,
    _no_header_makes_a_client_of_its_choice,
)
