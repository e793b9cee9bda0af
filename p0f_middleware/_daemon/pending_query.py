"""A query on its way, and the batch it was asked in, for the connection of an event loop.

A query is abandoned once all its futures are done: the tasks that waited were cancelled, or their
time was up. It knows no connection, and does not ask.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, NamedTuple

from .._errors import P0fError
from .protocol import Reader


def copied(error: P0fError) -> P0fError:
    """A copy of an error, to be raised in another task: each adds its own traceback."""
    copy = type(error)(*error.args)
    copy.__dict__.update(error.__dict__)
    return copy


class Batch:
    """The queries of one iteration of the event loop."""

    __slots__ = ("deadline", "queries", "retried", "shares")

    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        """`time.monotonic()` at which its lookups expire; known when the iteration ends."""
        self.queries: dict[object, PendingQuery] = {}
        """By what makes the answers the same."""
        self.shares = False
        """Whether several lookups wait for the same query."""
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
        for future in self.futures:
            if not future.done():
                future.set_exception(copied(error))
                future.exception()  # the task may be cancelled before it takes it: no complaint
