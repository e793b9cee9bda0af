"""Hold: requests of one connection get what the first of them was told.

A connection's SYN does not change, and asking p0f again would be wrong as well as slow: it answers
for the address, behind which a later visitor may use another system.

Theory of operation: entries are kept under the peer's address and port, least recently used first.
Threads may share a `Hold`: each step is one operation of an OrderedDict, which is atomic, and an
entry that another thread has removed in between is simply not there. No lock is held, so a fork
needs no care.

The fact a reader would get wrong: the same address and port may be a new connection, if the client
uses its port again within `hold` seconds, and a server may report a pair that a client chose. For a
source that tells the SYN of one connection (`Syn`) the server's own object of the connection has to
be the same as well. The others answer for the address or the pair, so that what is held is no worse
than asking for the same pair again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from weakref import ReferenceType, ref

from .._info import P0fInfo
from .._outcome import Outcome
from .._user_agent import Headers

__all__ = ["HOLD", "Hold", "Told"]

HOLD = 10.0
"""Seconds for which a connection gets what it was told, unless told otherwise."""
MOST_CONNECTIONS = 8192
"""Connections to remember; of more, those that were quiet for longest are forgotten."""
ASK_ONCE_MORE_AFTER = 1.0
"""Seconds until p0f is asked once more about a host of which it had seen no HTTP request yet."""


class Told:
    """What one connection was told: the outcome, and what was made of it for the application."""

    __slots__ = ("connection", "keys_by_claims", "outcome", "until")

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.connection: ReferenceType[object] | None = None
        """The server's object of the connection; None if the source does not depend on it."""
        self.until = 0.0
        """When it expires, by `time.monotonic()`."""
        self.keys_by_claims: tuple[Headers | None, dict[str, Any]] | None = None
        """What the client claimed to be last, and what the application found then. It is replaced
        whole, since threads may serve the connection's requests at once."""


class Hold:
    """What connections were told, for a while.

    Args:
        seconds: how long.
        most: connections to remember.
    """

    def __init__(self, seconds: float, most: int = MOST_CONNECTIONS) -> None:
        self._seconds = seconds
        self._most = most
        self._told: OrderedDict[object, Told] = OrderedDict()

    def __len__(self) -> int:
        return len(self._told)

    def get(self, key: object, connection: object, now: float) -> Told | None:
        """What the connection was told, if that is not too long ago.

        Args:
            key: the client's address and port, in whatever form; None finds nothing.
            connection: the server's object of the connection; None if the source does not depend
                on it.
            now: `time.monotonic()`.
        """
        try:
            told = self._told.get(key)
            if told is None or told.until < now:
                return None
            if told.connection is not None and (
                connection is None or told.connection() is not connection
            ):
                return None
            self._told.move_to_end(key)
        except (KeyError, TypeError):  # removed meanwhile; or a server's pair cannot be hashed
            return None
        return told

    def put(self, key: object, connection: object, told: Told, now: float) -> None:
        """Remember what a connection was told, which is a fingerprint: the rest is asked again."""
        if connection is not None:
            try:
                told.connection = ref(connection)
            except TypeError:  # an object that cannot be recognised later without being kept alive
                return
        try:
            first = self._told.get(key) is None
            early = first and _too_early(told.outcome)
            told.until = now + (min(ASK_ONCE_MORE_AFTER, self._seconds) if early else self._seconds)
            self._told[key] = told
            self._told.move_to_end(key)
            while len(self._told) > self._most:
                self._told.popitem(last=False)
        except (KeyError, TypeError):  # other threads have removed it; or as above
            return


def _too_early(outcome: Outcome) -> bool:
    """Whether p0f had not seen the client's HTTP request yet when it answered."""
    info = outcome.info  # a user's own source may give anything
    return isinstance(info, P0fInfo) and info.source == "p0f" and info.http_name is None
