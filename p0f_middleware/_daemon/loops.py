"""Which event loops have a connection to p0f of their own.

Theory of operation. An event loop in use gets a `LoopConnection`, which pipelines the queries of
its tasks. But p0f serves only 20 connections, and a process may have any number of loops at the
same time: under WSGI, each thread that calls an async view has a loop. So at most `MAX_CONNECTIONS`
loops have a connection; a loop that is closed, or has been idle, releases its connection.

Loops of several threads use `Loops` at the same time, so a lock guards changes to the table of
connections. It is held while connecting, which never waits. Only its loop's thread uses a
connection; once that loop is closed, any thread may shut the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence

from .._async_library import running_loop
from .._brief_lock import BriefLock
from .._errors import P0fUnavailable
from . import diagnosis, fork
from .connection import CLOSE_TIMEOUT, Connection
from .health import Health
from .loop_connection import LoopConnection
from .pending_query import PendingQuery

MAX_CONNECTIONS = 3
"""How many loops may have a connection at the same time. With the one connection that all other
loops share, a process has four, so the 20 that p0f serves by default are enough for five processes.
While loops reconnect after a restart of p0f, there may be up to twice as many for a moment."""


class Loops:
    """The connections of event loops.

    Args:
        socket_path: the path of p0f's API socket.
        timeout: seconds that a lookup may take.
        idle: seconds without a lookup after which a connection is closed.
        health: the client's view of p0f.
    """

    def __init__(self, socket_path: str, timeout: float, idle: float, health: Health) -> None:
        self._socket_path = socket_path
        self._timeout = timeout
        self._idle = idle
        self._health = health
        self._lock = BriefLock()
        self._connections: dict[asyncio.AbstractEventLoop, LoopConnection] = {}
        fork.register(self)

    def connection_of(
        self, loop: asyncio.AbstractEventLoop, *, reconnect: bool = False
    ) -> LoopConnection | None:
        """The connection of the running loop; None if `MAX_CONNECTIONS` other loops have one.

        Args:
            loop: the running loop.
            reconnect: whether the loop has just lost its connection: then it gets a new one in any
                case.

        Raises:
            P0fUnavailable: p0f is down, or cannot be reached.
        """
        if self._health.outage.down:
            self._health.admit(time.monotonic())
        connection = self._connections.get(loop)
        if connection is None or connection.closed:
            with self._lock:
                self._forget_unused()
                if len(self._connections) >= MAX_CONNECTIONS and not reconnect:
                    return None
                connection = self._connections[loop] = self._connect(loop)
        return connection

    async def close(self) -> None:
        """Release all connections; waits for pending answers on the running loop's connection."""
        with self._lock:
            connections, self._connections = self._connections, {}
        here = running_loop()
        for loop, connection in connections.items():
            if loop is here:
                await connection.finish(CLOSE_TIMEOUT)
            elif loop.is_closed() or connection.connection.pid != os.getpid():
                connection.shut()
            else:
                with contextlib.suppress(RuntimeError):  # the loop has just been closed
                    loop.call_soon_threadsafe(connection.shut)

    def before_fork(self) -> None:
        """Nothing to do: there is no thread to end."""

    def after_fork_in_child(self) -> None:
        """Start without loops, which the parent keeps, and with a lock that no thread holds."""
        self._lock = BriefLock()
        self._connections = {}

    def _forget_unused(self) -> None:
        """Release the connections of closed loops, and forget connections that are closed."""
        for loop, connection in list(self._connections.items()):
            if loop.is_closed() or connection.closed:
                del self._connections[loop]
                connection.shut()

    def _connect(self, loop: asyncio.AbstractEventLoop) -> LoopConnection:
        try:
            connection: Connection[PendingQuery] = Connection(self._socket_path)
        except OSError as failure:
            error = diagnosis.explain(failure, self._socket_path)
            self._health.failed(error)
            raise error from failure
        self._health.connected()
        return LoopConnection(
            connection,
            loop,
            self._health,
            socket_path=self._socket_path,
            timeout=self._timeout,
            idle=self._idle,
            ask_again=self._ask_again,
        )

    def _ask_again(self, loop: asyncio.AbstractEventLoop, queries: Sequence[PendingQuery]) -> None:
        """Send queries again, on a new connection, after theirs was lost."""
        try:
            connection = self.connection_of(loop, reconnect=True)
        except P0fUnavailable as error:
            for query in queries:
                query.fail(error)
        else:
            assert connection is not None
            connection.put(queries)
