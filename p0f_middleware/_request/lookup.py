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

from .._errors import P0fTimeout
from .._options import seconds
from .._outcome import Outcome, P0fStatus
from .._user_agent import Headers
from ..claim import check_request, read_headers
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
_NO_HEADERS = read_headers(None, None)


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
        claims = read_headers(*visitor.claims()) if self._claims else None
        kept = told.keys_by_claims
        if kept is None or kept[0] != claims:
            kept = told.keys_by_claims = claims, _keys_of(told.outcome, claims)
        return kept[1]

    def _keys_of_failure(self, error: Exception) -> Keys:
        """The keys where something of ours raised. Call it in the `except` clause."""
        return _keys_of(failed(error), _NO_HEADERS if self._claims else None)


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
                outcome = self._ask_again(visitor, deadline, outcome)
        except Exception as error:
            return failed(error, foreign_code=self._foreign)
        return outcome

    def _ask_again(self, visitor: BaseVisitor, deadline: float, outcome: Outcome) -> Outcome:
        for pause in self._pauses(visitor, deadline):
            time.sleep(pause)
            try:
                outcome = self._fingerprint(visitor, deadline)
            except P0fTimeout:
                if time.monotonic() < deadline:
                    raise
                continue  # p0f has said "no match", and the time left was too short to say more
            if outcome.status is not P0fStatus.NO_MATCH:
                break
        return outcome


def _keys_of(outcome: Outcome, claims: Headers | None) -> Keys:
    """The keys of an outcome; without a claim if `claims` is None."""
    info, status, reason = outcome
    if claims is None:
        return {"p0f.info": info, "p0f.status": status, "p0f.reason": reason}
    claim, info = check_request(info, claims)
    return {"p0f.info": info, "p0f.status": status, "p0f.reason": reason, "p0f.claim": claim}
