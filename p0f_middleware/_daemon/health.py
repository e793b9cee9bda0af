"""When p0f does not answer: whether to ask it all the same, and what the log says about it.

`Outage` decides, without I/O and with the caller's clock, so that both clients and the tests share
it. `Health` is what a client holds: the outage, its counters, and the one log line for going down
and for coming back.

Several threads may report at the same time; one lock keeps them apart. It is re-entrant, since a
signal handler may look something up too, it guards a few statements that never wait, and nothing is
logged while it is held.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from .._errors import P0fError, P0fUnavailable
from .._log import logger
from . import fork
from .stats import Counters

FIRST_DELAY = 0.5
"""Seconds from a failure to the first retry."""
LONGEST_DELAY = 30.0
"""Seconds between retries at most; each delay is twice the one before."""

ENOUGH = 0.9
"""Share of the timeout that a lookup must have given p0f for its timeout to be p0f's failure. With
less, a deadline of the caller's has cut it short, or other lookups have used the time up."""


class Outage:
    """A span in which p0f does not answer. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self.down = False
        self.began = 0.0
        self._delay = FIRST_DELAY
        self._retry_at = 0.0

    def begin(self, now: float) -> bool:
        """Record a failure. True if an outage begins with it, False if one is on already."""
        if self.down:
            return False
        self.down = True
        self.began = now
        self._delay = FIRST_DELAY
        self._retry_at = now + FIRST_DELAY
        return True

    def retry(self, now: float) -> bool:
        """Whether the caller is the one that tries again.

        A True puts the next retry off by twice the delay at once: no second caller is sent, and a
        caller that never comes back (cancelled, killed) blocks nobody.
        """
        if now < self._retry_at:
            return False
        self._delay = min(2 * self._delay, LONGEST_DELAY)
        self._retry_at = now + self._delay
        return True

    def retry_in(self, now: float) -> float:
        """Seconds until a retry is due."""
        return max(0.0, self._retry_at - now)

    def end(self) -> None:
        """Record that p0f has answered."""
        self.down = False


class Health:
    """A client's view of its p0f: the outage if there is one, the counters, and the log."""

    MAX_REPORTS = 5
    """Outages that are logged within `REPORT_SPAN`; a p0f that flaps does not fill the log."""
    REPORT_SPAN = 60.0
    """Seconds."""

    def __init__(self, socket_path: str) -> None:
        self.counters = Counters()
        self.outage = Outage()
        self.lock = threading.RLock()
        self._socket_path = socket_path
        self._reports: deque[float] = deque(maxlen=self.MAX_REPORTS)
        self._reported = False
        self._skipped_before = 0
        self._has_connected = False
        self._warned_of_answer = False
        fork.register(self)

    def before_fork(self) -> None:
        """Nothing is to be ended."""

    def after_fork_in_child(self) -> None:
        """Another thread of the parent may have held the locks."""
        self.lock = threading.RLock()
        self.counters.renew_lock()

    def admit(self, now: float) -> None:
        """Let the caller ask p0f, or not; to be called where `outage.down`.

        Raises:
            P0fUnavailable: p0f is down, and it is not for this caller to try again.
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
        """Record that p0f could not be asked: an outage begins, if none is on."""
        now = time.monotonic()
        with self.lock:
            if not self.outage.begin(now):
                return
            self._skipped_before = self.counters.skipped
            self._reported = len(self._reports) < self.MAX_REPORTS or (
                now - self._reports[0] > self.REPORT_SPAN
            )
            if self._reported:
                self._reports.append(now)
        self.counters.went_down()
        if self._reported:
            logger().warning("p0f is down, requests go on without p0f.info: %s", str(error))

    def answered(self) -> None:
        """Record that p0f has answered; to be called where `outage.down`."""
        with self.lock:
            if not self.outage.down:
                return
            self.outage.end()
        if self._reported:
            logger().info(
                "p0f at %s is back after %.1f s; %d lookups were skipped",
                self._socket_path,
                time.monotonic() - self.outage.began,
                self.counters.skipped - self._skipped_before,
            )

    def bad_answer(self, error: P0fError) -> None:
        """Record that one answer made no sense, though p0f speaks its API."""
        if not self._warned_of_answer:
            self._warned_of_answer = True
            logger().warning("p0f at %s: %s (logged once)", self._socket_path, error)
