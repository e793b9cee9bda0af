"""When p0f does not answer: whether to ask it all the same, and what the log says about it.

`Health` is what a client holds: the outage, its counters, and its log lines. The rules of outages
are in `_outage`, which other sources share.

Several threads may report at the same time; one lock keeps them apart. It is re-entrant, since a
signal handler may look something up too, it guards a few statements that never wait, and nothing is
logged while it is held.
"""

from __future__ import annotations

import threading
import time

from .._errors import P0fError, P0fUnavailable
from .._log import logger
from .._outage import Outage, OutageLog
from . import fork
from .stats import Counters

ENOUGH = 0.9
"""Share of the timeout that a lookup must have given p0f for its timeout to be p0f's failure. With
less, a deadline of the caller's has cut it short, or other lookups have used the time up."""


class Health:
    """A client's view of its p0f: the outage if there is one, the counters, and the log."""

    def __init__(self, socket_path: str) -> None:
        self.counters = Counters()
        self.outage = Outage()
        self.lock = threading.RLock()
        self._socket_path = socket_path
        self._log = OutageLog("p0f", socket_path)
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
        self.counters.went_down()
        self._log.down(now, error)

    def answered(self) -> None:
        """Record that p0f has answered; to be called where `outage.down`."""
        with self.lock:
            if not self.outage.down:
                return
            self.outage.end()
        self._log.back(
            time.monotonic() - self.outage.began, self.counters.skipped - self._skipped_before
        )

    def bad_answer(self, error: P0fError) -> None:
        """Record that one answer made no sense, though p0f speaks its API."""
        if not self._warned_of_answer:
            self._warned_of_answer = True
            logger().warning("p0f at %s: %s (logged once)", self._socket_path, error)
