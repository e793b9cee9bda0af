"""What both clients do alike: connecting, reading answers, and saying what a failure means.

A lookup waits for its answer in `base` (threads and greenlets) or in `loop_connection` (tasks
of an event loop). Whatever it gets, an answer or an exception, means the same to both: it is said
here, where nothing waits.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from .._errors import P0fError, P0fProtocolError, P0fUnavailable
from .._outage import Outage
from .._public import logger
from . import diagnosis
from .connection import Connection
from .protocol import Dialect, Reader, ReadT, TicketT
from .stats import P0fStats

# A lookup that expires begins an outage only if p0f had this share of the timeout to answer.
# Otherwise the caller's deadline has cut it short, or other lookups have used up its time.
ENOUGH = 0.9

Answer: TypeAlias = tuple[bytes, Dialect]


class ConnectionLost(P0fUnavailable):
    """p0f has closed a connection on which it had answered before: perhaps it was restarted. Worth
    another try on a new connection."""


class Rules:
    """One client's view of its p0f; `P0f` documents the options."""

    def __init__(self, socket_path: str, timeout: float) -> None:
        self.timeout = timeout
        self.outage = Outage("p0f", socket_path)
        # Threads share them without a lock: a lost count can be stood.
        self.counts: dict[str, int] = dict.fromkeys(P0fStats._fields, 0)
        self._socket_path = socket_path
        self._has_connected = False
        self._warned_of_answer = False

    def connect(self) -> Connection[Any]:
        """A new connection. Raises P0fUnavailable if p0f cannot be reached: an outage begins."""
        try:
            connection: Connection[Any] = Connection(self._socket_path)
        except OSError as error:
            raise self._down(diagnosis.explain(error, self._socket_path)) from error
        self.counts["reconnects"] += self._has_connected
        self._has_connected = True
        return connection

    def answers(
        self, connection: Connection[TicketT], data: bytes | None
    ) -> list[tuple[TicketT, bytes]]:
        """The answers that these bytes complete, as `Pipeline.receive`. They end an outage."""
        answers = connection.pipeline.receive(data) if data else []
        if self.outage.down and answers:
            self.outage.answered()
        return answers

    def read(self, answer: Answer, reader: Reader[ReadT]) -> ReadT | None:
        """What a reader makes of an answer. If it makes no sense, that is no outage."""
        try:
            result = reader(*answer)
        except P0fError as error:
            if not self._warned_of_answer:
                self._warned_of_answer = True
                logger().warning("p0f at %s: %s (logged once)", self._socket_path, str(error))
            raise
        self.counts["no_matches" if result is None else "matches"] += 1
        return result

    def failure(
        self, connection: Connection[Any], error: BaseException, had: float = math.inf
    ) -> P0fError:
        """What an exception during a lookup means: perhaps an outage, which then begins.

        A TimeoutError says that no answer came within `had` seconds. Releases a connection that
        cannot be used any more. After a `ConnectionLost`, ask again. Raises `error` itself if it is
        the caller's own.
        """
        if isinstance(error, P0fProtocolError):
            connection.abandon()
            return self._down(diagnosis.not_p0f(error, self._socket_path))
        if isinstance(error, TimeoutError) and error.errno is None:
            failure = diagnosis.no_answer(connection.pipeline, self._socket_path, had)
            if isinstance(failure, P0fProtocolError):
                connection.abandon()
            elif had < ENOUGH * self.timeout:
                return failure
            elif connection.useless:
                connection.release()
            return self._down(failure)
        # The system's errors have a number. An OSError without one comes from a signal handler.
        if isinstance(error, OSError) and error.errno is not None:
            connection.release()
            text = diagnosis.closed(self._socket_path, error)
            known = connection.pipeline.dialect is not None
            return ConnectionLost(text) if known else self._down(P0fUnavailable(text))
        # A greenlet was killed, or a signal handler raised. In a wait, nothing is half done: the
        # pending answer will be dropped. Elsewhere, it is unknown what was sent or read.
        if not connection.waiting:
            connection.release()
        raise error

    def _down(self, error: P0fError) -> P0fError:
        self.counts["outages"] += self.outage.failed(error)
        return error
