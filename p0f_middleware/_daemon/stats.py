"""Counters of how lookups end. Each lookup is counted once, when it ends.

The clients abandon no lookup themselves. `abandoned` means that the caller was cancelled, or that
an exception of the caller's interrupted the lookup.
"""

from __future__ import annotations

from typing import NamedTuple

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
    abandoned: int = 0
    reconnects: int = 0
    dropped: int = 0
    outages: int = 0

    @property
    def lookups(self) -> int:
        """Lookups of valid addresses that have ended, successfully or not."""
        answered = self.matches + self.no_matches
        return answered + self.timeouts + self.errors + self.skipped + self.abandoned

    def as_dict(self) -> dict[str, int]:
        """The counters by name, `lookups` first."""
        return {"lookups": self.lookups, **self._asdict()}


class Counters:
    """The counters of one client. Threads share them without a lock: a lost count can be stood."""

    def __init__(self) -> None:
        self.matches = self.no_matches = self.timeouts = self.errors = self.skipped = 0
        self.abandoned = self.reconnects = self.dropped = self.outages = 0

    def snapshot(self) -> P0fStats:
        """The counters as they are now."""
        return P0fStats(*[getattr(self, name) for name in P0fStats._fields])

    def answered(self, result: object) -> None:
        """Count a lookup that p0f answered; `result` is None for 'no match'."""
        if result is None:
            self.no_matches += 1
        else:
            self.matches += 1

    def failed(self, error: BaseException) -> None:
        """Count a lookup that raised."""
        if isinstance(error, P0fTimeout):
            self.timeouts += 1
        elif isinstance(error, P0fUnavailable) and error.skipped:
            self.skipped += 1
        elif isinstance(error, P0fError):
            self.errors += 1
        else:
            self.abandoned += 1
