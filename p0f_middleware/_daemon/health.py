"""When p0f does not answer: whether to ask all the same, and what to say about it.

`Health` is what a client holds: the outage, its log lines, and the counters. When to try again is
decided by `Outage`, on the ground that all sources share.
"""

from __future__ import annotations

import os
import threading
import time
import weakref

from .._errors import P0fError, P0fUnavailable
from .._log import logger
from .._outage import Outage, OutageLog


class P0fStats:
    """What became of a client's lookups, each in one counter, and what happened beside.

    The counters only grow; reading them costs nothing and is safe from any thread.
    """

    # Answers are counted one by one, by whoever holds the connection, without a lock of their own;
    # everything else is rare and goes through `add`.

    matches: int
    """Lookups that p0f answered with a host."""
    no_matches: int
    """Lookups that p0f answered with 'no match'."""
    timeouts: int
    """Lookups not answered within the timeout."""
    errors: int
    """Lookups that failed otherwise: no connection, or an answer that is none."""
    skipped: int
    """Lookups not tried because p0f was down and no retry was due."""
    cached: int
    """Lookups answered without asking: from the cache, or along with another for the same host."""
    abandoned: int
    """Lookups the caller gave up: cancelled, or ended by an exception of its own."""
    reconnects: int
    """Connections opened after the first."""
    dropped: int
    """Answers that came when nobody waited for them any more."""
    outages: int
    """How often p0f went down."""

    # No dataclass: that would import `inspect`, milliseconds for every program that starts.
    def __init__(self) -> None:
        self.lock = threading.Lock()
        for counter in P0fStats.__annotations__:
            setattr(self, counter, 0)

    def __repr__(self) -> str:
        return f"P0fStats({', '.join(f'{name}={count}' for name, count in self.as_dict().items())})"

    @property
    def lookups(self) -> int:
        """Lookups of valid addresses that have ended, in whatever way."""
        return (
            self.matches
            + self.no_matches
            + self.timeouts
            + self.errors
            + self.skipped
            + self.cached
            + self.abandoned
        )

    def as_dict(self) -> dict[str, int]:
        """The counters by name, `lookups` first."""
        counters = {counter: getattr(self, counter) for counter in P0fStats.__annotations__}
        return {"lookups": self.lookups} | counters

    def add(self, counter: str, count: int = 1) -> None:
        """Add to a counter. Threads may do so at once."""
        with self.lock:
            setattr(self, counter, getattr(self, counter) + count)


class Health:
    """A client's view of its p0f: the outage if there is one, the counters, and the log."""

    def __init__(self, socket_path: str) -> None:
        self.stats = P0fStats()
        self.outage = Outage()
        self._socket_path = socket_path
        self.lock = threading.Lock()
        self._log = OutageLog("p0f", socket_path)
        self._skipped_before = 0
        self._connections = 0
        self._warned_of_answer = False
        _all.add(self)

    def renew_locks(self) -> None:
        """In a child after a fork: another thread of the parent may have held them."""
        self.lock = threading.Lock()
        self.stats.lock = threading.Lock()

    def admit(self, now: float) -> None:
        """Let the caller ask p0f while it is down, or not.

        Raises:
            P0fUnavailable: p0f is down, and it is not for this caller to try again.
        """
        with self.lock:
            if not self.outage.down or self.outage.retry(now):
                return
            wait = self.outage.retry_in(now)
        self.stats.add("skipped")
        raise P0fUnavailable(f"p0f at {self._socket_path} is down; next try in {wait:.1f} s")

    def connected(self) -> None:
        """A connection was opened."""
        self._connections += 1
        if self._connections > 1:
            self.stats.add("reconnects")

    def failed(self, error: P0fError) -> None:
        """p0f could not be asked: an outage begins, if none is on."""
        now = time.monotonic()
        with self.lock:
            if not self.outage.begin(now):
                return
            self._skipped_before = self.stats.skipped
        self.stats.add("outages")
        self._log.down(now, error)

    def answered(self) -> None:
        """p0f has answered; call it when `outage.down`."""
        with self.lock:
            if not self.outage.down:
                return
            self.outage.end()
        self._log.back(
            time.monotonic() - self.outage.began, self.stats.skipped - self._skipped_before
        )

    def bad_answer(self, error: P0fError) -> None:
        """One host's answer made no sense, though p0f speaks its API."""
        self.stats.errors += 1
        if not self._warned_of_answer:
            self._warned_of_answer = True
            logger().warning("p0f at %s: %s (said once)", self._socket_path, error)


_all: weakref.WeakSet[Health] = weakref.WeakSet()


def _renew_locks() -> None:
    for health in _all:
        health.renew_locks()


os.register_at_fork(after_in_child=_renew_locks)
