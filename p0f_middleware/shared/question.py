"""What is asked about a visitor, and what the store's values tell about him. No I/O.

The store may hold two SYNs for one request. The connection's SYN is the client's own. The address's
may come from another machine behind the same address, so its fingerprint has `source` "address".

Where several connections have the visitor's address and port, only the other end tells which one is
his: a header of the proxy, or the request's own socket. If neither does, nobody guesses, and he is
told by his address.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._address import endpoint, port_number
from .._info import by_address
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._public import logger
from .._store import Keys, Values
from .._visitor import NoConnection, Visitor
from ..fingerprint.fingerprinter import Fingerprinter
from .keys import End, address_key, connection_key, ends, pack, sender, syns_in

_QUIC = unavailable("over HTTP/3 (QUIC, which uses UDP) there is no SYN")
_ODD = Outcome(None, P0fStatus.NO_MATCH, "the visitor's SYN is not one that p0f fingerprints")


class Question(NamedTuple):
    """The keys of a visitor's connection (if its port is known) and of his address."""

    visitor: Visitor
    who: End
    keys: Keys


def question(visitor: Visitor) -> Question | Outcome:
    """What to ask the store about a visitor; or an outcome, if there is nothing to ask."""
    address = visitor.address
    if address is None:
        return NO_ADDRESS
    if getattr(visitor, "http_version", None) == "3":
        return _QUIC  # the port is one of UDP: the SYN of that number is another visitor's
    packed, port = pack(address), visitor.port
    if not port:
        return Question(visitor, End(packed, 0), (address_key(packed),))
    keys = connection_key(packed, port), address_key(packed)
    return Question(visitor, End(packed, port), keys)


class Reader:
    """Reads the SYNs in the values of a store, which `place` names in messages.

    Args:
        destination_header: the header in which a trusted proxy names the address or port, or both,
            that the visitor connected to.
    """

    def __init__(
        self, fingerprinter: Fingerprinter, place: str, destination_header: str | None
    ) -> None:
        self._read = fingerprinter.read
        self._place = place
        self._destination_header = destination_header
        self._logged: set[str] = set()

    def outcome(self, question: Question, values: Values) -> Outcome:
        """The outcome of a lookup, from the values of the question's keys."""
        visitor, who, _ = question
        strange = False
        if who.port and values[0] is not None:
            own = [syn for syn in syns_in(values[0]) if sender(syn) == who]
            strange = not own
            own = self._of_his_connection(visitor, own)
            if len(own) == 1:
                found = self._read(own[0])
                return _ODD if found is None else found.outcome
        if (syn := values[-1]) is not None:
            whose = sender(syn)
            if whose is not None and whose.address == who.address:
                return self._by_address(question, syn)
            strange = True
        if strange:
            return self._not_his_syn(question)
        named = f"{visitor.address} port {who.port}" if who.port else visitor.address
        reason = f"no edge has shared a SYN of {named}, or it has expired"
        return Outcome(None, P0fStatus.NO_MATCH, reason)

    def _of_his_connection(self, visitor: Visitor, syns: list[bytes]) -> list[bytes]:
        """Those of some SYNs from the visitor's address and port that can be his connection's."""
        address: str | None = None
        port: int | None = None
        if self._destination_header is not None and visitor.behind_proxy:
            named = (visitor.header(self._destination_header) or "").strip()
            address, port = endpoint(named)
            port = port or port_number(named)
        elif len(syns) > 1 and not visitor.behind_proxy:
            # Not asked if there is one: in a container the socket has another end than the SYN.
            address, port = _own_end(visitor)
        return [
            syn
            for syn in syns
            if (both := ends(syn)) is not None
            and (address is None or both[1].address == pack(address))
            and (not port or both[1].port == port)
        ]

    def _by_address(self, question: Question, syn: bytes) -> Outcome:
        if not question.who.port:
            self._log_once(
                "SharedSyn is not told the port of %s, so it takes the last SYN of that address,"
                " which may be another machine's: if a proxy is in front, let it send the port,"
                " and name the header in client_port_header (logged once)",
                question.visitor.address,
            )
        found = self._read(syn)
        info = found and found.outcome.info
        return _ODD if info is None else Outcome(by_address(info), P0fStatus.OK, None)

    def _not_his_syn(self, question: Question) -> Outcome:
        reason = f"what the store has for {question.visitor.address} is not a SYN of that client"
        self._log_once(
            "%s: only p0f-middleware edge may write p0f:* to %s; find out what else does"
            " (logged once)",
            reason,
            self._place,
        )
        return unavailable(reason)

    def _log_once(self, text: str, *values: object) -> None:
        if text not in self._logged:
            self._logged.add(text)
            logger().warning(text, *values)


def _own_end(visitor: Visitor) -> tuple[str | None, int | None]:
    """The server's end of the request's own connection; None where it cannot be seen."""
    try:
        sock: Any = visitor.socket()
        address, port = sock.getsockname()[:2]
    except (NoConnection, OSError, ValueError):
        return None, None
    return endpoint(address)[0], port
