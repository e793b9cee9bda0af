"""Asking p0f and waiting for the answer: threads and greenlets, on one connection a process.

Theory of operation. A process has one connection for each client, with one query at a time in
flight: p0f answers within about 20 microseconds, so taking turns costs threads less than a pool of
connections would, and p0f serves only 20. Whoever holds the lock may send, receive and reconnect;
nobody else touches the connection. The holder may wait for p0f, so the others take the lock with
their lookup's deadline. A lookup that times out leaves its answer pending; the next one reads and
drops it.

All of that is in a `_Process`, made when this process first asks. So a fork needs no hook: the
child makes its own. And gevent or eventlet may have replaced the locks of `threading` by then.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .._errors import P0fTimeout
from .._waiting import acquire
from .connection import CLOSE_TIMEOUT, Connection
from .rules import Answer, ConnectionLost, Rules


class _Process:
    """What the threads of one process share."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        """Held by who uses the connection."""
        self.taken = time.monotonic()
        """When the lock was last taken for a lookup."""
        self.connection: Connection[object] | None = None


class Exchange:
    """Sends the queries of one client, one at a time, and waits for their answers."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._processes: dict[int, _Process] = {}

    def ask(self, query: bytes, deadline: float = math.inf) -> Answer:
        """The answer to a query.

        Args:
            query: the bytes to send.
            deadline: `time.monotonic()` after which to wait no longer; the timeout applies as well.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server is not p0f.
        """
        rules, outage = self._rules, self._rules.outage
        process = self._here()
        asked = time.monotonic()
        deadline = min(deadline, asked + rules.timeout)
        admitted = outage.down and outage.admit(asked)
        if not acquire(process.lock, deadline):
            self._replace_if_lost(process)
            seconds = max(deadline - asked, 0.0)
            raise P0fTimeout(f"other lookups used p0f's connection for {seconds:.3g} s")
        # A signal handler that raises before the next line leaves the lock taken: it is lost.
        try:
            process.taken = now = time.monotonic()
            if outage.down and not admitted:
                outage.admit(now)  # it went down while we waited for the lock
            while True:
                connection = process.connection
                if connection is None or not connection.open:
                    connection = process.connection = rules.connect()
                try:
                    return self._send_and_receive(connection, query, deadline)
                except BaseException as error:
                    failure = rules.failure(connection, error, deadline - now)
                    if failure is None:
                        raise
                    if not isinstance(failure, ConnectionLost):
                        raise failure from error
        finally:
            process.lock.release()

    def close(self, patience: float = CLOSE_TIMEOUT) -> None:
        """Close the connection; waits up to `patience` seconds for answers that are pending."""
        process = self._processes.get(os.getpid())
        if process is not None and acquire(process.lock, time.monotonic() + patience):
            try:
                if process.connection is not None:
                    process.connection.release(patience)
            finally:
                process.lock.release()

    @property
    def connection(self) -> Connection[object] | None:
        """This process's connection; None if none is open."""
        process = self._processes.get(os.getpid())
        connection = process and process.connection
        return connection if connection and connection.open else None

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if is_finalizing():  # the exit hook has closed the connection; modules may be gone by now
            return
        # No lookup is in progress, so no lock is needed; taking one here might wait for ever.
        for process in self._processes.values():
            if process.connection is not None:
                process.connection.release()

    def _here(self) -> _Process:
        """What this process shares; a forked child does not use its parent's."""
        pid = os.getpid()
        process = self._processes.get(pid)
        # setdefault is atomic: all threads get the same one
        return process or self._processes.setdefault(pid, _Process())

    def _replace_if_lost(self, process: _Process) -> None:
        """Give up a lock that nobody will release, together with what it guards."""
        longest = 2 * self._rules.timeout + CLOSE_TIMEOUT
        if time.monotonic() - process.taken > longest and self._here() is process:
            self._processes[process.pid] = _Process()
            if process.connection is not None:
                process.connection.release()

    def _send_and_receive(
        self, connection: Connection[object], query: bytes, deadline: float
    ) -> Answer:
        """Send the query and read up to its answer; drop the answers that were pending before."""
        pipeline: Any = connection.pipeline
        ticket = object()
        asked = connection.waiting = False
        while True:
            if not asked and (not pipeline.pending or pipeline.room > 0):
                pipeline.ask((ticket,))
                connection.send(query)
                asked = True
            data = connection.spin()
            if data is None:
                data = connection.wait_and_receive(deadline)
            for owner, answer in self._rules.answers(connection, data):
                if owner is ticket:
                    return answer, pipeline.dialect
                self._rules.counters.dropped += 1
