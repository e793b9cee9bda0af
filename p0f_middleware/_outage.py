"""Outages of the program that a source asks: when to ask again, and what the log says.

Both kinds of sources that wait for another program (the p0f daemon, a shared store) use this
module. `Outage` decides when to ask again, without I/O and with the caller's clock; `OutageLog`
writes the log lines at the begin and the end of an outage. Neither knows the program that is asked,
or has a lock: the owner has one.

The fact a reader would get wrong: if `Outage.retry` returns True, it has already postponed the next
retry. Call it only if the caller will really try.
"""

from __future__ import annotations

from collections import deque

from ._log import logger

FIRST_DELAY = 0.5
"""Seconds from a failure to the first retry."""
LONGEST_DELAY = 30.0
"""Seconds between retries at most; each delay is twice the one before."""
MAX_REPORTS = 5
"""Outages to log within `REPORT_SPAN` seconds, so that frequent outages do not fill the log."""
REPORT_SPAN = 60.0


class Outage:
    """A time without answers. Times are seconds of any monotonic clock."""

    def __init__(self) -> None:
        self.down: bool = False
        self.began: float = 0.0
        self._delay = FIRST_DELAY
        self._retry_at = 0.0

    def begin(self, now: float) -> bool:
        """Record a failure. Returns True if it begins an outage, False if one has begun already."""
        if self.down:
            return False
        self.down = True
        self.began = now
        self._delay = FIRST_DELAY
        self._retry_at = now + FIRST_DELAY
        return True

    def retry(self, now: float) -> bool:
        """Whether a retry is due, which the caller must then make.

        Returning True postpones the next retry by twice the delay: no second caller retries at the
        same time, and a caller that never reports back (cancelled, killed) blocks no other.
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
        """Record an answer, which ends the outage."""
        self.down = False


class OutageLog:
    """The two log lines of each outage.

    Args:
        name: the program that is asked, as the subject of a sentence: "p0f".
        place: where it is, without secrets: the path of a socket, an address.
    """

    def __init__(self, name: str, place: str) -> None:
        self._name = name
        self._place = place
        self._reports: deque[float] = deque(maxlen=MAX_REPORTS)
        self._reported = False

    def down(self, now: float, error: Exception) -> None:
        """Log that an outage has begun; `now` is in seconds."""
        reports = self._reports
        self._reported = len(reports) < MAX_REPORTS or now - reports[0] > REPORT_SPAN
        if self._reported:
            reports.append(now)
            # As text: a log record that refers to the exception would keep its frames alive, too.
            text = str(error)
            logger().warning("%s is down, requests go on without p0f.info: %s", self._name, text)

    def back(self, seconds: float, skipped: int) -> None:
        """Log that the outage has ended after `seconds`; `skipped` lookups were not tried."""
        if self._reported:
            logger().info(
                "%s at %s is back after %.1f s; %d lookups were skipped",
                self._name,
                self._place,
                seconds,
                skipped,
            )
