"""One request's lookup, from the visitor to the keys that the application finds.

The steps: visitor -> the answer that its connection got before, or else the source's -> outcome ->
does the User-Agent agree? -> keys. `BaseLookup` has what the sync and the async side share.
`Lookup` is the sync side; `AsyncLookup` (in its own module, since it needs asyncio) differs only in
how it waits.

The fact a reader would get wrong: `timeout` plus `grace` is the longest that a request may wait,
for all its questions together. Every question gets the same deadline.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from .._errors import P0fTimeout
from .._info import P0fInfo
from .._options import seconds
from .._outcome import Outcome, P0fStatus
from .._user_agent import LONGEST
from ..claim import ClaimVerdict, check_request, read_headers
from .failure import failed
from .grace import Grace
from .hold import NOTHING_SAID, Hold, Told
from .proxies import ProxyRules
from .source_option import Asked
from .unnamed_proxy import UnnamedProxy
from .visitor import BaseVisitor, Said

__all__ = ["BaseLookup", "Keys", "Lookup", "asked_too_early", "keys_of"]

Keys = dict[str, Any]
"""What an application finds in environ or scope. It is shared between requests: copy it."""
_NOTHING_SENT = None, None


class BaseLookup:
    """What lookups of both kinds share: the options, and all that does not wait.

    Args:
        asked: the source.
        rules: the options on proxies.
        grace: seconds to go on asking about a client that the source has not heard of yet.
        hold: seconds for which requests of one connection get what the first was told; 0: none.
        claims: whether to compare the User-Agent with the fingerprint.

    Raises:
        ValueError: an option has an invalid value.
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
        self._waits = asked.waits
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

    def _pause_to_confirm(self, visitor: BaseVisitor, keys: Keys, deadline: float) -> float:
        """Seconds to wait before asking p0f once more; 0 unless its answer accuses the client.

        p0f answers for the address, and may not have seen the SYN of this connection yet: then it
        has told of another machine behind the address, and would have an honest client accused.
        """
        if not self._grace.seconds:
            return 0.0
        claim = keys.get("p0f.claim")
        if claim is None or claim.verdict is not ClaimVerdict.MISMATCH:
            return 0.0
        info, address = keys["p0f.info"], visitor.address
        if not isinstance(info, P0fInfo) or info.source != "p0f" or address is None:
            return 0.0
        now = time.monotonic()
        return max(0.0, min(self._grace.once(address, now), deadline - now))

    def held(self, visitor: BaseVisitor) -> Keys | None:
        """The keys of a request whose connection was told before; None if it is to be asked about.

        Never waits, and raises nothing of ours.
        """
        if not self._holds:
            return None
        try:
            key = visitor.key if self.rules.active else visitor.peer_key()
            told = self._hold.get(key, time.monotonic())
            if told is None:
                return None
            if (
                not self._waits
                and told.connection is not None  # a proxy's client is known by its key alone
                and not told.is_for(visitor.server_object())
            ):
                return None
            said = visitor.claims() if self._claims else None
            kept = told.keys_by_claims
            # The rest is worked out only if the client says something else of itself.
            return kept[1] if kept[0] == said else _keys_for(told, said)
        except Exception as error:
            return self._keys_of_failure(error)

    def _tell(self, visitor: BaseVisitor, outcome: Outcome, said: Said | None, keys: Keys) -> Keys:
        """What a connection is told, now and, if it is held, later.

        Args:
            said: what the client has said in this request.
            keys: what follows from both for the application.
        """
        self._unnamed_proxy.look(visitor)
        if not self._holds or outcome.status is not P0fStatus.OK or not visitor.port:
            return keys
        direct = not visitor.behind_proxy
        if direct and visitor.is_last() and visitor.key not in self._hold:
            return keys  # nobody will ask for it
        connection = visitor.server_object() if direct else None
        if connection is None and direct and not self._waits:
            return keys
        told = Told(outcome)
        _remember(told, said, keys)
        held = self._hold.put(visitor.key, connection, told, time.monotonic())
        return keys if held is told else _keys_for(held, said)

    def _keys_of_failure(self, error: Exception) -> Keys:
        """The keys where something of ours raised. Call it in the `except` clause."""
        return keys_of(failed(error), _NOTHING_SENT if self._claims else None)


class Lookup(BaseLookup):
    """Asks a source that blocks, or answers at once."""

    def ask(self, visitor: BaseVisitor) -> Keys:
        """The keys of a request for which nothing is `held`. Raises nothing of ours."""
        try:
            deadline = time.monotonic() + self._budget
            outcome = self._ask(visitor, deadline)
            said = visitor.claims() if self._claims else None
            keys = keys_of(outcome, said)
            pause = self._pause_to_confirm(visitor, keys, deadline)
            if pause:
                time.sleep(pause)
                outcome = self._ask(visitor, deadline)
                keys = keys_of(outcome, said)
            return self._tell(visitor, outcome, said, keys)
        except Exception as error:
            return self._keys_of_failure(error)

    def _ask(self, visitor: BaseVisitor, deadline: float) -> Outcome:
        try:
            outcome: Outcome = self._fingerprint(visitor, deadline)
            if self._waits and asked_too_early(visitor, outcome):
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


def _keys_for(told: Told, said: Said | None) -> Keys:
    """The keys that follow from what a connection was `told` and what its client has `said`.

    `told` remembers them until the client says something else.
    """
    kept = told.keys_by_claims
    if kept[0] == said:
        return kept[1]
    keys = keys_of(told.outcome, said)
    _remember(told, said, keys)
    return keys


def _remember(told: Told, said: Said | None, keys: Keys) -> None:
    told.keys_by_claims = (said if _is_short(said) else NOTHING_SAID), keys


def _is_short(said: Said | None) -> bool:
    """Whether it can be kept. Browsers send up to 300 characters, attackers megabytes."""
    for header in said or ():
        if header is not None and not (type(header) in (str, bytes) and len(header) <= LONGEST):
            return False
    return True


def keys_of(outcome: Outcome, said: Said | None) -> Keys:
    """The keys of an outcome; without a claim if `said` is None."""
    info, status, reason = outcome
    if said is None:
        return {"p0f.info": info, "p0f.status": status, "p0f.reason": reason}
    claim, info = check_request(info, read_headers(*said))
    return {"p0f.info": info, "p0f.status": status, "p0f.reason": reason, "p0f.claim": claim}
