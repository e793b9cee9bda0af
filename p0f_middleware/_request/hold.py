"""Hold: the requests of one connection get the answer that the first of them got.

A connection's SYN does not change, and asking p0f again would be wrong as well as slow: it answers
for the address, and a later visitor from that address may use another system.

Theory of operation. Where the server has an object for each connection, an answer is kept under the
object's id, together with a weak reference to it, and goes at the moment the object goes: so an id
that is found is the same connection's. The reference's callback is a method of dict in C, with no
line of Python in it, in which an exception of a signal handler would be lost. The server may put
another peer into requests of the same connection (uvicorn applies X-Forwarded-For), so the peer has
to be the same as well.

Where there is no such object (uWSGI, a client behind a proxy), all there is to know a connection by
is the pair of address and port, which a NAT gives to the next machine within seconds. Only answers
of the p0f daemon are kept under a pair, because p0f could not tell the two apart either. Other
sources are asked again: they have the SYN of the connection itself.

Threads share a `Hold` without a lock: every step is one operation of a dict.
"""

from contextlib import suppress
from functools import partial
from typing import Any
from weakref import ref

from .._info import P0fInfo
from .._outcome import Outcome

HOLD = 10.0  # seconds for which a connection's answer is kept, by default
MOST_PAIRS = 8192  # answers to keep under a pair; beyond that, the oldest go
# Seconds until p0f is asked once more about a host that it had seen no HTTP request of.
ASK_ONCE_MORE_AFTER = 1.0


class HeldAnswer:
    """The answer for one connection, and the keys made of it for the application."""

    __slots__ = ("early", "last", "outcome", "peer", "reference", "until")

    def __init__(
        self, outcome: Outcome, peer: Any, last: tuple[bool, object, dict[str, Any]]
    ) -> None:
        self.outcome = outcome
        self.peer = peer
        self.last = last
        # Whether the verdict depends on the named systems alone, what the client said of itself
        # last (`raw_claims`), and the keys made of it. The triple is replaced as a whole, since
        # threads may serve the connection's requests at once.
        self.until = 0.0  # when it expires, by `time.monotonic()`
        self.early = False  # whether that is early, so that p0f is asked for what HTTP tells it
        self.reference: ref[object] | None = None


class Hold:
    """The answers of connections, kept for some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._by_connection: dict[int, HeldAnswer] = {}
        self._by_pair: dict[Any, HeldAnswer] = {}

    def get(self, connection: object | None, peer: object, now: float) -> HeldAnswer | None:
        """The answer of a connection, if it has not expired."""
        answer = self._find(connection, peer)
        return answer if answer is not None and answer.until >= now else None

    def put(self, connection: object | None, answer: HeldAnswer, now: float) -> None:
        """Keep what a connection gets. If p0f was asked once more, and answered with the system of
        another machine behind the address, the first outcome stays."""
        before = self._find(connection, answer.peer)
        answer.until = now + self._seconds
        if before is not None and before.early and now < before.until + self._seconds:
            if not _same_system(before.outcome, answer.outcome):
                answer.outcome, answer.last = before.outcome, before.last
        elif _came_early(answer.outcome):
            answer.early = True
            answer.until = now + min(ASK_ONCE_MORE_AFTER, self._seconds)
        if connection is not None:
            self._put_by_connection(connection, answer)
        elif getattr(answer.outcome.info, "source", "p0f") == "p0f":
            with suppress(TypeError):  # as in `_find`
                self._put_by_pair(answer)

    def _find(self, connection: object | None, peer: Any) -> HeldAnswer | None:
        if connection is None:
            try:
                return self._by_pair.get(peer)
            except TypeError:  # a server may give anything, also what has no hash
                return None
        answer = self._by_connection.get(id(connection))
        return answer if answer is not None and answer.peer == peer else None

    def _put_by_connection(self, connection: object, answer: HeldAnswer) -> None:
        key = id(connection)
        try:
            answer.reference = ref(connection, partial(self._by_connection.pop, key))
        except TypeError:  # it takes no weak reference
            return
        self._by_connection[key] = answer

    def _put_by_pair(self, answer: HeldAnswer) -> None:
        kept = self._by_pair
        kept.pop(answer.peer, None)  # so that it becomes the newest
        while len(kept) >= MOST_PAIRS:
            with suppress(KeyError, RuntimeError, StopIteration):  # another thread has changed it
                del kept[next(iter(kept))]
        kept[answer.peer] = answer


def _same_system(before: Outcome, after: Outcome) -> bool:
    first, second = before.info, after.info
    return (
        isinstance(first, P0fInfo)
        and isinstance(second, P0fInfo)
        and first.os_name == second.os_name
    )


def _came_early(outcome: Outcome) -> bool:
    # p0f had not seen the client's HTTP request yet when it answered.
    info = outcome.info  # a user's own source may give anything
    return isinstance(info, P0fInfo) and info.source == "p0f" and info.http_name is None
