"""Grace: a second chance for clients that p0f has not heard of yet.

libpcap hands packets to p0f in blocks of some 5 ms, so on a fast network the first request of a new
client comes before p0f knows its SYN. After a 'no match', p0f is therefore asked again for a few
milliseconds, unless it did not learn of the same address a short time ago: then it does not see the
address's traffic, and each request would wait for nothing.
"""

import time
from collections.abc import Iterator
from contextlib import suppress

from .._public import seconds as seconds_option

GRACE = 0.01  # seconds, unless told otherwise
FORGET_AFTER = 60.0  # seconds during which no request waits for an address that stayed unknown
MOST_UNKNOWN = 10_000  # addresses to remember; with one more, the oldest goes
FIRST_PAUSE = 0.001  # seconds before the second question; each further pause is 1.5 times as long


class Grace:
    """How long to go on asking about an address that p0f does not know. `seconds` is the sum of the
    pauses of one lookup; what its questions take in between is bounded by the request's deadline.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds_option("grace", seconds, zero=True)
        self._unknown: dict[str, float] = {}  # when its grace ended in vain

    def pauses(self, address: str, deadline: float) -> Iterator[float]:
        """Seconds to wait before each further question. If they end, the address stayed unknown:
        for a while, no request waits for it."""
        if not self.seconds or self._stayed_unknown(address):
            return
        pause, left = FIRST_PAUSE, self.seconds
        while left > 0 and (time_left := deadline - time.monotonic()) > 0:
            yield min(pause, left, time_left)
            left -= pause
            pause *= 1.5
        self._remember(address)

    def once(self, address: str) -> float:
        """Seconds to wait for p0f to see more of `address`; 0 if a request has waited recently."""
        if self._stayed_unknown(address):
            return 0.0
        self._remember(address)
        return self.seconds

    def _stayed_unknown(self, address: str) -> bool:
        began = self._unknown.get(address)
        return began is not None and time.monotonic() - began < FORGET_AFTER

    def _remember(self, address: str) -> None:
        unknown, now = self._unknown, time.monotonic()
        unknown.pop(address, None)  # so that it becomes the newest
        with suppress(StopIteration, RuntimeError, KeyError):  # none is left, or threads did it
            while len(unknown) >= MOST_UNKNOWN or now - next(iter(unknown.values())) > FORGET_AFTER:
                del unknown[next(iter(unknown))]
        unknown[address] = now
