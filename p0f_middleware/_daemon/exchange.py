"""Asking p0f and waiting for the answer: what `P0f` does, and the worker threads of `AsyncP0f`.

Theory of operation. A process has one connection, with one query at a time in flight: p0f answers
within about 20 microseconds, so taking turns costs threads less than a pool of connections would,
and p0f serves only 20 connections. The thread that holds `SharedConnection.lock` may send, receive
and replace the connection; no other thread touches it. The holder may wait for p0f, also in gevent
or eventlet, so the lock is taken as `_waiting` describes. A lookup that times out leaves its answer
pending; the next lookup reads and drops it.

A background thread, the watch, closes an idle connection. It only tries the lock, so it never
delays a lookup. It ends before the process forks, since Python warns of threads at a fork; the next
lookup starts another one. On Python 3.13, a process that forks after its last lookup keeps its
connection until it ends: there, no hook can start a thread after a fork without that warning.

A forked child makes a `SharedConnection` of its own; it recognises the parent's by the process id.
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
        health: the client's view of p0f; the exchanger reports outages to it.
        counters: where answers are counted; None if the caller counts them, because it may stop
            waiting before the answer arrives.
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
        """The answer to `query` as `reader` returns it, or the result of `kept_meanwhile`.

        Args:
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.
            kept_meanwhile: returns the result that another lookup has found while this one waited
                for the connection, or None.

        Raises:
            P0fUnavailable, P0fProtocolError: as `P0f.lookup`. A timeout counts as an outage of p0f
                only if the lookup had nearly the whole `timeout`.
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
        # No exchange is in progress, so no lock is needed; taking one here might wait for ever.
        self._shared.release()
        self._shared.stop_watch()

    def before_fork(self) -> None:
        """Python warns of threads at a fork, so the watch ends before it."""
        self._shared.end_watch()

    def after_fork_in_child(self) -> None:
        """Nothing to do: `shared_here` makes a connection of the child's own."""

    def shared_here(self) -> SharedConnection:
        """This process's connection and lock; a forked child does not use its parent's."""
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
        """Make another connection and lock if the lock of this one will never be released.

        That happens if a signal handler raises between the taking of the lock and the `try`.
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
        """Ask on the open connection; if that turns out to be dead, ask once more on a new one."""
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
        """Read an answer with `reader`, and count it. Needs the lock, which guards the counters."""
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
        """Send the query and read up to its answer; drop the answers that were pending before."""
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
        """The failure that an exception stands for; None if the exception is the caller's own.

        Releases a connection that cannot be used any more.
        """
        if isinstance(error, TimeoutError):
            return self._timed_out(shared, connection, deadline, cut_short)
        if isinstance(error, P0fProtocolError):
            shared.abandon()
            return diagnosis.not_p0f(error, self._socket_path)
        # The system's errors have a number. An OSError without one comes from a signal handler.
        if isinstance(error, OSError) and (error.errno is not None or isinstance(error, P0fError)):
            shared.release()
            return ConnectionLost(diagnosis.closed(self._socket_path, error))
        # The caller was interrupted: its greenlet was killed, or a signal handler raised. During a
        # wait, nothing is half done: the answer stays pending and will be dropped. Anywhere else,
        # it is unknown what was sent or read.
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
        """The error for a lookup that has timed out; releases a connection that is useless."""
        seconds = max(deadline - shared.last_used, 0.0)
        error = diagnosis.no_answer(connection.pipeline, self._socket_path, seconds)
        if isinstance(error, P0fProtocolError):
            shared.abandon()
        elif connection.useless and not cut_short:
            shared.release()
        return error
