"""A query on its way, and the batch it was asked in, for the connection of an event loop.

A query is abandoned once all its futures are done: the tasks that waited were cancelled, or their
time was up. It knows no connection, and does not ask.
"""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from collections.abc import Iterable
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

from .._errors import P0fError
from .protocol import Reader


def copied(error: P0fError) -> P0fError:
    """A copy of an error, to be raised in another task: each adds its own traceback."""
    copy = type(error)(*error.args)
    copy.__dict__.update(error.__dict__)
    return copy


class Batch:
    """The queries of one iteration of the event loop."""

    __slots__ = ("deadline", "retried")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        """When its lookups expire (`time.monotonic()`): at the earliest deadline of them, or the
        timeout after the iteration has ended."""
        self.retried = False
        """Whether they were asked before, on a connection that was lost."""


class PendingQuery(NamedTuple):
    """A query on its way: the ticket of its answer."""

    futures: list[asyncio.Future[Any]]
    """Of the lookups that wait for it."""
    query: bytes
    reader: Reader[Any]
    batch: Batch

    @property
    def awaited(self) -> bool:
        """Whether anybody still waits for it."""
        futures = self.futures
        return not futures[0].done() or not all(future.done() for future in futures)

    def fail(self, error: P0fError) -> None:
        """Have the lookups that wait for it raise a copy of the error."""
        fail(self.futures, error)


def fail(futures: Iterable[asyncio.Future[Any]], error: P0fError) -> None:
    """Have lookups that still wait raise a copy of the error."""
    for future in futures:
        if not future.done():
            future.set_exception(copied(error))
            future.exception()  # the task may be cancelled before it takes it: no complaint


Asked: TypeAlias = defaultdict[Reader[Any], dict[bytes, list[asyncio.Future[Any]]]]
"""Who waits, by what makes the answers the same: the reader and the query."""
pending_query = functools.partial(tuple.__new__, PendingQuery)
"""Makes a PendingQuery of a tuple, in less than half the time that its class takes."""


def of_batch(asked: Asked, batch: Batch) -> list[PendingQuery]:
    """The queries of a batch."""
    queries: list[PendingQuery] = []
    for reader, waiting in asked.items():
        queries += map(pending_query, zip(waiting.values(), waiting, repeat(reader), repeat(batch)))
    return queries
