"""P0f: the blocking client, for threads, greenlets and forking servers.

Theory of operation. A process has one connection for the threads and greenlets of each client, with
one query at a time in flight: p0f answers within about 20 microseconds, so taking turns costs less
than a pool of connections would, and p0f serves only 20. Whoever holds the lock may send, receive
and reconnect; nobody else touches the connection. The holder may wait for p0f, so the others take
the lock with their lookup's deadline. A lookup that times out leaves its answer pending; the next
one drops it.

All of that is in a `_Process`, of which each process makes its own (`PerProcess`). A program that
uses only `P0f` must not pay for asyncio, so nothing here imports it.
"""

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, overload

from .._errors import P0fNoMatch, P0fTimeout
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome, P0fStatus
from .._public import public, seconds
from .._visitor import Visitor
from .._waiting import PerProcess, acquire
from .connection import CLOSE_TIMEOUT, Connection
from .protocol import Reader, ReadT, make_query, read_answer, read_raw_answer
from .rules import Answer, ConnectionLost, P0fStats, Rules

TIMEOUT = 0.1
_NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "p0f has not seen this client")
_OK = P0fStatus.OK  # read here once, since Python 3.11 takes 0.1 us to read a member of an Enum


class _Process:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.taken = time.monotonic()
        self.connection: Connection[object] | None = None
        # At "first": the connection of the first event loop. A dict: its operations are atomic.
        self.loops: dict[str, Any] = {}


class BaseClient:
    """What `P0f` and `AsyncP0f` have in common: options, counters, and asking in a thread."""

    _processes = PerProcess(_Process)  # of what `__init__` has refused, for `__del__`

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
        # No lookup is in progress, so no lock is needed; taking one might wait for ever. (When the
        # interpreter is finalizing, the exit hook has closed the connection.)
        if not is_finalizing() and self.connection is not None:
            self.connection.release()

    def _wait_for_answer(self, query: bytes, deadline: float) -> Answer:
        rules, process = self._rules, self._processes.here()
        asked = time.monotonic()
        deadline = min(deadline, asked + rules.timeout)
        admitted = rules.outage.admit(asked)
        if not acquire(process.lock, deadline):
            self._replace_if_lost(process)
            waited = max(deadline - asked, 0.0)
            raise P0fTimeout(f"other lookups used p0f's connection for {waited:.3g} s")
        # A signal handler that raises before the next line leaves the lock taken: it is lost.
        try:
            process.taken = now = time.monotonic()
            if rules.outage.down and not admitted:
                rules.outage.admit(now)  # it went down while we waited for the lock
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
                pipeline.pending.append(ticket)
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


def outcome(info: P0fInfo | None) -> Outcome:
    return _NO_MATCH if info is None else Outcome(info, _OK, None)


def require_match(ip_address: str, result: ReadT | None) -> ReadT:
    if result is None:
        raise P0fNoMatch(f"p0f knows nothing about {ip_address}")
    return result


@public
class P0f(BaseClient):
    """Asks the p0f daemon and waits for the answer. Threads may share one object.

    It connects when it is first used and keeps the connection. It connects again when the
    connection is lost, and after a fork or `close()`.

    Args:
        socket_path: the path given to p0f with -s, as text or as a path object.
        timeout: seconds that a lookup may take at most. After a lookup that took longer, lookups
            fail at once until a retry is due: after 0.5 s at first, then twice as long each time,
            up to 30 s.

    Raises:
        ValueError: an option has an invalid value.
        TypeError: `socket_path` is neither text nor a path.
    """

    def lookup(self, ip_address: str) -> P0fInfo | None:
        """What p0f knows about `ip_address`; None if it has not seen it.

        Raises:
            P0fBadQuery: `ip_address` is not an IP address; nothing was sent.
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        return self._ask(make_query(ip_address), read_answer)

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """What p0f knows about the visitor's address. Raises what `lookup` raises.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.
        """
        address = visitor.address
        if address is None:
            return NO_ADDRESS
        return outcome(self._ask(make_query(address), read_answer, deadline))

    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[False] = ...) -> P0fInfo: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[True]) -> dict[str, Any]: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: bool) -> P0fInfo | dict[str, Any]: ...
    def get_info(self, ip_address: str, return_raw_data: bool = False) -> P0fInfo | dict[str, Any]:
        """As `lookup`, but raises P0fNoMatch, a KeyError, if p0f has not seen the address.

        Args:
            ip_address: an IPv4 or IPv6 address as text.
            return_raw_data: return p0f's numbers and strings as they are, in a dict.
        """
        query = make_query(ip_address)
        if return_raw_data:
            return require_match(ip_address, self._ask(query, read_raw_answer))
        return require_match(ip_address, self._ask(query, read_answer))

    def close(self) -> None:
        """Close the connection; the next lookup opens another. Safe at any time, and to call twice.

        Waits up to a second for pending answers, since p0f dies when it writes an answer to a
        closed connection.
        """
        self._close()

    def __enter__(self) -> "P0f":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _ask(self, query: bytes, reader: Reader[ReadT], deadline: float = math.inf) -> ReadT | None:
        try:
            return self._rules.read(self._wait_for_answer(query, deadline), reader)
        except BaseException as error:
            self._rules.count(error)
            raise
