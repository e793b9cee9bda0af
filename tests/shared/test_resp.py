"""RESP2: commands to bytes, bytes to replies."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.shared.resp import Replies, StoreError, command, mget

values = st.none() | st.binary(max_size=60)
replies = st.lists(
    st.just(b"OK") | st.integers(0, 1 << 40) | values | st.lists(values, max_size=8), max_size=8
)


def written(reply: Any) -> bytes:
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, list):
        return b"*%d\r\n" % len(reply) + b"".join(map(value, reply))
    return b"+OK\r\n" if reply == b"OK" else value(reply)


def value(data: bytes | None) -> bytes:
    return b"$-1\r\n" if data is None else b"$%d\r\n%b\r\n" % (len(data), data)


def test_a_command_is_a_list_of_words() -> None:
    assert command(b"SET", b"k", b"\r\n") == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n"


def test_mget_asks_for_all_keys_at_once() -> None:
    assert mget([b"a", b"bc"]) == b"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$2\r\nbc\r\n"


@given(replies)
def test_replies_are_read_as_they_were_written(wanted: list[Any]) -> None:
    assert Replies().feed(b"".join(map(written, wanted))) == wanted


@given(replies)
def test_replies_may_come_byte_by_byte(wanted: list[Any]) -> None:
    reader = Replies()
    stream = b"".join(map(written, wanted))

    assert [r for i in range(len(stream)) for r in reader.feed(stream[i : i + 1])] == wanted


def test_an_error_is_a_reply() -> None:
    (error,) = Replies().feed(b"-NOPERM no permissions\r\n")

    assert isinstance(error, StoreError)
    assert str(error) == "NOPERM no permissions"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\0\0\0\0",
        b"$x\r\n",
        b"$-2\r\n",
        b"$99999999999\r\n",
        b"*99999999999\r\n",
        b"$1\r\nabc",
        b"*1\r\n+OK\r\n",
        b"*1\r\n*1\r\n$1\r\na\r\n",
        b"$1_0\r\n",
        b"+" + b"x" * 5000,
    ],
)
def test_what_is_not_resp_is_an_error_at_once(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Replies().feed(data)


def test_an_endless_reply_is_an_error() -> None:
    reader = Replies()
    reader.feed(b"*60000\r\n" + value(bytes(50)) * 10_000)

    with pytest.raises(ValueError, match="longer than a megabyte"):
        reader.feed(value(bytes(50)) * 20_000)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_replies_or_an_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        Replies().feed(data)
