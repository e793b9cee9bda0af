"""SharedSyn: the blocking source, for threads, greenlets and forking servers.

Theory of operation. A process has one `_Exchange`, with one connection and a lock. The thread that
gets the lock asks for all lookups that wait for it, in one MGET; the other threads find their
values when they get the lock. So the store sees one command at a time, however many threads there
are, and a slow network costs a thread at most two round trips. After a fork the child makes an
exchange of its own, and does not touch the parent's connection and lock.

The fact a reader would get wrong: a redis-py client that the user has made has its own timeouts,
by default several seconds with ten retries. So it is called in a thread of its own, which goes on
after the request has stopped waiting.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from .._errors import P0fError, P0fTimeout
from .._outcome import Outcome
from .._public import public
from .._visitor import Visitor
from .._waiting import Lock
from .base import MOST_TOGETHER, BaseSharedSyn, StoreHealth, from_client, require_client, values_in
from .resp import Value, mget
from .store import Store, StoreConnection, not_redis, start
from .worker import Call, Worker

_LOST_LOCK = 1.0
"""Seconds, beyond any timeout, after which a lock that is still held counts as lost."""


@public
class SharedSyn(BaseSharedSyn):
    """A source that reads the SYNs which `p0f-middleware edge` has written to a store.

    It waits for the answer. Threads may share one object.

    Args:
        store: the URL of a Redis or Valkey server, as redis-py reads it (redis://, rediss:// for
            TLS, unix://). Or a redis-py client that you have made, for a cluster or Sentinel; it
            keeps its own connections, and the source never closes it.
        timeout: seconds that a lookup may take at most. After a lookup that took longer, lookups
            fail at once until a retry is due: after 0.5 s at first, then twice as long each time,
            up to 30 s.
        database: the path of a signature file in p0f's format; None for the package's own.

    Raises:
        ImportError: redis-py is not installed (`pip install 'p0f-middleware[redis]'`).
        ValueError: an option has an invalid value, or the signature file has an error.
        OSError: the signature file cannot be read.
        TypeError: `store` is neither a URL nor a client of this kind.
    """

    def _set_up(self, store: object) -> str:
        self._make: Callable[[], _Values]
        if isinstance(store, str):
            known = Store(store)
            name, self._make = known.name, lambda: _FromServer(known)
        else:
            require_client(store, asynchronous=False)
            name, self._make = "the given client", lambda: _FromClient(store)
        # Made when first used: gevent may replace locks and threads after this.
        self._exchange: _Exchange | None = None
        self._exchanges: dict[int, _Exchange] = {}
        return name

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """The fingerprint of the visitor's shared SYN.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.

        Raises:
            P0fUnavailable: the store cannot be asked (P0fTimeout: it did not answer in time).
            P0fProtocolError: the server is neither Redis nor Valkey.
        """
        question = self._question(visitor)
        if isinstance(question, Outcome):
            return question
        return self._tell(question, self._here().ask(question.keys, deadline))

    def close(self) -> None:
        """Close the connection; the next lookup opens another. A redis-py client that was given as
        `store` stays open."""
        self._here().close()

    def _here(self) -> _Exchange:
        """This process's exchange."""
        exchange = self._exchange
        pid = os.getpid()
        if exchange is None or exchange.pid != pid or exchange.stuck:
            fresh = _Exchange(self._make(), self.store_name, self.timeout)
            if exchange is not None and exchange.pid == pid:
                self._exchanges[pid] = fresh
            # setdefault is atomic: all threads get the same exchange. The dict keeps the parent's,
            # since freeing it would close the parent's connection.
            exchange = self._exchange = self._exchanges.setdefault(pid, fresh)
        return exchange


class _Asked:
    """A lookup that waits for its turn."""

    __slots__ = ("keys", "values")

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self.keys = keys
        self.values: list[Value] | None = None


class _Exchange:
    """What the threads of one process share."""

    def __init__(self, values: _Values, name: str, timeout: float) -> None:
        self.pid: int = os.getpid()
        self.health = StoreHealth(name)
        self._values = values
        self._timeout = timeout
        self._lock = Lock()
        self._taken = time.monotonic()
        self.stuck = False
        """Whether the lock is lost: a signal handler raised between its taking and the `try`."""
        self._waiting: list[_Asked] = []

    def ask(self, keys: tuple[bytes, ...], deadline: float) -> list[Value]:
        """The values of a lookup's keys. Raises P0fUnavailable and P0fProtocolError."""
        started = time.monotonic()
        deadline = min(deadline, started + self._timeout)
        health = self.health
        admitted = health.outage.down
        if admitted:
            health.admit(started)
        if deadline <= started:
            raise P0fTimeout("no time is left to ask the SYN store")
        asked = _Asked(keys)
        if self._lock.queue or not self._lock.try_now(False):
            self._waiting.append(asked)
            if not self._lock.acquire(deadline):
                self.stuck = time.monotonic() - self._taken > 2 * self._timeout + _LOST_LOCK
                raise P0fTimeout("other lookups used the SYN store's connection until the deadline")
        try:
            self._taken = started
            if asked.values is None:
                if health.outage.down and not admitted:
                    health.admit(started)  # it went down while we waited for our turn
                self._ask_for_all(asked, started, deadline)
        finally:
            self._lock.release()
        assert asked.values is not None
        return asked.values

    def close(self) -> None:
        """Close the connection, unless another thread uses it for longer than the timeout."""
        if self._lock.acquire(time.monotonic() + self._timeout):
            try:
                self._values.close()
            finally:
                self._lock.release()

    def _ask_for_all(self, asked: _Asked, started: float, deadline: float) -> None:
        """Ask for this lookup and for the lookups that wait for the lock."""
        waiting, self._waiting = self._waiting, []
        together = [asked, *(one for one in waiting[-MOST_TOGETHER:] if one is not asked)]
        keys = [key for one in together for key in one.keys]
        try:
            values = self._values.get(keys, deadline)
        except P0fError as error:
            if not isinstance(error, P0fTimeout) or deadline - started > self._timeout / 2:
                self.health.failed(error)  # else the store had hardly any time to answer
            raise
        if self.health.outage.down:
            self.health.answered()
        at = 0
        for one in together:
            one.values = values[at : at + len(one.keys)]
            at += len(one.keys)


class _Values:
    """Gets values from the store."""

    def get(self, keys: list[bytes], deadline: float) -> list[Value]:
        """The values of keys. Raises P0fUnavailable and P0fProtocolError."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection, if there is one to close."""


class _FromServer(_Values):
    """Gets values from the server that a URL names."""

    def __init__(self, store: Store) -> None:
        self._name = store.name
        self._connection = StoreConnection(store)

    def get(self, keys: list[bytes], deadline: float) -> list[Value]:
        reply = self._connection.exchange(mget(keys), 1, deadline)[0]
        try:
            return values_in(reply, len(keys), self._name)
        except (P0fError, ValueError) as error:
            self._connection.drop()
            if isinstance(error, P0fError):
                raise
            raise not_redis(self._name, error) from error

    def close(self) -> None:
        self._connection.drop()


class _FromClient(_Values):
    """Gets values from a redis-py client that the user has made."""

    def __init__(self, client: Any) -> None:
        # A cluster client's mget takes only keys of one slot.
        self._mget = getattr(client, "mget_nonatomic", None) or client.mget
        self._worker = Worker()
        self._call: Call[Any] | None = None

    def get(self, keys: list[bytes], deadline: float) -> list[Value]:
        earlier = self._call
        if earlier is not None and not earlier.wait(deadline):
            raise P0fTimeout("the client of the SYN store is still busy with an earlier lookup")
        call = self._call = start(self._worker, Call(partial(self._mget, keys)))
        if not call.wait(deadline):
            raise P0fTimeout("the client of the SYN store did not answer in time")
        return from_client(call.result, call.error, len(keys))
