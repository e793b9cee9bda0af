"""What both clients do alike: connect, read answers, count, and say what a failure means.

A lookup waits for its answer in `blocking` (threads and greenlets) or in `aio` (event loops).
Whatever it gets, an answer or an exception, means the same to both: it is said here, where nothing
waits. Each error names its cause and its remedy. A client cannot tell a stopped p0f from one whose
API connections are all in use, because the kernel accepts connections for both.
"""

import contextlib
import errno
import math
import os
import stat
import sys
from typing import Any, NamedTuple, TypeAlias

from .._errors import P0fError, P0fProtocolError, P0fTimeout, P0fUnavailable
from .._outage import Outage
from .._public import logger, public
from .connection import Connection
from .protocol import Dialect, Reader, ReadT, TicketT

# A lookup that expires begins an outage only if p0f had this share of the timeout to answer.
# Otherwise the caller's deadline has cut it short, or other lookups have used up its time.
_ENOUGH = 0.9

_USE_THE_PATH = "use the path given to p0f with -s"
_FULL = (
    "all of p0f's API connections may be in use (20, or the number given with -S: raise it, at"
    " most 100), or p0f is stopped"
)
_MAX_PATH = 103  # bytes of a Unix socket's path on every system; Linux allows four more
_REMEDIES = {
    errno.ENOENT: f"there is no socket {{path}}: start p0f with -s {{path}}, or {_USE_THE_PATH}",
    errno.EACCES: (
        "no permission to open {path}: give this process's user permission to write to the socket"
        " and to search the folders above it"
    ),
    errno.ECONNREFUSED: "nothing listens on {path}: p0f has ended; start it again",
    errno.EAGAIN: "p0f accepts no connection on {path}: " + _FULL,
    errno.EPROTOTYPE: "{path} is a socket of another kind: " + _USE_THE_PATH,
    errno.EAFNOSUPPORT: (
        "this process may not open Unix sockets: add AF_UNIX to RestrictAddressFamilies= of its"
        " systemd unit"
        if sys.platform.startswith("linux")
        else "Python has no Unix sockets on this system, and p0f's API needs them"
    ),
    errno.EMFILE: (
        "no file descriptor is left for a connection to {path}: raise the limit of open files"
        " (ulimit -n, or LimitNOFILE= of the systemd unit)"
    ),
}
_ALIKE = {errno.ENOTDIR: errno.ENOENT, errno.EPERM: errno.EACCES, errno.ENFILE: errno.EMFILE}

Answer: TypeAlias = tuple[bytes, Dialect]


def explain(error: OSError, socket_path: str) -> P0fUnavailable:
    """The error of a lookup that could not connect."""
    if error.errno != errno.EAFNOSUPPORT:
        with contextlib.suppress(OSError, ValueError):
            if not stat.S_ISSOCK(os.stat(socket_path).st_mode):
                return P0fUnavailable(f"{socket_path} is not a socket: {_USE_THE_PATH}")
    if error.errno is None and len(os.fsencode(socket_path)) > _MAX_PATH:
        return P0fUnavailable(
            f"the path {socket_path} is too long for a Unix socket (at most {_MAX_PATH} bytes are"
            " safe): give p0f a shorter one with -s"
        )
    remedy = _REMEDIES.get(_ALIKE.get(error.errno or 0, error.errno or 0))
    if remedy is None:
        return P0fUnavailable(f"cannot connect to p0f at {socket_path}: {error}")
    return P0fUnavailable(remedy.format(path=socket_path))


@public
class P0fStats(NamedTuple):
    """A copy of a client's counters. Each lookup is counted once, when it ends.

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
        return sum(self[:6])

    def as_dict(self) -> dict[str, int]:
        """The counters by name, `lookups` first."""
        return {"lookups": self.lookups, **self._asdict()}


class ConnectionLost(P0fUnavailable):
    """p0f has closed a connection on which it had answered before: perhaps it was restarted. Worth
    another try on a new connection."""


class Rules:
    """One client's view of its p0f; `P0f` documents the options."""

    def __init__(self, socket_path: str, timeout: float) -> None:
        self.timeout = timeout
        self.outage = Outage("p0f", socket_path)
        # Threads share them without a lock: a lost count can be stood.
        self.counts: dict[str, int] = dict.fromkeys(P0fStats._fields, 0)
        self._socket_path = socket_path
        self._has_connected = False
        self._warned_of_answer = False

    def connect(self) -> Connection[Any]:
        """A new connection. Raises P0fUnavailable if p0f cannot be reached: an outage begins."""
        try:
            connection: Connection[Any] = Connection(self._socket_path)
        except OSError as error:
            raise self._down(explain(error, self._socket_path)) from error
        self.counts["reconnects"] += self._has_connected
        self._has_connected = True
        return connection

    def answers(
        self, connection: Connection[TicketT], data: bytes | None
    ) -> list[tuple[TicketT, bytes]]:
        """The answers that these bytes complete, as `Pipeline.receive`. They end an outage."""
        answers = connection.pipeline.receive(data) if data else []
        if self.outage.down and answers:
            self.outage.answered()
        return answers

    def read(self, answer: Answer, reader: Reader[ReadT]) -> ReadT | None:
        """What a reader makes of an answer. If it makes no sense, that is no outage."""
        try:
            result = reader(*answer)
        except P0fError as error:
            if not self._warned_of_answer:
                self._warned_of_answer = True
                logger().warning("p0f at %s: %s (logged once)", self._socket_path, str(error))
            raise
        self.counts["no_matches" if result is None else "matches"] += 1
        return result

    def count(self, error: BaseException) -> None:
        """Count a lookup that raises this."""
        if isinstance(error, P0fTimeout):
            self.counts["timeouts"] += 1
        elif isinstance(error, P0fUnavailable) and error.skipped:
            self.counts["skipped"] += 1
        else:
            self.counts["errors" if isinstance(error, P0fError) else "abandoned"] += 1

    def failure(
        self, connection: Connection[Any], error: BaseException, had: float = math.inf
    ) -> P0fError:
        """What an exception during a lookup means: perhaps an outage, which then begins.

        A TimeoutError says that no answer came within `had` seconds. Releases a connection that
        cannot be used any more. After a `ConnectionLost`, ask again. Raises `error` itself if it is
        the caller's own.
        """
        path, known = self._socket_path, connection.pipeline.dialect is not None
        if isinstance(error, P0fProtocolError):
            return self._not_p0f(connection, f"is not p0f v3: {_USE_THE_PATH} ({error})")
        if isinstance(error, TimeoutError) and error.errno is None:
            if not known and connection.pipeline.mid_answer:
                known_ones = "p0f 3.0x, p0f-mtu and p0f-v3-api2 are known"
                return self._not_p0f(connection, f"sends answers of an unknown size; {known_ones}")
            text = f"did not answer within {had:.3g} s: it is stopped or busy"
            if not known:
                text = f"did not read the query within {had:.3g} s: {_FULL}"
            timeout = P0fTimeout(f"p0f at {path} {text}")
            if had < _ENOUGH * self.timeout:
                return timeout
            if connection.useless:
                connection.release()
            return self._down(timeout)
        # The system's errors have a number. An OSError without one comes from a signal handler.
        if isinstance(error, OSError) and error.errno is not None:
            connection.release()
            detail = "" if isinstance(error, ConnectionError) else f": {error}"
            text = f"p0f closed its connection on {path}{detail}"
            return ConnectionLost(text) if known else self._down(P0fUnavailable(text))
        # A greenlet was killed, or a signal handler raised. In a wait, nothing is half done: the
        # pending answer will be dropped. Elsewhere, it is unknown what was sent or read.
        if not connection.waiting:
            connection.release()
        raise error

    def _not_p0f(self, connection: Connection[Any], why: str) -> P0fError:
        connection.pipeline.pending.clear()  # so that it is closed at once: it cannot kill p0f
        connection.release()
        return self._down(P0fProtocolError(f"the server on {self._socket_path} {why}"))

    def _down(self, error: P0fError) -> P0fError:
        self.counts["outages"] += self.outage.failed(error)
        return error
