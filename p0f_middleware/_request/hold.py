"""Hold: the requests of one connection get the answer that the first of them got.

A connection's SYN does not change, and asking p0f again would be wrong as well as slow: it answers
for the address, and a later visitor from that address may use another system.

Theory of operation: entries are kept under the peer's address and port, least recently used first.
Threads may share a `Hold`: each step is one operation of an OrderedDict or a deque, which is
atomic, and an entry that another thread has removed in between is simply not there. No lock is
held, so a fork needs no care. Where the server has an object for each connection, an entry has a
weak reference to it. When the connection ends, Python puts the reference into `_gone`, and the next
request forgets the entry. The reference's callback is the deque's own `append`, with no line of
Python in it: an exception of a signal handler in there would be lost.

The fact a reader would get wrong: the same address and port may be a new connection, if the client
uses its port again within `hold` seconds, and a server may report a pair that a client chose. For a
source that reads the SYN of one connection (`Syn`) the server's object has to be the same as well
(`Told.is_for`). The others answer for the address or the pair, so that what is held is no worse
than asking for the same pair again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any
from weakref import ref

from .._info import P0fInfo
from .._outcome import Outcome

__all__ = ["HOLD", "Hold", "Told"]

HOLD = 10.0
"""Seconds for which a connection's answer is kept, by default."""
MOST_CONNECTIONS = 8192
"""Connections to remember; beyond that, the least recently used are forgotten."""
ASK_ONCE_MORE_AFTER = 1.0
"""Seconds until p0f is asked once more about a host that it had seen no HTTP request of."""
NOTHING_SAID = object()
"""Stands for what a client said of itself, and equals no header."""


class _Connection(ref[object]):
    """A weak reference to the server's object of a connection, and the key it is held under."""

    __slots__ = ("key",)
    key: object


class Told:
    """The answer for one connection: the outcome, and the keys made of it for the application."""

    __slots__ = ("connection", "early", "keys_by_claims", "outcome", "until")

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.connection: _Connection | None = None
        """The server's object of the connection; None if the server shows none."""
        self.until = 0.0
        """When it expires, by `time.monotonic()`."""
        self.early = False
        """Whether it expires early, so that p0f is asked once more for what HTTP has told it."""
        self.keys_by_claims: tuple[object, dict[str, Any]] = NOTHING_SAID, {}
        """What the client said of itself last, and what the application found then. It is replaced
        whole, since threads may serve the connection's requests at once."""

    def is_for(self, connection: object | None) -> bool:
        """Whether the connection with this object was told this. A connection that was told without
        an object, such as one behind a proxy, is known by its key alone: then True."""
        told = self.connection
        return told is None or (connection is not None and told() is connection)


class Hold:
    """The answers of connections, kept for a while.

    Args:
        seconds: how long.
        most: connections to remember.
    """

    def __init__(self, seconds: float, most: int = MOST_CONNECTIONS) -> None:
        self._seconds = seconds
        self._most = most
        self._told: OrderedDict[object, Told] = OrderedDict()
        self._gone: deque[_Connection] = deque()

    def __len__(self) -> int:
        return len(self._told)

    def __contains__(self, key: object) -> bool:
        """Whether something is kept under this key, expired or not."""
        try:
            return key in self._told
        except TypeError:  # the key has no hash
            return False

    def get(self, key: object, now: float) -> Told | None:
        """What a connection with this key was told, if that is not too long ago.

        Args:
            key: the client's address and port, in whatever form; None finds nothing.
            now: `time.monotonic()`.
        """
        try:
            if self._gone:
                self._forget_gone()
            told = self._told.get(key)
            if told is None or told.until < now:
                return None
            self._told.move_to_end(key)
        except (KeyError, IndexError, TypeError):  # removed meanwhile; or the key has no hash
            return None
        return told

    def put(self, key: object, connection: object, told: Told, now: float) -> Told:
        """Remember what a connection is told. That is a fingerprint: about anything else the source
        is asked again.

        Args:
            key: as for `get`.
            connection: the server's object of the connection; None if the server shows none.
            told: what the connection is told.
            now: `time.monotonic()`.

        Returns:
            What it is told: `told`, or what it was told before, if p0f was asked once more and has
            answered with the system of another machine behind the address.
        """
        try:
            if self._gone:
                self._forget_gone()
            told.until = now + self._seconds
            told = self._once_more(self._told.get(key), told, now)
            if connection is not None:
                told.connection = _Connection(connection, self._gone.append)
                told.connection.key = key
            self._told[key] = told
            self._told.move_to_end(key)
            while len(self._told) > self._most:
                self._told.popitem(last=False)
        except (KeyError, IndexError, TypeError):
            pass  # removed meanwhile; no hash; or no weak reference to be had
        return told

    def _once_more(self, before: Told | None, told: Told, now: float) -> Told:
        """What to hold, now that p0f has answered for the first time or for the second.

        A first answer without the HTTP client's name expires early, so that p0f is asked once more.
        The second one counts only if it tells of the same system.
        """
        if before is not None and before.early and now < before.until + self._seconds:
            if _same_system(before.outcome, told.outcome):
                return told
            told = Told(before.outcome)
            told.until = now + self._seconds
        elif before is None and _too_early(told.outcome):
            told.early = True
            told.until = now + min(ASK_ONCE_MORE_AFTER, self._seconds)
        return told

    def _forget_gone(self) -> None:
        """Forget what connections were told that have ended. Raises IndexError if another thread is
        at it, too."""
        while self._gone:
            gone = self._gone.popleft()
            key = getattr(gone, "key", None)  # none if a signal handler interrupted `put`
            told = self._told.get(key)
            if told is not None and told.connection is gone:
                self._told.pop(key, None)


def _same_system(before: Outcome, after: Outcome) -> bool:
    first, second = before.info, after.info
    return (
        isinstance(first, P0fInfo)
        and isinstance(second, P0fInfo)
        and first.os_name == second.os_name
    )


def _too_early(outcome: Outcome) -> bool:
    """Whether p0f had not seen the client's HTTP request yet when it answered."""
    info = outcome.info  # a user's own source may give anything
    return isinstance(info, P0fInfo) and info.source == "p0f" and info.http_name is None
