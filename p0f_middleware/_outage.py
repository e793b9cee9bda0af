"""Outages of the program that a source asks: when to ask it again, and what the log says.

Each client of p0f or of the shared store, and the edge, has one `Outage`. It has no lock: when
threads report at the same moment, a count may be one too low or a retry one too many.
"""

import time
from collections import deque

from ._errors import P0fUnavailable
from ._public import logger

FIRST_DELAY = 0.5  # seconds from a failure to the first retry
LONGEST_DELAY = 30.0  # seconds between retries at most; each delay is twice the one before
# Outages to log within so many seconds, so that frequent ones do not fill the log.
MAX_REPORTS, REPORT_SPAN = 5, 60.0


class Outage:
    """Whether a program is down, and when to ask it again. Times are `time.monotonic()`."""

    def __init__(
        self,
        name: str,
        place: str,
        meanwhile: str = "requests go on without p0f.info",
        skipped: str = "lookups were skipped",
    ) -> None:
        self.down: bool = False
        self.began: float = 0.0
        self._name, self._place = name, place
        self._meanwhile, self._what_is_skipped = meanwhile, skipped
        self._skipped, self._delay, self._retry_at = 0, 0.0, 0.0
        self._reports: deque[float] = deque(maxlen=MAX_REPORTS)
        self._reported = False

    def admit(self, now: float) -> bool:
        """Whether there is an outage, during which the caller may nevertheless ask.

        True postpones the next retry, so that no second caller retries at the same time; a caller
        that never reports back (cancelled, killed) blocks no other. Raises P0fUnavailable if there
        is an outage and no retry is due."""
        if not self.down:
            return False
        wait = self.retry_in(now)
        if not wait:
            self._delay = min(2 * self._delay, LONGEST_DELAY)
            self._retry_at = now + self._delay
            return True
        self._skipped += 1
        error = P0fUnavailable(f"{self._name} at {self._place} is down; next try in {wait:.1f} s")
        error.skipped = True
        raise error

    def retry_in(self, now: float) -> float:
        return max(0.0, self._retry_at - now)

    def failed(self, error: Exception) -> bool:
        """Record a failure; returns whether an outage begins with it. If so, it is logged."""
        if self.down:
            return False
        self.began = now = time.monotonic()
        self._skipped, self._delay, self._retry_at = 0, FIRST_DELAY, now + FIRST_DELAY
        self.down = True
        reports = self._reports
        self._reported = len(reports) < MAX_REPORTS or now - reports[0] > REPORT_SPAN
        if self._reported:
            reports.append(now)
            # As text: a log record that refers to the exception would keep its frames alive, too.
            logger().warning("%s is down, %s: %s", self._name, self._meanwhile, str(error))
        return True

    def answered(self) -> None:
        if not self.down:
            return
        self.down = False
        if self._reported:  # a warning too: who was warned of its begin must learn of its end
            seconds = time.monotonic() - self.began
            end = f"{seconds:.1f} s; {self._skipped} {self._what_is_skipped}"
            logger().warning("%s at %s is back after %s", self._name, self._place, end)
