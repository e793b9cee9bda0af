"""What the tasks of one event loop share: the pending lookups, and the connection.

Theory of operation. Everything here runs in the loop's thread, except the opening of a connection.
The lookups of one iteration of the loop are sent together, in one MGET, when the iteration ends.
Lookups that start while a command is in flight wait, and are sent together when its reply has
arrived. So one command is in flight at a time, and replies cannot be mixed up. One timer watches
all pending lookups. When an exchange fails, all pending lookups fail, and its connection is closed.

The fact a reader would get wrong: a lookup whose task was cancelled is still part of its MGET. Its
future is done, so its values are dropped.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from .._errors import P0fError, P0fTimeout, P0fUnavailable
from .base import MOST_TOGETHER, StoreHealth, from_client, values_in
from .line import Line, LineLost
from .resp import Value, mget
from .store import Store, lost_text, not_redis, open_in
from .worker import Worker

_LATE = 0.004
"""Seconds by which a timer may be late; a later timer means that the loop was blocked."""


class _Asked:
    """A lookup that waits for its values, or for a P0fError."""

    __slots__ = ("deadline", "future", "keys")

    def __init__(self, keys: tuple[bytes, ...], future: asyncio.Future[Any], deadline: float):
        self.keys = keys
        self.future = future
        self.deadline = deadline

    def give(self, result: list[Value] | P0fError) -> None:
        if not self.future.done():
            self.future.set_result(result)


class LoopExchange:
    """What the tasks of one loop share. Its two subclasses get the values."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, health: StoreHealth, timeout: float
    ) -> None:
        self._loop = weakref.ref(loop)  # weak: the source keeps this object under the loop as key
        self.pid: int = os.getpid()
        self.health = health
        self._timeout = timeout
        self._waiting: deque[_Asked] = deque()
        self._under_way: list[_Asked] = []
        self._sent_at = 0.0
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._excused = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop it belongs to; None if that was freed."""
        return self._loop()

    def ask(
        self, keys: tuple[bytes, ...], deadline: float
    ) -> asyncio.Future[list[Value] | P0fError]:
        """A future of the values of a lookup's keys, or of the P0fError that explains why there are
        none.

        Raises:
            P0fUnavailable: the store is down, and no retry is due.
        """
        now = time.monotonic()
        if self.health.outage.down:
            self.health.admit(now)
        loop = asyncio.get_running_loop()
        asked = _Asked(keys, loop.create_future(), min(deadline, now + self._timeout))
        self._waiting.append(asked)
        if not self._scheduled and not self._under_way:
            self._scheduled = True
            loop.call_soon(self._send)
        if self._timer is None or asked.deadline < self._due:
            self._watch(loop, asked.deadline)
        return asked.future

    def drop(self) -> None:
        """Close the connection; pending lookups fail."""
        self._close()
        self._fail(P0fUnavailable("the connection to the SYN store was closed"), outage=False)

    def _start(self, keys: list[bytes]) -> None:
        """Ask for values; the subclass then calls `_deliver` or `_fail`."""
        raise NotImplementedError

    def _close(self) -> None:
        """Close the connection, or cancel the call, that `_start` uses."""
        raise NotImplementedError

    def _send(self) -> None:
        """Send the lookups that wait."""
        self._scheduled = False
        waiting = self._waiting
        together = [waiting.popleft() for _ in range(min(len(waiting), MOST_TOGETHER))]
        self._under_way = [asked for asked in together if not asked.future.done()]
        if self._under_way:
            self._sent_at = time.monotonic()
            self._start([key for asked in self._under_way for key in asked.keys])

    def _deliver(self, values: list[Value]) -> None:
        """Give the lookups in flight their values, and send the lookups that wait."""
        if self.health.outage.down:
            self.health.answered()
        under_way, self._under_way = self._under_way, []
        at = 0
        for asked in under_way:
            asked.give(values[at : at + len(asked.keys)])
            at += len(asked.keys)
        if self._waiting:
            self._send()

    def _fail(self, error: P0fError, *, outage: bool = True) -> None:
        """Fail all pending lookups. Each gets its own exception, since raising adds a traceback."""
        if outage:
            self.health.failed(error)
        failed, self._under_way = [*self._under_way, *self._waiting], []
        self._waiting.clear()
        for asked in failed:
            asked.give(type(error)(*error.args))

    def _watch(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Set the timer, so that `_check` runs at `due` (`time.monotonic()`)."""
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = loop.call_later(max(0.0, due - time.monotonic()), self._check)

    def _check(self) -> None:
        """Fail the lookups that have expired. The timer calls it."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        if now - self._due > _LATE and not self._excused:
            # The loop was blocked, and the store's answer may have arrived meanwhile.
            self._excused = True
            self._watch(loop, now + _LATE)
            return
        self._excused = False
        if self._under_way and now - self._sent_at >= 0.9 * self._timeout:
            self._close()
            self._fail(P0fTimeout(f"the SYN store did not answer within {self._timeout:g} s"))
        for asked in (*self._under_way, *self._waiting):
            if asked.deadline <= now + 0.0005:
                asked.give(P0fTimeout("the SYN store did not answer in the time that was left"))
        left = [one for one in (*self._under_way, *self._waiting) if not one.future.done()]
        if left:
            self._watch(loop, min(asked.deadline for asked in left))


class ServerExchange(LoopExchange):
    """Gets values from the server that a URL names."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, health: StoreHealth, timeout: float, store: Store
    ) -> None:
        super().__init__(loop, health, timeout)
        self._store = store
        self._worker = Worker()
        self._line: Line | None = None
        self._opening = False
        self._kept = False  # whether the line has answered before
        self._count = 0

    def _start(self, keys: list[bytes]) -> None:
        self._count = len(keys)
        if self._line is None:
            if not self._opening:
                self._open()
            return
        try:
            self._line.begin(mget(keys))
        except LineLost as error:
            self._lost(error)

    def _open(self) -> None:
        self._opening = True
        loop = asyncio.get_running_loop()

        def done(result: Line | P0fError) -> None:
            try:
                loop.call_soon_threadsafe(self._opened, result)
            except RuntimeError:  # the loop is closed
                if isinstance(result, Line):
                    result.close()

        open_in(self._worker, self._store, done)

    def _opened(self, result: Line | P0fError) -> None:
        self._opening = False
        if isinstance(result, P0fError):
            if self._under_way:
                self._fail(result)
            return
        self._line, self._kept = result, False
        asyncio.get_running_loop().add_reader(result.fd, self._readable)
        if self._under_way:
            self._start([key for asked in self._under_way for key in asked.keys])

    def _readable(self) -> None:
        line = self._line
        if line is None:
            return
        try:
            replies = line.finish(1)
            if replies is None:
                return
            if not self._under_way:
                raise ValueError("it sent a reply without a command")
            values = values_in(replies[0], self._count, self._store.name)
        except LineLost as error:
            self._lost(error)
        except P0fError as error:
            self._close()
            self._fail(error)
        except ValueError as error:
            self._close()
            self._fail(not_redis(self._store.name, error))
        else:
            self._kept = True
            self._deliver(values)

    def _lost(self, error: LineLost) -> None:
        """The server closed the connection. If it had answered on it before, open another one."""
        kept = self._kept
        self._close()
        if not self._under_way:
            return
        if kept:
            self._open()
        else:
            self._fail(P0fUnavailable(lost_text(self._store.name, error)))

    def _close(self) -> None:
        line, self._line = self._line, None
        loop = self.loop
        if line is not None:
            if loop is not None and not loop.is_closed() and self.pid == os.getpid():
                loop.remove_reader(line.fd)
            line.close()


class ClientExchange(LoopExchange):
    """Gets values from a redis.asyncio client that the user has made."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, health: StoreHealth, timeout: float, client: Any
    ) -> None:
        super().__init__(loop, health, timeout)
        self._mget: Callable[[list[bytes]], Any]
        self._mget = getattr(client, "mget_nonatomic", None) or client.mget
        self._task: asyncio.Task[Any] | None = None

    def _start(self, keys: list[bytes]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._ask(keys))

    async def _ask(self, keys: list[bytes]) -> None:
        try:
            values = from_client(await self._mget(keys), None, len(keys))
        except P0fError as error:
            self._fail(error)
        except Exception as error:
            try:
                from_client(None, error, len(keys))
            except P0fError as explained:
                self._fail(explained)
        else:
            self._deliver(values)

    def _close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
