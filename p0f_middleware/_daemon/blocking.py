"""P0f: the blocking client, for threads, greenlets and forking servers."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome
from .._public import public
from .._visitor import Visitor
from .base import BaseClient, outcome, require_match
from .protocol import Reader, ReadT, make_query, read_answer, read_raw_answer
from .stats import ending


@public
class P0f(BaseClient):
    """Asks the p0f daemon and waits for the answer. Threads may share one object.

    It connects when it is first used and keeps the connection. It connects again when the
    connection is lost, and after a fork or `close()`.

    Args:
        socket_path: the path given to p0f with -s, as text or as a path object.
        timeout: seconds that a lookup may take at most. After a lookup that took longer, lookups
            fail at once until a retry is due: after 0.5 s at first, then twice as long each time,
            up to 30 s.

    Raises:
        ValueError: an option has an invalid value.
        TypeError: `socket_path` is neither text nor a path.
    """

    def lookup(self, ip_address: str) -> P0fInfo | None:
        """What p0f knows about `ip_address`; None if it has not seen it.

        Raises:
            P0fBadQuery: `ip_address` is not an IP address; nothing was sent.
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        return self._ask(make_query(ip_address), read_answer)

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """What p0f knows about the visitor's address. Raises what `lookup` raises.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.
        """
        address = visitor.address
        if address is None:
            return NO_ADDRESS
        return outcome(self._ask(make_query(address), read_answer, deadline))

    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[False] = ...) -> P0fInfo: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[True]) -> dict[str, Any]: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: bool) -> P0fInfo | dict[str, Any]: ...
    def get_info(self, ip_address: str, return_raw_data: bool = False) -> P0fInfo | dict[str, Any]:
        """As `lookup`, but raises P0fNoMatch, a KeyError, if p0f has not seen the address.

        Args:
            ip_address: an IPv4 or IPv6 address as text.
            return_raw_data: return p0f's numbers and strings as they are, in a dict.
        """
        query = make_query(ip_address)
        if return_raw_data:
            return require_match(ip_address, self._ask(query, read_raw_answer))
        return require_match(ip_address, self._ask(query, read_answer))

    def close(self) -> None:
        """Close the connection; the next lookup opens another. Safe at any time, and to call twice.

        Waits up to a second for pending answers, since p0f dies when it writes an answer to a
        closed connection.
        """
        self._close()

    def __enter__(self) -> P0f:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _ask(self, query: bytes, reader: Reader[ReadT], deadline: float = math.inf) -> ReadT | None:
        try:
            return self._rules.read(self._wait_for_answer(query, deadline), reader)
        except BaseException as error:
            self._rules.counts[ending(error)] += 1
            raise
