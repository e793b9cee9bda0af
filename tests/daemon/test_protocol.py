"""The p0f API on the wire: the bytes of a query, what answers say, and whose answer is whose."""

from __future__ import annotations

import struct
import sys
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from p0f_middleware import P0fBadQuery, P0fInfo, P0fProtocolError
from p0f_middleware._daemon.protocol import (
    DIALECTS,
    MAX_IN_FLIGHT,
    P0F_3,
    P0F_API2,
    P0F_MTU,
    Dialect,
    Pipeline,
    make_query,
    read_answer,
    read_raw_answer,
    write_answer,
)

OK = struct.pack("=II", 0x50304602, 0x10)
each_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
dialects = st.sampled_from(list(DIALECTS.values()))

u32 = st.integers(0, 2**32 - 1)
strings = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)
infos = st.builds(
    P0fInfo,
    **dict.fromkeys(
        ["first_seen", "last_seen", "total_conn", "uptime_min", "last_nat", "last_chg"], u32
    ),
    **dict.fromkeys(
        ["os_name", "os_flavor", "http_name", "http_flavor", "link_type", "language"], strings
    ),
    up_mod_days=st.integers(0, 999_999_999),
    distance=st.integers(-(2**15), 2**15 - 1),
    bad_sw=st.integers(0, 2),
    os_match_q=st.integers(0, 3),
    link_mtu=st.integers(0, 2**16 - 1),
    tick_rate=st.floats(allow_nan=False),
)


def numbered(number: int, dialect: Dialect = P0F_3) -> bytes:
    """An answer that can be told from others."""
    return write_answer(P0fInfo(os_name=f"host {number}"), dialect)


def number_of(answer: bytes, dialect: Dialect = P0F_3) -> int:
    info = read_answer(answer, dialect)
    assert info is not None
    assert info.os_name is not None
    return int(info.os_name.removeprefix("host "))


def asked(count: int, dialect: Dialect | None = P0F_3) -> Pipeline[int]:
    """A connection with queries 0, 1, ... on the wire; one that has answered before, or none."""
    pipeline = Pipeline[int]()
    if dialect is not None:
        pipeline.pending.append(-1)
        pipeline.receive(write_answer(None, dialect))
    for number in range(count):
        pipeline.pending.append(number)
    return pipeline


# Queries


@pytest.mark.skipif(sys.byteorder != "little", reason="the bytes are those of such a machine")
@pytest.mark.parametrize(
    ("ip_address", "query"),
    [
        ("192.0.2.1", "01463050 04 c0000201 000000000000000000000000"),
        ("255.255.255.255", "01463050 04 ffffffff 000000000000000000000000"),
        ("2001:db8::1", "01463050 06 20010db8000000000000000000000001"),
        ("2001:DB8:0::1", "01463050 06 20010db8000000000000000000000001"),
        ("::ffff:192.0.2.1", "01463050 06 00000000000000000000ffffc0000201"),
    ],
)
def test_a_query_is_these_21_bytes(ip_address: str, query: str) -> None:
    assert make_query(ip_address) == bytes.fromhex(query)


NO_ADDRESSES = [
    *("", "192.0.2.1\n", "192.0.2.1\0.evil", "localhost", "192.0.2.1/24", "192.0.2.1:80"),
    *("192.0.2.256", "01.2.3.4", "3221225985", "0xc0.0.2.1", "١٩٢.0.2.1", "[2001:db8::1]"),
    *("fe80::1%eth0", "::1%", ":", "2001:db8::1\0", "\ud800", "\ud800:", "1" * 1_000_000),
    *(":" * 1_000_000, None, b"192.0.2.1", b"\xc0\0\2\1", 3221225985, ["192.0.2.1"]),
]


@pytest.mark.parametrize("value", NO_ADDRESSES, ids=lambda value: ascii(value)[:30])
def test_what_is_no_address_is_not_asked_for(value: Any) -> None:
    with pytest.raises(P0fBadQuery) as raised:
        make_query(value)
    assert len(str(raised.value)) < 200


@given(st.ip_addresses())
def test_every_address_can_be_asked_for(address: Any) -> None:
    assert make_query(str(address)).startswith(
        struct.pack("=IB", 0x50304601, address.version) + address.packed
    )


# What an answer says


FIELDS = (
    *("first_seen", "last_seen", "total_conn", "uptime_min", "up_mod_days", "last_nat"),
    *("last_chg", "distance", "bad_sw", "os_match_q"),
    *("os_name", "os_flavor", "http_name", "http_flavor", "link_type", "language"),
)
COUNTS = struct.pack("=7IhBB", 1, 2, 3, 4, 5, 6, 7, -8, 1, 2)
NAMES = b"".join(name.ljust(32, b"\0") for name in (b"a", b"b", b"c", b"d", b"e", b"f"))
API2_HEAD = struct.pack("=BHd", 2, 1500, 250.0)


@pytest.mark.parametrize(
    ("dialect", "answer", "more"),
    [
        (P0F_3, OK + COUNTS + NAMES, {}),
        (
            P0F_MTU,
            OK + COUNTS + NAMES[:128] + struct.pack("=H", 1500) + NAMES[128:],
            {"link_mtu": 1500},
        ),
        (P0F_API2, OK + API2_HEAD + COUNTS + NAMES, {"link_mtu": 1500, "tick_rate": 250.0}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_answer_is_read_from_these_bytes(
    dialect: Dialect, answer: bytes, more: dict[str, float]
) -> None:
    assert read_raw_answer(answer, dialect) == {
        "magic": 0x50304602,
        "status": 0x10,
        **dict(zip(FIELDS, (1, 2, 3, 4, 5, 6, 7, -8, 1, 2, *"abcdef"), strict=True)),
        **more,
    }


@given(infos, dialects)
def test_a_dialect_loses_only_what_it_has_no_field_for(info: P0fInfo, dialect: Dialect) -> None:
    answered = read_answer(write_answer(info, dialect), dialect)

    assert answered is not None
    assert {name: answered[name] for name in dialect.names} == {
        name: info[name] for name in dialect.names
    }


@each_dialect
@pytest.mark.parametrize("read", [read_answer, read_raw_answer])
def test_no_match_is_none(read: Any, dialect: Dialect) -> None:
    assert read(write_answer(None, dialect), dialect) is None


def changed(offset: int, layout: str, value: Any) -> bytes:
    """An answer of p0f 3.0x that differs in one place."""
    answer = bytearray(write_answer(P0fInfo(os_name="Linux"), P0F_3))
    struct.pack_into(f"={layout}", answer, offset, value)
    return bytes(answer)


@pytest.mark.parametrize("read", [read_answer, read_raw_answer])
@pytest.mark.parametrize("status", [1, 0x30, 0x10000010, 0xFFFFFFFF])
def test_an_unknown_status_is_an_error(read: Any, status: int) -> None:
    with pytest.raises(P0fProtocolError, match=f"status {status:#x}"):
        read(changed(4, "I", status), P0F_3)
    with pytest.raises(P0fBadQuery, match="p0f called the query bad"):
        read(changed(4, "I", 0), P0F_3)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "complaint"),
    [
        (38, "B", 255, "bad_sw 255"),
        (39, "B", 4, "os_match_q 4"),
        (24, "I", 1_000_000_000, "up_mod_days 1000000000"),
    ],
)
def test_a_constant_out_of_range_is_an_error(
    offset: int, layout: str, value: int, complaint: str
) -> None:
    with pytest.raises(P0fProtocolError, match=complaint):
        read_answer(changed(offset, layout, value), P0F_3)
    assert read_raw_answer(changed(offset, layout, value), P0F_3), "raw data is not validated"


# Whose answer is whose


class Conversation(RuleBasedStateMachine):
    """Queries are asked, bytes arrive in pieces or glued: every answer finds its query."""

    @initialize(dialect=dialects)
    def connect(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.pipeline = Pipeline[int]()
        self.coming = b""
        self.asked = 0
        self.waiting: deque[int] = deque()

    @precondition(lambda self: self.pipeline.room > 0)
    @rule()
    def ask(self) -> None:
        self.pipeline.pending.append(self.asked)
        self.coming += numbered(self.asked, self.dialect)
        self.waiting.append(self.asked)
        self.asked += 1

    @precondition(lambda self: self.coming)
    @rule(size=st.integers(1, 600))
    def receive(self, size: int) -> None:
        if self.pipeline.dialect is None:
            size = self.dialect.size  # p0f writes an answer at once
        arriving, self.coming = self.coming[:size], self.coming[size:]
        for ticket, answer in self.pipeline.receive(arriving):
            assert ticket == self.waiting.popleft()
            assert number_of(answer, self.dialect) == ticket

    @invariant()
    def what_was_asked_and_not_answered_is_pending(self) -> None:
        assert self.pipeline.pending == self.waiting

    @invariant()
    def part_of_an_answer_is_noticed(self) -> None:
        assert self.pipeline.mid_answer == bool(
            len(self.coming) % self.dialect.size if self.waiting else False
        )


TestConversation = Conversation.TestCase


def test_the_first_query_travels_alone_and_later_ones_together() -> None:
    assert (asked(0, None).room, asked(1, None).room) == (1, 0)
    assert (asked(0).room, asked(MAX_IN_FLIGHT).room) == (MAX_IN_FLIGHT, 0)


# What is not p0f


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400", b"H", b"\0", b"\x02FS", b"\xff" * 232])
@pytest.mark.parametrize("before", [None, P0F_3], ids=["first", "later"])
def test_a_wrong_magic_is_an_error(greeting: bytes, before: Dialect | None) -> None:
    with pytest.raises(P0fProtocolError, match="begins with"):
        asked(1, before).receive(greeting if before is None else greeting.ljust(232, b"\0"))


@pytest.mark.parametrize("size", [244, 255, 32768])
def test_an_answer_larger_than_any_known_is_an_error(size: int) -> None:
    with pytest.raises(P0fProtocolError, match="answers of 232, 234, 243 bytes are known"):
        asked(1, None).receive(OK.ljust(size, b"\0"))


@pytest.mark.parametrize("size", [8, 100, 231, 233, 235, 242])
def test_an_answer_of_an_unknown_size_is_never_taken_for_one(size: int) -> None:
    pipeline = asked(1, None)

    assert pipeline.receive(OK.ljust(size, b"\0")) == []
    assert (pipeline.dialect, pipeline.mid_answer) == (None, True)


@pytest.mark.parametrize("owed", [0, 1, 5])
def test_more_than_was_asked_for_is_an_error(owed: int) -> None:
    with pytest.raises(P0fProtocolError, match=f"more than the {owed} answers asked for"):
        asked(owed).receive(numbered(0) * owed + b"\x02")


def test_garbage_behind_a_good_answer_leaves_every_ticket_pending() -> None:
    """Who waits for the good answer has to be told too."""
    pipeline = asked(3)
    with pytest.raises(P0fProtocolError, match="not an answer of p0f"):
        pipeline.receive(numbered(0) + bytes(P0F_3.size))
    assert len(pipeline.pending) == 3
