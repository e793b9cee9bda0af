"""What P0f and AsyncP0f have in common: options, counters, and asking in a thread.

Theory of operation. A process has one connection for the threads and greenlets of each client, with
one query at a time in flight: p0f answers within about 20 microseconds, so taking turns costs less
than a pool of connections would, and p0f serves only 20. Whoever holds the lock may send, receive
and reconnect; nobody else touches the connection. The holder may wait for p0f, so the others take
the lock with their lookup's deadline. A lookup that times out leaves its answer pending; the next
one drops it.

All of that is in a `_Process`, of which each process makes its own (`PerProcess`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .._errors import P0fNoMatch, P0fTimeout
from .._info import P0fInfo
from .._outcome import Outcome, P0fStatus
from .._public import seconds
from .._waiting import PerProcess, acquire
from .connection import CLOSE_TIMEOUT, Connection
from .protocol import ReadT
from .rules import Answer, ConnectionLost, Rules
from .stats import P0fStats

TIMEOUT = 0.1
NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "p0f has not seen this client")


class _Process:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.taken = time.monotonic()
        self.connection: Connection[object] | None = None
        # At "first": the connection of the first event loop. A dict: its operations are atomic.
        self.loops: dict[str, Any] = {}


class BaseClient:
    """What `P0f` and `AsyncP0f` have in common; `P0f` documents the options."""

    def __init__(self, socket_path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> None:
        self._processes = PerProcess(_Process)
        self.socket_path: str = _checked_path(socket_path)
        self.timeout: float = seconds("timeout", timeout)
        self._rules = Rules(self.socket_path, self.timeout)

    @property
    def stats(self) -> P0fStats:
        """The current counters of this client's lookups, for monitoring."""
        return P0fStats(**self._rules.counts)

    @property
    def connection(self) -> Connection[object] | None:
        """The open connection of this process's threads, for diagnosis: do not send on it."""
        connection = self._processes.here().connection
        return connection if connection and connection.open else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.socket_path!r}, timeout={self.timeout!r})"

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_finalizing():  # else the exit hook has closed the connection
            # No lookup is in progress, so no lock is needed; taking one might wait for ever.
            for process in self._processes.all():
                if process.connection is not None:
                    process.connection.release()

    def _wait_for_answer(self, query: bytes, deadline: float) -> Answer:
        rules, outage = self._rules, self._rules.outage
        process = self._processes.here()
        asked = time.monotonic()
        deadline = min(deadline, asked + rules.timeout)
        admitted = outage.down and outage.admit(asked)
        if not acquire(process.lock, deadline):
            self._replace_if_lost(process)
            waited = max(deadline - asked, 0.0)
            raise P0fTimeout(f"other lookups used p0f's connection for {waited:.3g} s")
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
                    if not isinstance(failure, ConnectionLost):
                        raise failure from error
        finally:
            process.lock.release()

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
            data = connection.spin() or connection.wait_and_receive(deadline)
            for owner, answer in self._rules.answers(connection, data):
                if owner is ticket:
                    return answer, pipeline.dialect
                self._rules.counts["dropped"] += 1

    def _close(self, patience: float = CLOSE_TIMEOUT) -> None:
        """Close the connection; waits up to `patience` seconds for answers that are pending."""
        process = self._processes.here()
        if acquire(process.lock, time.monotonic() + patience):
            try:
                if process.connection is not None:
                    process.connection.release(patience)
            finally:
                process.lock.release()

    def _replace_if_lost(self, process: _Process) -> None:
        """Give up a lock that nobody will release, together with what it guards."""
        longest = 2 * self.timeout + CLOSE_TIMEOUT
        if time.monotonic() - process.taken > longest and self._processes.here() is process:
            self._processes.replace()
            if process.connection is not None:
                process.connection.release()


def outcome(info: P0fInfo | None) -> Outcome:
    return NO_MATCH if info is None else Outcome(info, P0fStatus.OK, None)


def require_match(ip_address: str, result: ReadT | None) -> ReadT:
    if result is None:
        raise P0fNoMatch(f"p0f knows nothing about {ip_address}")
    return result


def _checked_path(value: object) -> str:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if isinstance(path, bytes):
        raise TypeError(f"socket_path is text, not bytes: use os.fsdecode({path!r})")
    if not isinstance(path, str):
        raise TypeError(f"socket_path is the path given to p0f with -s, not {value!r}")
    if not path:
        raise ValueError("socket_path is empty: use the path given to p0f with -s")
    if "\0" in path:
        raise ValueError(f"socket_path contains a NUL character: {path!r}")
    scheme, colon, rest = path.partition(":")
    if colon and (scheme.lower() == "unix" or rest.startswith("//")):
        bare = "/" + rest.lstrip("/") if rest.startswith("/") else rest
        raise ValueError(f"socket_path is a plain path: use {bare!r}, not {path!r}")
    return path
