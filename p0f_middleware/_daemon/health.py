"""A client's view of its p0f: whether to ask it during an outage, and what the log says.

Each client has one `Health`: the outage, its counters, and its log lines. `_outage` has the rules
of outages, which other sources share.

Several threads may report at the same time; a lock guards the outage. Nothing is logged while it is
held, since that may wait.
"""

from __future__ import annotations

import time

from .._brief_lock import BriefLock
from .._errors import P0fError, P0fUnavailable
from .._log import logger
from .._outage import Outage, OutageLog
from . import fork
from .stats import Counters

ENOUGH = 0.9
"""A lookup that expires counts as an outage only if p0f had this share of the timeout to answer.
Otherwise the caller's deadline has cut it short, or other lookups have used up its time."""


class Health:
    """A client's view of its p0f: the outage if there is one, the counters, and the log."""

    def __init__(self, socket_path: str) -> None:
        self.counters = Counters()
        self.outage = Outage()
        self.lock = BriefLock()
        self._socket_path = socket_path
        self._log = OutageLog("p0f", socket_path)
        self._skipped_before = 0
        self._has_connected = False
        self._warned_of_answer = False
        fork.register(self)

    def before_fork(self) -> None:
        """Nothing to do: there is no thread to end."""

    def after_fork_in_child(self) -> None:
        """Replace the locks: another thread of the parent may have held them."""
        self.lock = BriefLock()
        self.counters.renew_lock()

    def admit(self, now: float) -> None:
        """Return if the caller may ask p0f during an outage. Call it if `outage.down`.

        Raises:
            P0fUnavailable: p0f is down, and no retry is due.
        """
        with self.lock:
            if not self.outage.down or self.outage.retry(now):
                return
            wait = self.outage.retry_in(now)
        error = P0fUnavailable(f"p0f at {self._socket_path} is down; next try in {wait:.1f} s")
        error.skipped = True
        raise error

    def refuse_early(self, now: float) -> None:
        """Raise what `admit` would raise, without using up the retry if one is due.

        Raises:
            P0fUnavailable: p0f is down, and no retry is due.
        """
        if self.outage.down and self.outage.retry_in(now):
            self.admit(now)

    def connected(self) -> None:
        """Record that a connection was opened."""
        if self._has_connected:
            self.counters.reconnected()
        self._has_connected = True

    def failed(self, error: P0fError) -> None:
        """Record that p0f could not be asked. An outage begins, unless one has begun already."""
        now = time.monotonic()
        with self.lock:
            if not self.outage.begin(now):
                return
            self._skipped_before = self.counters.skipped
        self.counters.went_down()
        self._log.down(now, error)

    def answered(self) -> None:
        """Record that p0f has answered. Call it if `outage.down`."""
        with self.lock:
            if not self.outage.down:
                return
            self.outage.end()
        self._log.back(
            time.monotonic() - self.outage.began, self.counters.skipped - self._skipped_before
        )

    def bad_answer(self, error: P0fError) -> None:
        """Record that p0f, which speaks its API, has sent an invalid answer."""
        if not self._warned_of_answer:
            self._warned_of_answer = True
            logger().warning("p0f at %s: %s (logged once)", self._socket_path, error)
