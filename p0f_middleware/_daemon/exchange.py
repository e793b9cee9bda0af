"""Asking p0f and waiting for the answer: what `P0f` does, and the worker threads of `AsyncP0f`.

Theory of operation. A process has one connection, and one query at a time travels on it: p0f
answers within some 20 microseconds, so threads that take turns wait less than a pool of connections
would cost, and p0f has only 20 to give. Who holds `SharedConnection.lock` may use the connection,
send, receive, replace it; nobody else touches it. The holder may wait for p0f, also in gevent or
eventlet, so the lock is taken as `_waiting` describes. A timeout leaves its answer pending; the
next lookup reads and drops it.

A thread of ours, the watch, closes a connection that nobody uses. It only tries the lock, so it
holds nobody up. It ends before the process forks (Python warns of threads then, and so do locks);
the next lookup starts another one. A process that forks on Python 3.13, after
its last lookup, keeps its connection until it ends: there, nothing can start a thread after a fork
without the warning.

A forked child makes a `SharedConnection` of its own, which it knows by the process id.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable

from .._errors import P0fError, P0fProtocolError, P0fTimeout
from . import diagnosis, fork
from .connection import CLOSE_TIMEOUT, SEND_FLAGS, Connection, ConnectionLost
from .health import ENOUGH, Health
from .protocol import Dialect, Reader, ReadT
from .shared_connection import SharedConnection
from .stats import Counters


class Exchanger:
    """Sends queries of several threads or greenlets on one connection, and reads their answers.

    Args:
        socket_path: the path of p0f's API socket.
        timeout: seconds that an exchange may take.
        idle: seconds without an exchange after which the connection is closed.
        health: what is known of p0f; told of outages.
        counters: where answers are counted; None: by whoever waits for them, and may have given up
            by the time they come.
    """

    def __init__(
        self,
        socket_path: str,
        timeout: float,
        idle: float,
        health: Health,
        counters: Counters | None = None,
    ) -> None:
        self.timeout = timeout
        self._counters = counters
        self._socket_path = socket_path
        self._idle = idle
        self._health = health
        self._shared = SharedConnection()
        self._by_process = {self._shared.pid: self._shared}
        fork.register(self)

    def exchange(
        self,
        query: bytes,
        reader: Reader[ReadT],
        deadline: float = math.inf,
        kept_meanwhile: Callable[[], ReadT | None] | None = None,
    ) -> ReadT | None:
        """What `reader` makes of the answer to `query`; or what `kept_meanwhile` gives.

        Args:
            deadline: `time.monotonic()` after which to wait no longer; `timeout` counts as well.
            kept_meanwhile: what another lookup has found while this one waited for the connection.

        Raises:
            P0fUnavailable, P0fProtocolError: as `P0f.lookup`. It is no outage of p0f if much less
                than `timeout` was left.
        """
        shared = self._shared
        if shared.pid != os.getpid():
            shared = self.shared_here()
        outage = self._health.outage
        started = time.monotonic()
        deadline = min(deadline, started + self.timeout)
        admitted = outage.down
        if admitted:
            self._health.admit(started)
        lock = shared.lock
        if lock.queue or not lock.try_now(False):
            self._wait_for_lock(shared, started, deadline)
            started = time.monotonic()
            deadline = max(deadline, started + 0.001)
        try:
            shared.last_used = started
            if outage.down and not admitted:
                self._health.admit(started)  # it went down while we waited for the lock
            if kept_meanwhile is not None and (kept := kept_meanwhile()) is not None:
                return self._served(kept)
            if shared.watch is None:
                shared.start_watch(self._idle)
            cut_short = deadline - started < ENOUGH * self.timeout
            answer, dialect = self._ask(shared, query, deadline, cut_short)
            return self._read(answer, dialect, reader)
        finally:
            lock.release()

    def close(self) -> None:
        """Close the connection; waits up to a second for answers that are pending."""
        shared = self.shared_here()
        if shared.lock.acquire(time.monotonic() + CLOSE_TIMEOUT):
            try:
                shared.release(CLOSE_TIMEOUT)
                shared.stop_watch()
            finally:
                shared.lock.release()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if is_finalizing():  # the exit hook has closed the connection; modules may be gone by now
            return
        # No exchange is under way, so no lock is needed; to take one might wait for ever here.
        self._shared.release()
        self._shared.stop_watch()

    def before_fork(self) -> None:
        """Python warns of threads at a fork, so the watch ends before it."""
        self._shared.end_watch()

    def after_fork_in_child(self) -> None:
        """The child has a connection of its own. (`shared_here` sees to it.)"""

    def shared_here(self) -> SharedConnection:
        """This process's connection and lock: after a fork, the parent's are not ours."""
        shared = self._shared
        pid = os.getpid()
        if shared.pid != pid:
            # setdefault is atomic: all threads of the child get the same one
            shared = self._shared = self._by_process.setdefault(pid, SharedConnection())
        return shared

    def _wait_for_lock(self, shared: SharedConnection, started: float, deadline: float) -> None:
        if not shared.lock.acquire(deadline):
            self._replace_if_stuck(shared)
            seconds = max(deadline - started, 0.0)
            raise P0fTimeout(f"other lookups used p0f's connection for {seconds:.3g} s")

    def _replace_if_stuck(self, shared: SharedConnection) -> None:
        """Make another connection and lock, if nobody will ever release the lock of this one.

        That is so if a signal handler has raised between the taking of the lock and the `try`.
        """
        if time.monotonic() - shared.last_used < 2 * self.timeout + CLOSE_TIMEOUT:
            return
        if self._shared is shared:
            self._shared = self._by_process[shared.pid] = SharedConnection()
            shared.release()
            shared.stop_watch()

    def _ask(
        self, shared: SharedConnection, query: bytes, deadline: float, cut_short: bool
    ) -> tuple[bytes, Dialect]:
        """Ask on the connection; once more on a new one if it turns out to be dead."""
        while True:
            kept = shared.connection
            connection = kept or self._connect(shared)
            try:
                return self._send_and_receive(connection, query, deadline)
            except BaseException as error:
                failure = self._failure(shared, connection, error, deadline, cut_short)
                if failure is None:
                    raise
                if kept is None or not isinstance(failure, ConnectionLost):
                    if not (cut_short and isinstance(failure, P0fTimeout)):
                        self._health.failed(failure)
                    raise failure from error

    def _served(self, kept: ReadT) -> ReadT:
        if self._counters is not None:
            self._counters.served()
        return kept

    def _read(self, answer: bytes, dialect: Dialect, reader: Reader[ReadT]) -> ReadT | None:
        """What `reader` makes of an answer, counted. Needs the lock, which guards the counting."""
        if self._health.outage.down:
            self._health.answered()
        try:
            result = reader(answer, dialect)
        except P0fError as error:
            self._health.bad_answer(error)
            raise
        counters = self._counters
        if counters is not None:
            if result is None:
                counters.no_matches += 1
            else:
                counters.matches += 1
        return result

    def _connect(self, shared: SharedConnection) -> Connection[object]:
        try:
            connection: Connection[object] = Connection(self._socket_path)
        except OSError as error:
            failure = diagnosis.explain(error, self._socket_path)
            self._health.failed(failure)
            raise failure from error
        shared.connection = connection
        self._health.connected()
        return connection

    def _send_and_receive(
        self, connection: Connection[object], query: bytes, deadline: float
    ) -> tuple[bytes, Dialect]:
        """Send the query and read until its answer, dropping those that were pending before."""
        pipeline = connection.pipeline
        ticket = object()
        asked = False
        while True:
            if not asked and (not pipeline.pending or pipeline.room > 0):
                pipeline.ask((ticket,))
                connection.sock.send(query, SEND_FLAGS)
                asked = True
            data = connection.spin()
            if data is None:
                data = connection.wait_and_receive(deadline - time.monotonic())
            for owner, answer in pipeline.receive(data):
                if owner is ticket and pipeline.dialect is not None:
                    return answer, pipeline.dialect
                self._health.counters.dropped_answer()

    def _failure(
        self,
        shared: SharedConnection,
        connection: Connection[object],
        error: BaseException,
        deadline: float,
        cut_short: bool,
    ) -> P0fError | None:
        """What an exception means, None if it is the caller's own; gives up a connection that is of
        no more use."""
        if isinstance(error, TimeoutError):
            return self._timed_out(shared, connection, deadline, cut_short)
        if isinstance(error, P0fProtocolError):
            shared.abandon()
            return diagnosis.not_p0f(error, self._socket_path)
        # The system's errors have a number. One without was raised by a signal handler.
        if isinstance(error, OSError) and (error.errno is not None or isinstance(error, P0fError)):
            shared.release()
            return ConnectionLost(diagnosis.closed(self._socket_path, error))
        # The caller is interrupted: a greenlet, or by a signal handler. While it waits nothing is
        # half done: the answer stays pending and will be dropped. Anywhere else, nobody knows what
        # was sent or read by then.
        if not connection.waiting:
            shared.release()
        return None

    def _timed_out(
        self,
        shared: SharedConnection,
        connection: Connection[object],
        deadline: float,
        cut_short: bool,
    ) -> P0fError:
        """The error for a lookup whose time is up; gives up a connection that is of no use."""
        seconds = max(deadline - shared.last_used, 0.0)
        error = diagnosis.no_answer(connection.pipeline, self._socket_path, seconds)
        if isinstance(error, P0fProtocolError):
            shared.abandon()
        elif connection.useless and not cut_short:
            shared.release()
        return error
