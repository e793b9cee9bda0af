"""Grace: a second chance for clients that p0f has not heard of yet.

libpcap hands packets to p0f in blocks of some 5 ms, so on a fast network the first request of a new
client comes before p0f knows its SYN. A 'no match' is therefore asked again for a few milliseconds,
unless the same address stayed unknown not long ago: p0f does not see its traffic, and each of its
requests would wait in vain. No I/O and no clock here.

The fact a reader would get wrong: `grace` is the time that pauses take. What the questions between
them take is bounded by the request's deadline, `timeout` plus `grace` after its start.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._options import seconds as seconds_option

GRACE = 0.01
"""Seconds of grace unless told otherwise."""
FORGET_AFTER = 60.0
"""Seconds for which an address that stayed unknown is not waited for; at most twice that."""
MOST_UNKNOWN = 10_000
"""Addresses to remember, in each of two generations."""
FIRST_PAUSE = 0.001
"""Seconds before asking again; each pause is half as long again as the one before."""


class Grace:
    """Decides how long to go on asking about an address that p0f does not know.

    Args:
        seconds: the pauses of one lookup, added up; 0 for none.

    Raises:
        ValueError: `seconds` is no number, or below 0.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds_option("grace", seconds, zero=True)
        self._unknown: set[str] = set()
        self._unknown_before: set[str] = set()
        self._began = 0.0

    def pauses(self, address: str, now: float) -> Iterator[float]:
        """Seconds to wait before each further question; none if `address` is not worth it."""
        self._forget(now)
        if address in self._unknown or address in self._unknown_before or not self.seconds:
            return
        pause, left = FIRST_PAUSE, self.seconds
        while left > 0:
            yield min(pause, left)
            left -= pause
            pause *= 1.5

    def once(self, address: str, now: float) -> float:
        """Seconds to wait for p0f to see more of `address`; 0 if it was waited for not long ago."""
        self._forget(now)
        if address in self._unknown or address in self._unknown_before:
            return 0.0
        self._unknown.add(address)
        return self.seconds

    def stayed_unknown(self, address: str, now: float) -> None:
        """Take note that the pauses were in vain: the address is not waited for for a while."""
        self._forget(now)
        self._unknown.add(address)

    def _forget(self, now: float) -> None:
        """Begin a new generation if the present one is old or full."""
        began = self._began
        age = now - began
        if age > 2 * FORGET_AFTER:
            self._unknown_before, self._unknown, self._began = set(), set(), now
        elif age > FORGET_AFTER:
            self._unknown_before, self._unknown = self._unknown, set()
            self._began = began + FORGET_AFTER
        elif len(self._unknown) >= MOST_UNKNOWN:
            self._unknown_before, self._unknown, self._began = self._unknown, set(), now
