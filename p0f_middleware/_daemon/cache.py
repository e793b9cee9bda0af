"""The optional cache of hosts, for clients that ask more often than p0f learns.

Only hosts are kept. 'No match' is worth asking again a few milliseconds later, and a failure says
nothing about a host. No I/O here. There is no lock either, so none can be found held in a forked
child or by a signal handler: each step is one operation of a dict, which is atomic. Threads that
put hosts in at the same moment may leave a few too many for a moment, never for good.
"""

from __future__ import annotations

import time

from .._info import P0fInfo
from .protocol import Dialect, read_answer


class HostCache:
    """Hosts by the query that asked for them. Threads may share it.

    Args:
        ttl: seconds for which a host is kept.
        size: how many hosts are kept; the oldest make room for new ones.
    """

    def __init__(self, ttl: float, size: int) -> None:
        self._ttl = ttl
        self._size = size
        self._hosts: dict[bytes, tuple[float, P0fInfo]] = {}

    def get(self, query: bytes) -> P0fInfo | None:
        """The host, if it was put here less than `ttl` seconds ago."""
        kept = self._hosts.get(query)
        if kept is None or kept[0] < time.monotonic():
            return None
        return kept[1]

    def put(self, query: bytes, info: P0fInfo) -> None:
        """Keep a host."""
        hosts = self._hosts
        hosts.pop(query, None)  # so that it becomes the newest
        while len(hosts) >= self._size:
            try:
                hosts.pop(next(iter(hosts)), None)
            except (RuntimeError, StopIteration):
                continue  # another thread has changed the dict in this very moment
        hosts[query] = (time.monotonic() + self._ttl, info)


class CachingReader:
    """Reads the answer to one query and keeps the host in the cache."""

    __slots__ = ("_cache", "_query")

    def __init__(self, cache: HostCache, query: bytes) -> None:
        self._cache = cache
        self._query = query

    def __call__(self, answer: bytes, dialect: Dialect) -> P0fInfo | None:
        info = read_answer(answer, dialect)
        if info is not None:
            self._cache.put(self._query, info)
        return info

    def kept_meanwhile(self) -> P0fInfo | None:
        """The host, if another lookup has put it into the cache by now."""
        return self._cache.get(self._query)
