"""SharedSyn and AsyncSharedSyn: the sources that read the SYNs which an edge has shared.

A lookup is a question (`question`), the wait for its values (`flights`), and what they tell
(`question` again). The sources add the deadline and the outage, and differ in how they wait.
"""

from __future__ import annotations

import time
from functools import partial

from .._async_library import Expired, in_thread, running_loop
from .._errors import P0fError, P0fTimeout, P0fUnavailable
from .._outage import Outage
from .._outcome import Outcome
from .._public import public, seconds
from .._store import Keys, Store, Values
from .._visitor import Visitor
from .._waiting import PerProcess
from ..fingerprint.fingerprinter import SignatureFile, fingerprinter
from .flights import Flights, Lookup
from .question import Reader, question

TIMEOUT = 0.1


class BaseSharedSyn:
    """What the two sources have in common; `SharedSyn` documents the options."""

    _asynchronous = False

    def __init__(
        self,
        store: object,
        *,
        timeout: float = TIMEOUT,
        database: SignatureFile = None,
        destination_header: str | None = None,
    ) -> None:
        self._arguments = store, timeout, database, destination_header
        self.timeout: float = seconds("timeout", timeout)
        self._store = Store(store, asynchronous=self._asynchronous)
        self.store_name: str = self._store.name
        self._reader = Reader(fingerprinter(database), self.store_name, destination_header)
        self._outage = Outage("the SYN store", self.store_name)
        self._flights = PerProcess(partial(Flights, self._store))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store_name!r}, timeout={self.timeout!r})"

    def twin(self) -> SharedSyn | AsyncSharedSyn:
        """The same source of the other colour: Django serves sync and async in one project.

        Raises:
            TypeError: the store is a client that the user has made, which has one colour.
        """
        store, timeout, database, header = self._arguments
        kind = SharedSyn if self._asynchronous else AsyncSharedSyn
        return kind(store, timeout=timeout, database=database, destination_header=header)

    def _wait(self, keys: Keys, deadline: float) -> Values:
        """The values of keys, for a thread or a greenlet. Raises P0fError."""
        began = time.monotonic()
        deadline = min(deadline, began + self.timeout)
        lookup = self._join(Lookup(keys), began, deadline)
        lookup.wait(deadline)
        return self._values(lookup, deadline - began)

    def _join(self, lookup: Lookup, now: float, deadline: float) -> Lookup:
        if deadline <= now:
            raise P0fTimeout("no time is left to ask the SYN store")
        flights = self._flights.here()
        if self._outage.admit(now):
            flights.abandon()
        flights.join(lookup)
        return lookup

    def _values(self, lookup: Lookup, had: float) -> Values:
        """The values of a lookup that has waited, for up to `had` seconds."""
        result = lookup.result
        if result is None:
            result = P0fTimeout(f"the SYN store at {self.store_name} did not answer in time")
        if not isinstance(result, P0fError):
            self._outage.answered()
            return result
        # A store that had hardly any time to answer is not down.
        if not isinstance(result, P0fTimeout) or had > self.timeout / 2:
            self._outage.failed(result)
        raise type(result)(*result.args)  # its own, since raising adds a traceback


@public
class SharedSyn(BaseSharedSyn):
    """A source that reads the SYNs which `p0f-middleware edge` has written to a store.

    It waits for the answer. Threads may share one object.

    Args:
        store: the URL of a Redis or Valkey server, as redis-py reads it (redis://, rediss:// for
            TLS, unix://). Or a client of redis-py or valkey-py that you have made, for a cluster or
            Sentinel; it keeps its own connections, and the source never closes it.
        timeout: seconds that a lookup may take at most. After a lookup that took longer, lookups
            fail at once until a retry is due: after 0.5 s at first, then twice as long each time,
            up to 30 s.
        database: the path of a signature file in p0f's format; None for the package's own.
        destination_header: the header in which a trusted proxy names what the visitor connected
            to: an address, a port, or `address:port`. Two machines behind one NAT may have the same
            port, if they connect to different addresses or ports of the site; without the header
            they are then told by their address.

    Raises:
        ImportError: redis-py is not installed (`pip install 'p0f-middleware[redis]'`).
        ValueError: an option or the URL is invalid, or the signature file has an error.
        OSError: the signature file cannot be read.
        TypeError: `store` is neither a URL nor a client of this kind.
    """

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """The fingerprint of the visitor's shared SYN.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.

        Raises:
            P0fUnavailable: the store cannot be asked (P0fTimeout: it did not answer in time).
            P0fProtocolError: the server is neither Redis nor Valkey.
        """
        asked = question(visitor)
        if isinstance(asked, Outcome):
            return asked
        return self._reader.outcome(asked, self._wait(asked.keys, deadline))

    def close(self) -> None:
        """Close the connection; the next lookup opens another. A client that was given as `store`
        stays open."""
        self._flights.here().close()


@public
class AsyncSharedSyn(BaseSharedSyn):
    """As `SharedSyn`, with the same options, but it does not block the event loop. A client that
    you have made is one of redis.asyncio or valkey.asyncio."""

    _asynchronous = True

    async def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """As `SharedSyn.fingerprint`."""
        asked = question(visitor)
        if isinstance(asked, Outcome):
            return asked
        loop = running_loop()
        if loop is None:
            return self._reader.outcome(asked, await self._wait_under_trio(asked.keys, deadline))
        began = time.monotonic()
        deadline = min(deadline, began + self.timeout)
        lookup = self._join(Lookup(asked.keys, loop), began, deadline)
        await lookup.wait_in_loop(deadline)
        return self._reader.outcome(asked, self._values(lookup, deadline - began))

    async def close(self) -> None:
        """As `SharedSyn.close`."""
        self._flights.here().close()

    async def _wait_under_trio(self, keys: Keys, deadline: float) -> Values:
        if self._store.is_given:
            raise P0fUnavailable("an asyncio client does not work under trio: use a URL")
        left = min(deadline - time.monotonic(), self.timeout)
        try:
            return await in_thread(partial(self._wait, keys, deadline), left + 0.01)
        except Expired:  # all of trio's threads are busy
            raise P0fTimeout("no thread was free to ask the SYN store") from None
