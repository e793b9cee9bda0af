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
from .._info import P0fInfo
from .._options import seconds
from .._outcome import Outcome, P0fStatus
from .._user_agent import Headers
from ..claim import ClaimVerdict, check_request, read_headers
from .failure import failed
from .grace import Grace
from .hold import Hold, Told
from .proxies import ProxyRules
from .source_option import Asked
from .unnamed_proxy import UnnamedProxy
from .visitor import BaseVisitor

__all__ = ["BaseLookup", "Keys", "Lookup", "asked_too_early"]

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
        self._holds = seconds("hold", hold, zero=True) > 0
        self._hold = Hold(hold)
        self._reads_connection = not asked.waits
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

    def _pause_to_confirm(self, visitor: BaseVisitor, told: Told, deadline: float) -> float:
        """Seconds to wait before asking p0f once more; 0 unless its answer accuses the client.

        p0f answers for the address, and may not have seen the SYN of this connection yet: then it
        has told of another machine behind the address, and would have an honest client accused.
        """
        claim = self._keys(visitor, told).get("p0f.claim")
        if claim is None or claim.verdict is not ClaimVerdict.MISMATCH or not self._grace.seconds:
            return 0.0
        info = told.outcome.info
        address = visitor.address
        if not isinstance(info, P0fInfo) or info.source != "p0f" or address is None:
            return 0.0
        now = time.monotonic()
        return max(0.0, min(self._grace.once(address, now), deadline - now))

    def _connection(self, visitor: BaseVisitor) -> tuple[object, object]:
        """Under what the connection is held, as `Hold.get` takes it; Nones if it is not."""
        if not self._holds:
            return None, None
        if not self._reads_connection or visitor.behind_proxy:
            return visitor.key, None
        connection = visitor.server_object()
        return (None, None) if connection is None else (visitor.peer_key(), connection)

    def _tell(
        self, visitor: BaseVisitor, key: object, connection: object, told: Told, now: float
    ) -> Keys:
        """What a connection is told, now and, if it is held, later."""
        self._unnamed_proxy.look(visitor)
        kept = told.keys_by_claims  # this request's own, while no other has seen `told`
        if key is not None and told.outcome.status is P0fStatus.OK and visitor.port:
            held = self._hold.put(key, connection, told, now)
            if held is not told:
                return self._keys(visitor, held)
        return self._keys(visitor, told) if kept is None else kept[1]

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
            key, connection = self._connection(visitor)
            told = self._hold.get(key, connection, now)
            if told is not None:
                return self._keys(visitor, told)
            deadline = now + self._budget
            told = Told(self._ask(visitor, deadline))
            pause = self._pause_to_confirm(visitor, told, deadline)
            if pause:
                time.sleep(pause)
                told = Told(self._ask(visitor, deadline))
            return self._tell(visitor, key, connection, told, now)
        except Exception as error:
            return self._keys_of_failure(error)

    def _ask(self, visitor: BaseVisitor, deadline: float) -> Outcome:
        try:
            outcome: Outcome = self._fingerprint(visitor, deadline)
            if asked_too_early(visitor, outcome):
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
            if not asked_too_early(visitor, outcome):
                break
        return outcome


def asked_too_early(visitor: BaseVisitor, outcome: Outcome) -> bool:
    """Whether the source may know more in a moment: it has not heard of the client, or of its
    address alone, though the client's port is known."""
    if outcome.status is P0fStatus.NO_MATCH:
        return True
    return getattr(outcome.info, "source", None) == "address" and bool(visitor.port)


def _keys_of(outcome: Outcome, claims: Headers | None) -> Keys:
    """The keys of an outcome; without a claim if `claims` is None."""
    info, status, reason = outcome
    if claims is None:
        return {"p0f.info": info, "p0f.status": status, "p0f.reason": reason}
    claim, info = check_request(info, claims)
    return {"p0f.info": info, "p0f.status": status, "p0f.reason": reason, "p0f.claim": claim}
