"""The optional cache of hosts, for clients that ask more often than p0f learns.

It keeps only hosts: after a 'no match', asking again is worthwhile a few milliseconds later, and a
failure says nothing about a host. This module does no I/O. It has no lock that a forked child or a
signal handler could find held: each step is one operation of a dict, which is atomic. When threads
put hosts in at the same moment, the cache may be a few hosts too large until the next `put`.
"""

from __future__ import annotations

import time

from .._info import P0fInfo
from .protocol import Dialect, read_answer


class HostCache:
    """Hosts by query. Threads may share it.

    Args:
        ttl: how long a host is kept, in seconds.
        size: how many hosts are kept; new hosts replace the oldest.
    """

    def __init__(self, ttl: float, size: int) -> None:
        self._ttl = ttl
        self._size = size
        self._hosts: dict[bytes, tuple[float, P0fInfo]] = {}

    def get(self, query: bytes) -> P0fInfo | None:
        """The host, if `put` has stored it less than `ttl` seconds ago; else None."""
        kept = self._hosts.get(query)
        if kept is None or kept[0] < time.monotonic():
            return None
        return kept[1]

    def put(self, query: bytes, info: P0fInfo) -> None:
        """Store a host."""
        hosts = self._hosts
        hosts.pop(query, None)  # so that it becomes the newest
        while len(hosts) >= self._size:
            try:
                hosts.pop(next(iter(hosts)), None)
            except (RuntimeError, StopIteration):
                continue  # another thread has just changed the dict
        hosts[query] = (time.monotonic() + self._ttl, info)


class CachingReader:
    """Reads the answer to one query and stores the host in the cache."""

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
        """The host, if another lookup has stored it in the cache meanwhile; else None."""
        return self._cache.get(self._query)
