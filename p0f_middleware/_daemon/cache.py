"""Hosts that p0f has told of, kept for a while: for those who ask more often than p0f learns.

Only hosts are kept. 'No match' is worth asking again a few milliseconds later, and a failure says
nothing of a host. No I/O here; what is kept is bounded by number, the oldest going first.
"""

from __future__ import annotations

import threading
import time

from .._info import P0fInfo


class HostCache:
    """Hosts by the query that asked for them. Threads may share it.

    Args:
        ttl: seconds for which a host is kept.
        size: hosts to keep at most.

    Raises:
        ValueError: one of these is not above 0.
    """

    def __init__(self, ttl: float, size: int) -> None:
        if not ttl > 0 or not size > 0:
            raise ValueError(f"cache_ttl and cache_size are above 0, not {ttl!r} and {size!r}")
        self._ttl = ttl
        self._size = size
        self._hosts: dict[bytes, tuple[float, P0fInfo]] = {}
        self.lock = threading.Lock()

    def get(self, query: bytes) -> P0fInfo | None:
        """The host, if it was put here less than `ttl` seconds ago."""
        kept = self._hosts.get(query)
        if kept is None or kept[0] < time.monotonic():
            return None
        return kept[1]

    def put(self, query: bytes, info: P0fInfo) -> None:
        """Keep a host."""
        with self.lock:
            self._hosts.pop(query, None)
            if len(self._hosts) >= self._size:
                del self._hosts[next(iter(self._hosts))]
            self._hosts[query] = (time.monotonic() + self._ttl, info)
