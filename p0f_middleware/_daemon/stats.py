"""Counters of how lookups end.

A client counts in `Counters`; its `stats` returns a `P0fStats`, a copy that does not change. Each
lookup is counted once, when it ends: where its answer is read, or by `served` if it needed no
query, or by `failed` if it raises.

The fact a reader would get wrong: the client itself abandons no lookup. `abandoned` means that the
caller was cancelled, or that an exception of the caller's interrupted the lookup.
"""

from __future__ import annotations

from typing import NamedTuple

from .._brief_lock import BriefLock
from .._errors import P0fError, P0fTimeout, P0fUnavailable
from .._public import public


@public
class P0fStats(NamedTuple):
    """A copy of a client's counters.

    Attributes:
        matches: lookups that p0f answered with a host.
        no_matches: lookups that p0f answered with 'no match'.
        timeouts: lookups that p0f did not answer in time.
        errors: lookups that failed otherwise: no connection, or an invalid answer.
        skipped: lookups not tried because p0f was down and no retry was due.
        cached: lookups without a query of their own: served from the cache, or by another lookup's
            query.
        abandoned: lookups whose caller was cancelled, or ended by an exception of its own.
        reconnects: connections opened after the first.
        dropped: answers to queries that were abandoned by then.
        outages: how often p0f went down.
    """

    matches: int = 0
    no_matches: int = 0
    timeouts: int = 0
    errors: int = 0
    skipped: int = 0
    cached: int = 0
    abandoned: int = 0
    reconnects: int = 0
    dropped: int = 0
    outages: int = 0

    @property
    def lookups(self) -> int:
        """Lookups of valid addresses that have ended, successfully or not."""
        answered = self.matches + self.no_matches + self.cached
        return answered + self.timeouts + self.errors + self.skipped + self.abandoned

    def as_dict(self) -> dict[str, int]:
        """The counters by name, `lookups` first."""
        return {"lookups": self.lookups, **self._asdict()}


class Counters:
    """The counters of one client. Threads may call its methods at the same time.

    `P0f` adds to `matches` and `no_matches` directly, while it holds the lock of its connection;
    no other code changes these two counters of a `P0f`.
    """

    def __init__(self) -> None:
        self.renew_lock()
        self.matches = self.no_matches = self.timeouts = self.errors = self.skipped = 0
        self.cached = self.abandoned = self.reconnects = self.dropped = self.outages = 0

    def renew_lock(self) -> None:
        """Replace the lock in a forked child: a thread of the parent may have held the old one."""
        self.lock = BriefLock()

    def snapshot(self) -> P0fStats:
        """The counters as they are now."""
        with self.lock:
            return P0fStats(*[getattr(self, name) for name in P0fStats._fields])

    def answered(self, found: bool) -> None:
        """Count a lookup of `AsyncP0f` that p0f answered, with a host or with 'no match'."""
        with self.lock:
            if found:
                self.matches += 1
            else:
                self.no_matches += 1

    def batch_answered(self, matches: int, no_matches: int, shared: int, dropped: int) -> None:
        """Count lookups whose answers were read together.

        Args:
            matches: queries answered with a host.
            no_matches: queries answered with 'no match'.
            shared: lookups beyond the first that waited for the same query.
            dropped: answers to abandoned queries.
        """
        with self.lock:
            self.matches += matches
            self.no_matches += no_matches
            self.cached += shared
            self.dropped += dropped

    def served(self) -> None:
        """Count a lookup that got its result without a query of its own."""
        with self.lock:
            self.cached += 1

    def failed(self, error: BaseException) -> None:
        """Count a lookup that raised."""
        with self.lock:
            if isinstance(error, P0fTimeout):
                self.timeouts += 1
            elif isinstance(error, P0fUnavailable) and error.skipped:
                self.skipped += 1
            elif isinstance(error, P0fError):
                self.errors += 1
            else:
                self.abandoned += 1

    def dropped_answer(self) -> None:
        """Count an answer to an abandoned query."""
        with self.lock:
            self.dropped += 1

    def reconnected(self) -> None:
        """Count a connection after the first."""
        with self.lock:
            self.reconnects += 1

    def went_down(self) -> None:
        """Count an outage of p0f."""
        with self.lock:
            self.outages += 1
