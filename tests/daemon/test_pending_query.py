"""Queries on their way: who still waits, and how they fail."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator

import pytest

from p0f_middleware import P0fError, P0fTimeout, P0fUnavailable
from p0f_middleware._daemon.pending_query import (
    Asked,
    Batch,
    PendingQuery,
    copied,
    of_batch,
    pending_query,
)
from p0f_middleware._daemon.protocol import read_answer, read_raw_answer


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def of(*futures: asyncio.Future[object]) -> PendingQuery:
    return pending_query((list(futures), b"query", read_answer, Batch(math.inf)))


def test_a_query_is_awaited_while_one_future_is_not_done(loop: asyncio.AbstractEventLoop) -> None:
    first, second = loop.create_future(), loop.create_future()
    query = of(first, second)
    awaited = [query.awaited]
    for future in (first, second):
        future.cancel()
        awaited.append(query.awaited)

    assert awaited == [True, True, False]


def test_a_failure_reaches_those_who_wait_each_with_its_own_copy(
    loop: asyncio.AbstractEventLoop,
) -> None:
    given_up, first, second = (loop.create_future() for _ in range(3))
    given_up.cancel()
    error = P0fTimeout("late")
    of(given_up, first, second).fail(error)
    errors = [first.exception(), second.exception()]

    assert [str(each) for each in errors] == ["late", "late"]
    assert errors[0] is not errors[1]
    assert error not in errors


def test_a_copy_tells_whether_p0f_was_asked() -> None:
    error = P0fUnavailable("p0f is down")
    error.skipped = True
    copy = copied(error)

    assert isinstance(copy, P0fUnavailable)
    assert copy.skipped
    assert not copied(P0fError("other")).__dict__


def test_a_batch_has_a_query_for_each_reader_and_address(loop: asyncio.AbstractEventLoop) -> None:
    asked: Asked = defaultdict(dict)
    asked[read_answer] = {b"a": [loop.create_future()], b"b": [loop.create_future()]}
    asked[read_raw_answer] = {b"a": [loop.create_future()]}
    batch = Batch(1.0)
    queries = of_batch(asked, batch)

    assert [(query.query, query.reader) for query in queries] == [
        (b"a", read_answer),
        (b"b", read_answer),
        (b"a", read_raw_answer),
    ]
    assert {query.batch for query in queries} == {batch}
