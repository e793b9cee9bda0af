"""Outages of whatever a source asks: when to ask again, and what the log says of it.

Both kinds of sources that wait for another program (the p0f daemon, a shared store) stand on this.
`Outage` decides, without I/O and with the caller's clock; `OutageLog` writes the line that says
something went down and the one that says it is back. Neither knows what is asked, or holds a lock:
the owner does.

The fact a reader would get wrong: `Outage.retry` saying yes already puts the next retry off. Ask it
only if the caller will really try.
"""

from __future__ import annotations

from collections import deque

from ._log import logger

FIRST_DELAY = 0.5
"""Seconds from a failure to the first retry."""
LONGEST_DELAY = 30.0
"""Seconds between retries at most; each delay is twice the one before."""
MAX_REPORTS = 5
"""Outages to log within `REPORT_SPAN` seconds, so that one that flaps does not fill the log."""
REPORT_SPAN = 60.0


class Outage:
    """A span in which nothing answers. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self.down: bool = False
        self.began: float = 0.0
        self._delay = FIRST_DELAY
        self._retry_at = 0.0

    def begin(self, now: float) -> bool:
        """Take note of a failure. True if it begins an outage, False if one is on already."""
        if self.down:
            return False
        self.down = True
        self.began = now
        self._delay = FIRST_DELAY
        self._retry_at = now + FIRST_DELAY
        return True

    def retry(self, now: float) -> bool:
        """Whether the caller is to be the one that tries again.

        Saying yes puts the next retry off by twice the delay at once: no second caller is sent, and
        a caller that never comes back (cancelled, killed) blocks nobody.
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
        """There was an answer."""
        self.down = False


class OutageLog:
    """The two log lines of each outage.

    Args:
        name: what is asked, as a sentence begins with it: "p0f".
        place: where it is, without secrets: the path of a socket, an address.
    """

    def __init__(self, name: str, place: str) -> None:
        self._name = name
        self._place = place
        self._reports: deque[float] = deque(maxlen=MAX_REPORTS)
        self._reported = False

    def down(self, now: float, error: Exception) -> None:
        """An outage has begun; `now` is in seconds."""
        reports = self._reports
        self._reported = len(reports) < MAX_REPORTS or now - reports[0] > REPORT_SPAN
        if self._reported:
            reports.append(now)
            # As text: a log record that keeps the exception would keep its frames, too.
            text = str(error)
            logger().warning("%s is down, requests go on without p0f.info: %s", self._name, text)

    def back(self, seconds: float, skipped: int) -> None:
        """It has ended after `seconds`, in which `skipped` lookups were not tried."""
        if self._reported:
            logger().info(
                "%s at %s is back after %.1f s; %d lookups were skipped",
                self._name,
                self._place,
                seconds,
                skipped,
            )
