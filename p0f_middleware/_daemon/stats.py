"""Counters of how lookups end. Each lookup is counted once, when it ends."""

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


def ending(error: BaseException) -> str:
    """The counter of lookups that raise this."""
    if isinstance(error, P0fTimeout):
        return "timeouts"
    if isinstance(error, P0fUnavailable) and error.skipped:
        return "skipped"
    return "errors" if isinstance(error, P0fError) else "abandoned"
