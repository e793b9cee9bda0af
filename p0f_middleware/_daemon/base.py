"""What P0f and AsyncP0f have in common: their options, counters, and reading an answer.

They differ only in how they wait.
"""

from __future__ import annotations

import os
from typing import Any

from .._errors import P0fBadQuery, P0fNoMatch, P0fProtocolError
from .._info import P0fInfo
from .._outcome import Outcome, P0fStatus
from .cache import HostCache
from .connection import Link, explain
from .health import Health, P0fStats
from .protocol import Dialect, Reader, ReadT, read_answer

NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "p0f has not seen this client")
TIMEOUT = 0.1
IDLE = 30.0
CACHE_SIZE = 10_000
"""As many hosts as p0f knows by default (its -m)."""


class BaseClient:
    """A client of the p0f daemon whose API socket (its -s) is `socket_path`.

    Opens one connection when first used, keeps it, and opens it anew after a loss, a fork or
    `close()`.

    Args:
        socket_path: the path of the Unix socket.
        timeout: seconds that a lookup may take at most. After one that took longer, lookups fail at
            once until a retry is due: after 0.5 s at first, then twice as long each time, up to
            30 s.
        idle: seconds without a lookup after which the connection is let go, since p0f serves only
            20 (its -S).
        cache_ttl: seconds for which `lookup` gives a host that p0f has told of without asking
            again; None for not at all.
        cache_size: how many hosts to keep for that.

    Raises:
        ValueError: an option makes no sense.
    """

    def __init__(
        self,
        socket_path: str | os.PathLike[str],
        *,
        timeout: float = TIMEOUT,
        idle: float = IDLE,
        cache_ttl: float | None = None,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        if not timeout > 0 or not idle > 0:
            raise ValueError(f"timeout and idle are seconds above 0, not {timeout!r} and {idle!r}")
        self.socket_path = os.fspath(socket_path)
        self.timeout = timeout
        self.idle = idle
        self._health = Health(self.socket_path)
        self._cache = None if cache_ttl is None else HostCache(cache_ttl, cache_size)
        self._set_up()

    def _set_up(self) -> None:
        """Make what this kind of client needs beside; nothing is connected yet."""
        raise NotImplementedError

    @property
    def stats(self) -> P0fStats:
        """Counters of this client's lookups, for monitoring."""
        return self._health.stats

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.socket_path!r}, timeout={self.timeout!r})"

    def _open_link(self, timeout: float) -> Link[Any]:
        try:
            link: Link[Any] = Link(self.socket_path, timeout)
        except OSError as error:
            raise explain(error, self.socket_path) from error
        self._health.connected()
        return link

    def _read(self, answer: bytes, dialect: Dialect, reader: Reader[ReadT]) -> ReadT | None:
        """What an answer says. Callers see to it that no two threads count at once."""
        try:
            result = reader(answer, dialect)
        except (P0fBadQuery, P0fProtocolError) as error:
            self._health.bad_answer(error)
            raise
        stats = self._health.stats
        if result is None:
            stats.no_matches += 1
        else:
            stats.matches += 1
        return result


def keeping(cache: HostCache, query: bytes) -> Reader[P0fInfo]:
    """Reads the answer to `query`, and keeps the host."""

    def read(answer: bytes, dialect: Dialect) -> P0fInfo | None:
        info = read_answer(answer, dialect)
        if info is not None:
            cache.put(query, info)
        return info

    return read


def known(ip_address: str, result: ReadT | None) -> ReadT:
    """The result of a lookup if there is one.

    Raises:
        P0fNoMatch: there is none.
    """
    if result is None:
        raise P0fNoMatch(f"p0f knows nothing about {ip_address}")
    return result
