"""What SharedSyn and AsyncSharedSyn have in common: options, what to ask for, what a value tells.

They differ only in how they wait. Nothing here does so.

The fact a reader would get wrong: two SYNs may stand for one request. That of the connection is the
client's own. That of the address may be another machine's behind the same address, so the
fingerprint that comes of it says `source == "address"`.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, NamedTuple

from .._errors import P0fProtocolError, P0fUnavailable
from .._info import by_address
from .._log import logger
from .._options import seconds
from .._outage import Outage, OutageLog
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._visitor import Visitor
from ..syn._fingerprint import fingerprinter
from .keys import Sender, address_key, connection_key, pack
from .resp import Reply, Value

TIMEOUT = 0.1
MOST_TOGETHER = 256
"""Lookups in one MGET."""


class Question(NamedTuple):
    """What to ask the store about a visitor: the keys of its connection (if its port is known) and
    of its address, in this order."""

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
        """Make what this kind of source needs beside; returns the store's name for messages."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store_name!r}, timeout={self.timeout!r})"

    def _question(self, visitor: Visitor) -> Question | Outcome:
        """What to ask about a visitor; or an outcome, if there is nothing to ask about."""
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
        """What the values that stand under the question's keys tell."""
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
        """What stands under the visitor's keys is not its SYN; the log says so once."""
        reason = f"what the store has for {question.address} is not a SYN of that client"
        if not self._warned:
            self._warned = True
            logger().warning(
                "%s: does something else than p0f-middleware edge write p0f:* to %s? (said once)",
                reason,
                self.store_name,
            )
        return unavailable(reason)


class StoreHealth:
    """A process's view of its store: the outage if there is one, and the log lines of it."""

    def __init__(self, name: str) -> None:
        self.outage: Outage = Outage()
        self._name = name
        self._lock = threading.RLock()  # a signal handler may look something up, too
        self._log = OutageLog("the SYN store", name)
        self._skipped = 0

    def admit(self, now: float) -> None:
        """Let the caller ask the store while it is down, or not.

        Raises:
            P0fUnavailable: it is down, and it is not for this caller to try again.
        """
        with self._lock:
            if not self.outage.down or self.outage.retry(now):
                return
            wait = self.outage.retry_in(now)
            self._skipped += 1
        raise P0fUnavailable(f"the SYN store at {self._name} is down; next try in {wait:.1f} s")

    def failed(self, error: Exception) -> None:
        """The store could not be asked: an outage begins, if none is on."""
        now = time.monotonic()
        with self._lock:
            if not self.outage.begin(now):
                return
            self._skipped = 0
        self._log.down(now, error)

    def answered(self) -> None:
        """The store has answered; call it when `outage.down`."""
        with self._lock:
            if not self.outage.down:
                return
            self.outage.end()
        self._log.back(time.monotonic() - self.outage.began, self._skipped)


def values_in(reply: Reply, count: int, name: str) -> list[Value]:
    """The values of a reply to MGET.

    Raises:
        P0fUnavailable: the store refuses to give them.
        ValueError: this is not a reply to MGET.
    """
    if isinstance(reply, list) and len(reply) == count:
        return reply
    if isinstance(reply, Exception):
        raise P0fUnavailable(f"the SYN store at {name} refuses: {reply}")
    raise ValueError("this is not the reply to MGET")


def from_client(result: Any, error: BaseException | None, count: int) -> list[Value]:
    """The values in what a client's mget has given, or raised.

    Raises:
        P0fUnavailable: it has raised.
        P0fProtocolError: these are no bytes.
    """
    if error is not None:
        text = f"the client of the SYN store failed: {type(error).__name__}: {error}"
        raise P0fUnavailable(text) from error
    if isinstance(result, list) and len(result) == count:
        if all(value is None or isinstance(value, bytes) for value in result):
            return result
        raise P0fProtocolError("the client of the SYN store decodes: decode_responses must be off")
    raise P0fProtocolError("the client of the SYN store gave something else than a list of values")


def require_client(client: object, *, asynchronous: bool) -> None:
    """Refuse what cannot be asked for values.

    Raises:
        TypeError: it is no client of redis-py, or one of the other kind.
    """
    if not callable(getattr(client, "mget", None)):
        raise TypeError(f"store is a URL or a client of redis-py, not {type(client).__name__}")
    modules = [kind.__module__ for kind in type(client).__mro__]
    if any(module.startswith("redis.asyncio") for module in modules) != asynchronous:
        wanted = (
            "AsyncSharedSyn takes the clients of" if asynchronous else "SharedSyn takes none of"
        )
        raise TypeError(f"{wanted} redis.asyncio")
