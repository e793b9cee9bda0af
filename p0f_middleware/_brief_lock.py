"""BriefLock: a lock for a few statements that never wait. One that is lost is given up.

Theory of operation. A signal handler that raises may leave a lock taken: on Python 3.14 also in a
`with` statement, between the taking of the lock and the block that releases it. Whoever wants such
a lock next would wait for ever. But a `BriefLock` guards statements that take microseconds, so if
it is still taken after a tenth of a second, it is lost, and a new lock takes its place. If the
holder was only slow, two threads may be in the block at the same time. What it guards must stand
that: at worst a count is one too low, a log line comes twice, or one request has no fingerprint.

The lock is re-entrant, since a signal handler or a finalizer may look something up while its thread
holds it.

The fact a reader would get wrong: it is not for locks that are held during a wait. Those are
`_waiting.Lock`, which is lost only after a deadline of its user.
"""

from __future__ import annotations

import threading
from types import TracebackType

__all__ = ["BriefLock"]

_LOST_AFTER = 0.1
"""Seconds after which a taken lock counts as lost."""


class BriefLock:
    """Guards a few statements that never wait: `with lock: ...`.

    A forked child needs a new one, because the thread that held it may not exist there.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        if not self._lock.acquire(True, _LOST_AFTER):
            lock = threading.RLock()
            lock.acquire()
            self._lock = lock

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:  # noqa: SIM105  # suppress() takes longer than the lock
            self._lock.release()
        except RuntimeError:
            pass  # another thread has given our lock up
