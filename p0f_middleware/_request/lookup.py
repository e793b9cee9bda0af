"""One request's lookup, from the visitor to the keys that the application finds.

Data goes down once and comes up once: visitor -> what its connection was told before, or else the
source -> outcome -> does the User-Agent agree? -> keys. What the sync and the async side share is
`BaseLookup`; `Lookup` is the sync side, and `AsyncLookup` (in its own module, since it needs
asyncio) differs in how it waits and in nothing else.

The fact a reader would get wrong: `timeout` plus `grace` is the most that a request may cost, all
its questions together. Every question gets the same deadline.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from .._options import seconds
from .._outcome import Outcome, P0fStatus
from ..claim import check_claim, check_request, read_headers
from .failure import failed
from .grace import Grace
from .hold import Hold, Told
from .proxies import ProxyRules
from .source_option import Asked
from .unnamed_proxy import UnnamedProxy
from .visitor import BaseVisitor

__all__ = ["BaseLookup", "Keys", "Lookup"]

Keys = dict[str, Any]
"""What an application finds in environ or scope. It is shared between requests: copy it."""


class BaseLookup:
    """What lookups of both kinds share: the options, and all that does not wait.

    Args:
        asked: the source.
        rules: the options on proxies.
        grace: seconds to go on asking about a client that the source has not heard of yet.
        hold: seconds for which requests of one connection get what the first was told; 0: none.
        claims: whether to compare the User-Agent with the fingerprint.

    Raises:
        ValueError: an option makes no sense.
    """

    def __init__(
        self, asked: Asked, rules: ProxyRules, *, grace: float, hold: float, claims: bool
    ) -> None:
        self.source = asked.source
        self.rules = rules
        self._fingerprint = asked.fingerprint
        self._foreign = asked.foreign
        self._grace = Grace(grace if asked.waits else 0)
        self._budget = asked.timeout + self._grace.seconds
        # A source that answers at once reads the connection itself, which is surer than its peer's
        # address and port, and remembers what it has read.
        self._holds = seconds("hold", hold, zero=True) > 0 and asked.waits
        self._hold = Hold(hold)
        self._claims = claims
        self._unnamed_proxy = UnnamedProxy(rules.client_header)

    def _pauses(self, visitor: BaseVisitor, deadline: float) -> Iterator[float]:
        """Seconds to wait before each further question about a client that nobody knows yet."""
        address = visitor.address
        if address is None or not self._grace.seconds:
            return
        for pause in self._grace.pauses(address, time.monotonic()):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            yield min(pause, left)
        self._grace.stayed_unknown(address, time.monotonic())

    def _tell(self, visitor: BaseVisitor, key: object, outcome: Outcome, now: float) -> Keys:
        """What a connection is told of this outcome, now and, if it is held, later."""
        told = Told(outcome)
        self._unnamed_proxy.look(visitor)
        if key is not None and outcome.status is P0fStatus.OK and visitor.port:
            self._hold.put(key, told, now)
        return self._keys(visitor, told)

    def _keys(self, visitor: BaseVisitor, told: Told) -> Keys:
        """The application's keys; made anew only if the client claims to be something else."""
        if not self._claims:
            told.keys = told.keys or _without_claim(told.outcome)
            return told.keys
        claims = read_headers(*visitor.claims())
        if told.claims != claims:
            info, status, reason = told.outcome
            claim, info = check_request(info, claims)
            told.keys = {
                "p0f.info": info,
                "p0f.status": status,
                "p0f.reason": reason,
                "p0f.claim": claim,
            }
            told.claims = claims
        return told.keys

    def _keys_of_failure(self, error: Exception) -> Keys:
        """The keys where something of ours raised. Call it in the `except` clause."""
        keys = _without_claim(failed(error))
        if self._claims:
            keys["p0f.claim"] = check_claim(None, None)
        return keys


class Lookup(BaseLookup):
    """Asks a source that blocks, or answers at once."""

    def keys(self, visitor: BaseVisitor) -> Keys:
        """The keys of a request. Raises nothing of ours."""
        try:
            now = time.monotonic()
            key = visitor.key if self._holds else None
            told = self._hold.get(key, now)
            if told is not None:
                return self._keys(visitor, told)
            return self._tell(visitor, key, self._ask(visitor, now + self._budget), now)
        except Exception as error:
            return self._keys_of_failure(error)

    def _ask(self, visitor: BaseVisitor, deadline: float) -> Outcome:
        try:
            outcome: Outcome = self._fingerprint(visitor, deadline)
            if outcome.status is P0fStatus.NO_MATCH:
                for pause in self._pauses(visitor, deadline):
                    time.sleep(pause)
                    outcome = self._fingerprint(visitor, deadline)
                    if outcome.status is not P0fStatus.NO_MATCH:
                        break
        except Exception as error:
            return failed(error, foreign_code=self._foreign)
        return outcome


def _without_claim(outcome: Outcome) -> Keys:
    return {"p0f.info": outcome.info, "p0f.status": outcome.status, "p0f.reason": outcome.reason}
