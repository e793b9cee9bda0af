"""Hold: requests of one connection get what the first of them was told.

A connection's SYN does not change, and asking p0f again would be wrong as well as slow: it answers
for the address, behind which a later visitor may use another system.

Theory of operation: entries are kept under the peer's address and port, least recently used first.
Threads may share a `Hold`: each step is one operation of an OrderedDict, which is atomic, and an
entry that another thread has removed in between is simply not there. No lock is held, so a fork
needs no care.

The fact a reader would get wrong: address and port are not always the same connection. A source
that tells one connection's SYN (`Syn`) therefore also has its socket's identity kept, and an entry
of another socket does not count.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

from .._outcome import Outcome, P0fStatus

__all__ = ["HOLD", "Hold", "Told"]

HOLD = 10.0
"""Seconds for which a connection gets what it was told, unless told otherwise."""
MOST_CONNECTIONS = 8192
"""Connections to remember, some 600 bytes each; of more, those that were quiet for longest go."""
ASK_ONCE_MORE_AFTER = 1.0
"""Seconds until p0f is asked once more about a host of which it had seen no HTTP request yet."""


class Told:
    """What one connection was told: the outcome, and what was made of it for the application."""

    __slots__ = ("again", "keys", "outcome", "owner", "platform", "until", "user_agent")

    def __init__(self, outcome: Outcome, owner: object) -> None:
        self.outcome = outcome
        self.owner = owner
        """The identity of the connection's socket; None if the source does not need it."""
        self.until = math.inf
        """When it expires."""
        self.again = False
        """Whether it expires early, so that p0f is asked once more for what HTTP told it."""
        self.keys: dict[str, Any] | None = None
        self.user_agent: str | None = None
        self.platform: str | None = None


class Hold:
    """What connections were told, for a while.

    Args:
        seconds: how long; 0 for not at all.

    Raises:
        ValueError: `seconds` is no number, or below 0.
    """

    def __init__(self, seconds: float, most: int = MOST_CONNECTIONS) -> None:
        self.seconds = seconds
        self._told: OrderedDict[object, Told] = OrderedDict()
        self._most = most

    def get(self, key: object, owner: object, now: float) -> Told | None:
        """What the connection was told, if that is not too long ago."""
        try:
            told = self._told.get(key)
            if told is None or told.until < now or told.owner != owner:
                return None
            self._told.move_to_end(key)
        except (KeyError, TypeError):  # removed meanwhile; or a server's key that has no hash
            return None
        return told

    def put(self, key: object, told: Told, now: float) -> None:
        """Remember what a connection was told. Only a fingerprint is worth it: 'no match' and
        failures are asked again."""
        if told.outcome.status is not P0fStatus.OK:
            return
        try:
            before = self._told.get(key)
            told.again = self._too_early(told.outcome) and not (before and before.again)
            told.until = now + (ASK_ONCE_MORE_AFTER if told.again else self.seconds)
            self._told[key] = told
            self._told.move_to_end(key)
            while len(self._told) > self._most:
                self._told.popitem(last=False)
        except (KeyError, TypeError):
            return

    @staticmethod
    def _too_early(outcome: Outcome) -> bool:
        """Whether p0f had not seen the HTTP request yet when it answered."""
        info = outcome.info
        return info is not None and info.source == "p0f" and info.http_name is None
