"""P0f: the blocking client, for threads, greenlets and forking servers.

This module has its public methods; `exchange` is how threads share the connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, overload

from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome
from .._public import public
from .._visitor import Visitor
from .base import BaseClient, outcome, require_match
from .cache import CachingReader
from .connection import Connection
from .exchange import Exchanger
from .protocol import Reader, ReadT, make_query, read_answer, read_raw_answer

__all__ = ["P0f"]


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
        idle: seconds without a lookup after which the client closes its connection, since p0f
            serves only 20 (its -S).
        cache_ttl: how long a known host is served from the cache, in seconds; None: no cache.
        cache_size: how many hosts the cache keeps.

    Raises:
        ValueError: an option has an invalid value.
        TypeError: `socket_path` is neither text nor a path.
    """

    def _set_up(self) -> None:
        self._exchanger: Exchanger = Exchanger(
            self.socket_path, self.timeout, self.idle, self._health, self._counters
        )

    def lookup(self, ip_address: str) -> P0fInfo | None:
        """What p0f knows about `ip_address`; None if it has not seen it.

        Raises:
            P0fBadQuery: `ip_address` is not an IP address; nothing was sent.
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        return self._lookup(ip_address, math.inf)

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """What p0f knows about the visitor's address.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: p0f did not answer in time).
            P0fProtocolError: the server did not answer as p0f does.
        """
        address = visitor.address
        return NO_ADDRESS if address is None else outcome(self._lookup(address, deadline))

    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[False] = ...) -> P0fInfo: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[True]) -> dict[str, Any]: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: bool) -> P0fInfo | dict[str, Any]: ...
    def get_info(self, ip_address: str, return_raw_data: bool = False) -> P0fInfo | dict[str, Any]:
        """As `lookup`, but raises if p0f has not seen the address, and never uses the cache.

        Args:
            ip_address: an IPv4 or IPv6 address as text.
            return_raw_data: return p0f's numbers and strings as they are, in a dict.

        Raises:
            P0fNoMatch: p0f knows nothing about the address. A KeyError.
        """
        query = make_query(ip_address)
        if return_raw_data:
            return require_match(ip_address, self._ask(query, read_raw_answer, math.inf))
        return require_match(ip_address, self._ask(query, read_answer, math.inf))

    def close(self) -> None:
        """Close the connection; the next lookup opens another. Safe at any time, and to call twice.

        Waits up to a second for pending answers, since p0f dies when it writes an answer to a
        closed connection.
        """
        self._exchanger.close()

    @property
    def connection(self) -> Connection[object] | None:
        """This process's connection, for diagnosis (do not send on it); None if none is open."""
        return self._exchanger.shared_here().connection

    def __enter__(self) -> P0f:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _lookup(self, ip_address: str, deadline: float) -> P0fInfo | None:
        query = make_query(ip_address)
        cache = self._cache
        if cache is None:
            return self._ask(query, read_answer, deadline)
        info = cache.get(query)
        if info is None:
            reader = CachingReader(cache, query)
            return self._ask(query, reader, deadline, reader.kept_meanwhile)
        self._counters.served()
        return info

    def _ask(
        self,
        query: bytes,
        reader: Reader[ReadT],
        deadline: float,
        kept_meanwhile: Callable[[], ReadT | None] | None = None,
    ) -> ReadT | None:
        """Ask p0f, and count a failure. (Answers are counted where they are read.)"""
        try:
            return self._exchanger.exchange(query, reader, deadline, kept_meanwhile)
        except BaseException as error:
            self._counters.failed(error)
            raise
