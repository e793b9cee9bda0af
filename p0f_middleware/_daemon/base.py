"""What P0f and AsyncP0f have in common: options, counters, and the outcome of a result.

The two differ only in how they wait, so this module waits for nothing.
"""

from __future__ import annotations

import os

from .._errors import P0fNoMatch
from .._info import P0fInfo
from .._options import seconds
from .._outcome import Outcome, P0fStatus
from . import options
from .cache import HostCache
from .health import Health
from .protocol import ReadT
from .stats import P0fStats

TIMEOUT = 0.1
IDLE = 30.0
CACHE_SIZE = 10_000
"""The number of hosts that p0f itself remembers by default (its -m)."""
NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "p0f has not seen this client")


class BaseClient:
    """What `P0f` and `AsyncP0f` have in common; `P0f` documents the options."""

    def __init__(
        self,
        socket_path: str | os.PathLike[str],
        *,
        timeout: float = TIMEOUT,
        idle: float = IDLE,
        cache_ttl: float | None = None,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        self.socket_path: str = options.socket_path(socket_path)
        self.timeout: float = seconds("timeout", timeout)
        self.idle: float = seconds("idle", idle)
        size = options.count("cache_size", cache_size)
        self._cache: HostCache | None = None
        if cache_ttl is not None:
            self._cache = HostCache(seconds("cache_ttl", cache_ttl), size)
        self._health = Health(self.socket_path)
        self._counters = self._health.counters
        self._set_up()

    def _set_up(self) -> None:
        """Make what this kind of client needs in addition, without connecting."""
        raise NotImplementedError

    @property
    def stats(self) -> P0fStats:
        """The current counters of this client's lookups, for monitoring."""
        return self._counters.snapshot()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.socket_path!r}, timeout={self.timeout!r})"


def outcome(info: P0fInfo | None) -> Outcome:
    """The outcome of a request whose lookup has this result."""
    return NO_MATCH if info is None else Outcome(info, P0fStatus.OK, None)


def require_match(ip_address: str, result: ReadT | None) -> ReadT:
    """The result of a lookup, which must not be None.

    Raises:
        P0fNoMatch: it is None.
    """
    if result is None:
        raise P0fNoMatch(f"p0f knows nothing about {ip_address}")
    return result
