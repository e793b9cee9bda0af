"""What both clients do alike: connecting, reading answers, and saying what a failure means.

A client waits for an answer in `exchange` (threads and greenlets) or in `loop_connection` (tasks of
an event loop). Whatever it then gets, it brings here, so that an answer, an outage or a lost
connection means the same to both. Nothing here waits.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from .._errors import P0fError, P0fProtocolError, P0fUnavailable
from .._log import logger
from .._outage import Outage
from . import diagnosis
from .connection import Connection
from .protocol import Dialect, Reader, ReadT, TicketT
from .stats import Counters

ENOUGH = 0.9
"""A lookup that expires begins an outage only if p0f had this share of the timeout to answer.
Otherwise the caller's deadline has cut it short, or other lookups have used up its time."""

Answer: TypeAlias = tuple[bytes, Dialect]


class ConnectionLost(P0fUnavailable):
    """p0f has closed a connection on which it had answered before: it was restarted, perhaps. Worth
    another try on a new connection."""


class Rules:
    """One client's view of its p0f.

    Args:
        socket_path: the path of p0f's API socket.
        timeout: seconds that a lookup may take.
    """

    def __init__(self, socket_path: str, timeout: float) -> None:
        self.timeout = timeout
        self.counters = Counters()
        self.outage = Outage("p0f", socket_path)
        self._socket_path = socket_path
        self._has_connected = False
        self._warned_of_answer = False

    def connect(self) -> Connection[Any]:
        """A new connection.

        Raises:
            P0fUnavailable: p0f cannot be reached, so an outage begins.
        """
        try:
            connection: Connection[Any] = Connection(self._socket_path)
        except OSError as error:
            failure = diagnosis.explain(error, self._socket_path)
            self._went_down(failure)
            raise failure from error
        self.counters.reconnects += self._has_connected
        self._has_connected = True
        return connection

    def answers(self, connection: Connection[TicketT], data: bytes) -> list[tuple[TicketT, bytes]]:
        """The answers that are complete with these bytes. Any of them ends an outage.

        Raises:
            P0fProtocolError: the server is not p0f.
        """
        answers = connection.pipeline.receive(data)
        if self.outage.down and answers:
            self.outage.answered()
        return answers

    def read(self, answer: Answer, reader: Reader[ReadT]) -> ReadT | None:
        """What a reader makes of an answer; counts the lookup as answered.

        Raises:
            P0fError: the answer makes no sense. That is logged once, and no outage.
        """
        try:
            result = reader(*answer)
        except P0fError as error:
            if not self._warned_of_answer:
                self._warned_of_answer = True
                text = str(error)
                logger().warning("p0f at %s: %s (logged once)", self._socket_path, text)
            raise
        self.counters.answered(result)
        return result

    def failure(
        self, connection: Connection[Any], error: BaseException, had: float = math.inf
    ) -> P0fError | None:
        """What an exception during a lookup means; None if it is the caller's own.

        Releases a connection that cannot be used any more, and begins an outage if it is one. After
        a `ConnectionLost`, the caller asks again.

        Args:
            connection: on which the lookup was sent.
            error: TimeoutError if no answer came in time.
            had: seconds that p0f had to answer.
        """
        failure: P0fError
        if isinstance(error, P0fProtocolError):
            failure = diagnosis.not_p0f(error, self._socket_path)
            connection.abandon()
        elif isinstance(error, TimeoutError) and error.errno is None:
            failure = diagnosis.no_answer(connection.pipeline, self._socket_path, had)
            if isinstance(failure, P0fProtocolError):
                connection.abandon()
            elif had < ENOUGH * self.timeout:
                return failure
            elif connection.useless:
                connection.release()
        # The system's errors have a number. An OSError without one comes from a signal handler.
        elif isinstance(error, OSError) and error.errno is not None:
            text = diagnosis.closed(self._socket_path, error)
            connection.release()
            if connection.pipeline.dialect is not None:
                return ConnectionLost(text)
            failure = P0fUnavailable(text)
        else:
            # The caller was interrupted: its greenlet was killed, or a signal handler raised. In
            # a wait, nothing is half done: the answer stays pending and will be dropped. Anywhere
            # else, it is unknown what was sent or read.
            if not connection.waiting:
                connection.release()
            return None
        self._went_down(failure)
        return failure

    def _went_down(self, error: P0fError) -> None:
        self.counters.outages += self.outage.failed(error)
