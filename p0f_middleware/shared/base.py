"""What SharedSyn and AsyncSharedSyn have in common: options, keys to ask for, outcomes of values.

The two differ only in how they wait; this module waits for nothing.

The fact a reader would get wrong: the store may hold two SYNs for one request. The connection's SYN
is the client's own. The address's SYN may come from another machine behind the same address, so its
fingerprint has `source == "address"`.
"""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

from .._brief_lock import BriefLock
from .._errors import P0fProtocolError, P0fUnavailable
from .._info import by_address
from .._log import logger
from .._options import seconds
from .._outage import Outage, OutageLog
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._visitor import Visitor
from ..fingerprint import fingerprinter
from .keys import Sender, address_key, connection_key, pack
from .resp import Reply, Value

TIMEOUT = 0.1
MOST_TOGETHER = 256
"""Lookups in one MGET."""


class Question(NamedTuple):
    """The query for a visitor: the keys of its connection (if its port is known) and of its
    address, in this order."""

    address: str
    sender: Sender
    keys: tuple[bytes, ...]


class BaseSharedSyn:
    """What `SharedSyn` and `AsyncSharedSyn` have in common; `SharedSyn` documents the options."""

    def __init__(
        self,
        store: object,
        *,
        timeout: float = TIMEOUT,
        database: str | os.PathLike[str] | None = None,
    ) -> None:
        self.timeout: float = seconds("timeout", timeout)
        self._database = database
        self._read = fingerprinter(database).read
        self._warned = False
        self.store_name: str = self._set_up(store)

    def _set_up(self, store: object) -> str:
        """Make what this kind of source needs in addition; returns the store's name in messages."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store_name!r}, timeout={self.timeout!r})"

    def _question(self, visitor: Visitor) -> Question | Outcome:
        """The query for a visitor; or an outcome, if the visitor has no address."""
        address = visitor.address
        if address is None:
            return NO_ADDRESS
        packed, port = pack(address), visitor.port
        if not port:
            return Question(address, Sender(packed, 0), (address_key(packed),))
        return Question(
            address, Sender(packed, port), (connection_key(packed, port), address_key(packed))
        )

    def _tell(self, question: Question, values: list[Value]) -> Outcome:
        """The outcome of a lookup, from the values of the question's keys."""
        who = question.sender
        strange = False
        if who.port and (syn := values[0]) is not None:
            found = self._read(syn)
            if found is not None and (found.address, found.port) == who:
                return found.outcome
            strange = True
        if (syn := values[-1]) is not None:
            found = self._read(syn)
            if found is not None and found.address == who.address:
                info = found.outcome.info
                return Outcome(info and by_address(info), P0fStatus.OK, None)
            strange = True
        if strange:
            return self._not_its_syn(question)
        named = f"{question.address} port {who.port}" if who.port else question.address
        reason = f"no edge has shared a SYN of {named}, or it has expired"
        return Outcome(None, P0fStatus.NO_MATCH, reason)

    def _not_its_syn(self, question: Question) -> Outcome:
        """The outcome if the values of the visitor's keys are not its SYNs; logged once."""
        reason = f"what the store has for {question.address} is not a SYN of that client"
        if not self._warned:
            self._warned = True
            logger().warning(
                "%s: only p0f-middleware edge may write p0f:* to %s; find out what else does"
                " (logged once)",
                reason,
                self.store_name,
            )
        return unavailable(reason)


class StoreHealth:
    """A process's view of its store: the outage if there is one, and its log lines."""

    def __init__(self, name: str) -> None:
        self.outage: Outage = Outage()
        self._name = name
        self._lock = BriefLock()
        self._log = OutageLog("the SYN store", name)
        self._skipped = 0

    def admit(self, now: float) -> None:
        """Return if the caller may ask the store during an outage.

        Raises:
            P0fUnavailable: the store is down, and no retry is due.
        """
        with self._lock:
            if not self.outage.down or self.outage.retry(now):
                return
            wait = self.outage.retry_in(now)
            self._skipped += 1
        raise P0fUnavailable(f"the SYN store at {self._name} is down; next try in {wait:.1f} s")

    def failed(self, error: Exception) -> None:
        """Record that the store could not be asked. An outage begins, unless one has already."""
        now = time.monotonic()
        with self._lock:
            if not self.outage.begin(now):
                return
            self._skipped = 0
        self._log.down(now, error)

    def answered(self) -> None:
        """Record that the store has answered. Call it if `outage.down`."""
        with self._lock:
            if not self.outage.down:
                return
            self.outage.end()
        self._log.back(time.monotonic() - self.outage.began, self._skipped)


def values_in(reply: Reply, count: int, name: str) -> list[Value]:
    """The values of a reply to MGET.

    Raises:
        P0fUnavailable: the store refuses the command.
        ValueError: `reply` is not a reply to MGET.
    """
    if isinstance(reply, list) and len(reply) == count:
        return reply
    if isinstance(reply, Exception):
        raise P0fUnavailable(f"the SYN store at {name} refuses: {reply}")
    raise ValueError("this is not the reply to MGET")


def from_client(result: Any, error: BaseException | None, count: int) -> list[Value]:
    """The values that the mget of a redis-py client has returned.

    Args:
        result: what mget has returned.
        error: what mget has raised; None if it has returned.
        count: how many keys were asked for.

    Raises:
        P0fUnavailable: mget has raised.
        P0fProtocolError: `result` is not a list of `count` values, each bytes or None.
    """
    if error is not None:
        text = f"the client of the SYN store failed: {type(error).__name__}: {error}"
        raise P0fUnavailable(text) from error
    if isinstance(result, list) and len(result) == count:
        if all(value is None or isinstance(value, bytes) for value in result):
            return result
        raise P0fProtocolError(
            "the client of the SYN store returned text: make it without decode_responses=True"
        )
    raise P0fProtocolError("the client of the SYN store did not return one value for each key")


def require_client(client: object, *, asynchronous: bool) -> None:
    """Check that `client` is a redis-py client of the right kind.

    Raises:
        TypeError: it is not a redis-py client, or it is a blocking client where an asyncio client
            is needed, or the reverse.
    """
    if not callable(getattr(client, "mget", None)):
        raise TypeError(f"store is a URL or a client of redis-py, not {type(client).__name__}")
    modules = [kind.__module__ for kind in type(client).__mro__]
    if any(module.startswith("redis.asyncio") for module in modules) != asynchronous:
        if asynchronous:
            raise TypeError("AsyncSharedSyn takes clients of redis.asyncio, not of redis")
        raise TypeError("SharedSyn takes clients of redis, not of redis.asyncio")
