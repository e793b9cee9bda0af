"""What is asked about a visitor, and what the store's values tell about him. No I/O.

The store may hold two SYNs for one request. The connection's SYN is the client's own. The address's
may come from another machine behind the same address, so its fingerprint has `source` "address".
"""

from __future__ import annotations

from typing import NamedTuple

from .._info import by_address
from .._log import logger
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._visitor import Visitor
from ..fingerprint.fingerprinter import Fingerprinter
from .keys import Sender, address_key, connection_key, pack
from .store import Keys, Values


class Question(NamedTuple):
    """The keys of a visitor's connection (if its port is known) and of his address."""

    address: str
    sender: Sender
    keys: Keys


def question(visitor: Visitor) -> Question | Outcome:
    """What to ask the store about a visitor; or an outcome, if there is nothing to ask."""
    address = visitor.address
    if address is None:
        return NO_ADDRESS
    packed, port = pack(address), visitor.port
    if not port:
        return Question(address, Sender(packed, 0), (address_key(packed),))
    keys = connection_key(packed, port), address_key(packed)
    return Question(address, Sender(packed, port), keys)


class Reader:
    """Reads the SYNs in the values of a store, which `place` names in messages."""

    def __init__(self, fingerprinter: Fingerprinter, place: str) -> None:
        self._read = fingerprinter.read
        self._place = place
        self._warned = False

    def outcome(self, question: Question, values: Values) -> Outcome:
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
                self._place,
            )
        return unavailable(reason)
