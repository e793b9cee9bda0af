"""P0f: the blocking client, for threads, greenlets and forking servers.

One connection for the whole process, and one query on it at a time: p0f answers within some 20
microseconds, so threads that take turns wait less than a pool of connections would cost, and p0f
has only 20 to give. A timeout leaves its answer owed; the next lookup reads and drops it.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Literal, overload

from .._errors import P0fError, P0fProtocolError, P0fTimeout
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome, P0fStatus
from .._visitor import Visitor
from .base import NO_MATCH, BaseClient, keeping, known
from .connection import PATIENCE, RECEIVE_SIZE, ConnectionLost, Link, no_answer, no_p0f
from .protocol import Dialect, Reader, ReadT, make_query, read_answer, read_raw_answer

__all__ = ["P0f"]


class _Turn:
    """What the threads of one process share: the connection, and whose turn it is to use it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.taken = 0.0
        """When the lock was last taken."""
        self.link: Link[object] | None = None
        self.watched = False
        self.dropped = threading.Event()

    def drop_link(self, patience: float = 0.0) -> None:
        link, self.link = self.link, None
        self.dropped.set()
        if link is not None:
            link.let_go(patience)

    def disown_link(self) -> None:
        """Drop a link whose other end is no p0f: nothing it owes is worth waiting for."""
        if self.link is not None:
            self.link.pipeline.owed.clear()
        self.drop_link()


class P0f(BaseClient):
    """Asks p0f and waits for the answer. Threads may share it; its options are `BaseClient`'s."""

    def _set_up(self) -> None:
        self._turn = _Turn()
        self._turns = {self._turn.pid: self._turn}

    def lookup(self, ip_address: str) -> P0fInfo | None:
        """What p0f knows about `ip_address`; None if it has not seen it.

        Raises:
            P0fBadQuery: `ip_address` is no IP address; nothing was sent.
            P0fUnavailable: p0f cannot be asked (P0fTimeout: did not answer in time).
            P0fProtocolError: the answer is none of p0f's.
        """
        return self._lookup(ip_address, math.inf)

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """What p0f knows about the visitor's address.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` counts as well.

        Raises:
            P0fUnavailable: p0f cannot be asked (P0fTimeout: did not answer in time).
            P0fProtocolError: the answer is none of p0f's.
        """
        address = visitor.address
        if address is None:
            return NO_ADDRESS
        info = self._lookup(address, deadline)
        return NO_MATCH if info is None else Outcome(info, P0fStatus.OK, None)

    def _lookup(self, ip_address: str, deadline: float) -> P0fInfo | None:
        query = make_query(ip_address)
        cache = self._cache
        if cache is None:
            return self._exchange(query, read_answer, None, deadline)
        info = cache.get(query)
        if info is None:
            return self._exchange(query, keeping(cache, query), partial(cache.get, query), deadline)
        self.stats.add("cached")
        return info

    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[False] = ...) -> P0fInfo: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: Literal[True]) -> dict[str, Any]: ...
    @overload
    def get_info(self, ip_address: str, return_raw_data: bool) -> P0fInfo | dict[str, Any]: ...
    def get_info(self, ip_address: str, return_raw_data: bool = False) -> P0fInfo | dict[str, Any]:
        """As `lookup`, but raises where p0f has not seen the address.

        Args:
            ip_address: an IPv4 or IPv6 address as text.
            return_raw_data: return p0f's numbers and strings as they are, in a dict.

        Raises:
            P0fNoMatch: p0f knows nothing about the address. A KeyError.
        """
        query = make_query(ip_address)
        if return_raw_data:
            return known(ip_address, self._exchange(query, read_raw_answer))
        return known(ip_address, self._exchange(query, read_answer))

    def close(self) -> None:
        """Let the connection go; the next lookup opens another. Safe at any time, and twice.

        Waits up to a second for answers that p0f still owes, since p0f would die of writing them to
        a closed connection.
        """
        turn = self._turn_here()
        if turn.lock.acquire(timeout=PATIENCE):
            try:
                turn.drop_link(PATIENCE)
            finally:
                turn.lock.release()

    @property
    def connection(self) -> Link[object] | None:
        """This process's open connection, for diagnosis (send nothing); None if none is open."""
        return self._turn_here().link

    def __enter__(self) -> P0f:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_turn"):
            self._turn.drop_link()  # no lookup can be under way, so no lock is needed

    def _turn_here(self) -> _Turn:
        """This process's turn: after a fork, the parent's connection and lock are not ours."""
        turn = self._turn
        pid = os.getpid()
        if turn.pid != pid:
            turn = self._turn = self._turns.setdefault(pid, _Turn())  # atomic: threads get the same
        return turn

    def _exchange(
        self,
        query: bytes,
        reader: Reader[ReadT],
        found_meanwhile: Callable[[], ReadT | None] | None = None,
        at_latest: float = math.inf,
    ) -> ReadT | None:
        """Send a query and wait for its answer, in turn with other threads.

        Args:
            reader: makes something of the answer.
            found_meanwhile: what another thread's turn may have brought; then nothing is asked.
            at_latest: `time.monotonic()` after which to wait no longer; `timeout` counts as well.
        """
        turn = self._turn_here()
        health = self._health
        outage = health.outage
        started = time.monotonic()
        deadline = min(started + self.timeout, at_latest)
        admitted = outage.down
        if admitted:
            health.admit(started)
        if not turn.lock.acquire(False):
            deadline = self._wait_for(turn, deadline)
        try:
            turn.taken = started
            if outage.down and not admitted:
                health.admit(started)  # it went down while we waited for our turn
            if found_meanwhile is not None and (found := found_meanwhile()) is not None:
                self.stats.add("cached")
                return found
            cut_short = at_latest < started + self.timeout
            answer, dialect = self._ask(turn, query, deadline, cut_short)
            if outage.down:
                health.answered()
            return self._read(answer, dialect, reader)
        finally:
            turn.lock.release()

    def _wait_for(self, turn: _Turn, deadline: float) -> float:
        """Wait for the lock; returns the deadline of what is to be done with it."""
        seconds = max(0.0, deadline - time.monotonic())
        if not turn.lock.acquire(timeout=seconds):
            self._replace_if_stuck(turn)
            self.stats.add("timeouts")
            raise P0fTimeout(f"other threads used p0f's connection for {seconds:.2g} s")
        return max(deadline, time.monotonic() + 0.001)

    def _replace_if_stuck(self, turn: _Turn) -> None:
        """Give the threads another turn if nobody will ever return the lock of this one.

        That is so if a signal handler has raised between the taking of the lock and the `try`.
        """
        if time.monotonic() - turn.taken > 2 * self.timeout + PATIENCE and self._turn is turn:
            self._turn = self._turns[turn.pid] = _Turn()
            turn.drop_link()

    def _ask(
        self, turn: _Turn, query: bytes, deadline: float, cut_short: bool
    ) -> tuple[bytes, Dialect]:
        """Ask on the connection; once more on a fresh one if it turns out to be dead.

        A timeout is no outage of p0f if the caller had less time to give than `timeout`.
        """
        kept = turn.link
        try:
            try:
                return self._talk(turn, kept or self._connect(turn), query, deadline)
            except ConnectionLost:
                if kept is None:
                    raise
            return self._talk(turn, self._connect(turn), query, deadline)
        except P0fError as error:
            timed_out = isinstance(error, P0fTimeout)
            self.stats.add("timeouts" if timed_out else "errors")
            if not (timed_out and cut_short):
                self._health.failed(error)
            raise
        except BaseException:
            self.stats.add("abandoned")
            raise

    def _connect(self, turn: _Turn) -> Link[object]:
        link = turn.link = self._open_link(self.timeout)
        if not turn.watched:
            watcher = threading.Thread(target=_release_when_idle, args=(turn, self.idle))
            watcher.daemon = True
            with contextlib.suppress(RuntimeError):  # no new threads while the interpreter ends
                watcher.start()
                turn.watched = True
        return link

    def _talk(
        self, turn: _Turn, link: Link[object], query: bytes, deadline: float
    ) -> tuple[bytes, Dialect]:
        """Send the query and read until its answer, dropping those that were owed before."""
        pipeline = link.pipeline
        ticket = object()
        sent = False
        try:
            while pipeline.owed and pipeline.room <= 0:
                self.stats.dropped += len(_receive(link, deadline))
            pipeline.ask((ticket,))
            link.sock.send(query)
            sent = True
            while True:
                for owner, answer in _receive(link, deadline):
                    if owner is ticket and pipeline.dialect is not None:
                        return answer, pipeline.dialect
                    self.stats.dropped += 1
        except TimeoutError as error:
            raise self._timed_out(turn, link) from error
        except P0fProtocolError as error:
            turn.disown_link()
            raise no_p0f(error, self.socket_path) from error
        except OSError as error:
            turn.drop_link()
            detail = "" if isinstance(error, (ConnectionLost, ConnectionError)) else f": {error}"
            text = f"p0f closed its connection on {self.socket_path}{detail}"
            raise ConnectionLost(text) from error
        except BaseException:
            # A greenlet is interrupted while it waits: the answer stays owed and will be dropped.
            # A signal handler may raise anywhere: who knows what was sent or read by then?
            if not (sent and link.cooperative):
                turn.drop_link()
            raise

    def _timed_out(self, turn: _Turn, link: Link[object]) -> P0fError:
        error = no_answer(link, self.socket_path, self.timeout)
        if isinstance(error, P0fProtocolError):
            turn.disown_link()
        elif link.useless:
            turn.drop_link()
        return error


def _receive(link: Link[object], deadline: float) -> list[tuple[object, bytes]]:
    """Wait for bytes; returns the answers that are complete with them, and their tickets."""
    data = link.look()
    if data is None:
        link.wait(deadline - time.monotonic())
        data = link.sock.recv(RECEIVE_SIZE)
    if not data:
        raise ConnectionLost
    return link.pipeline.receive(data)


def _release_when_idle(turn: _Turn, idle: float) -> None:
    """Let the connection go when it was not used for `idle` seconds. Runs in a thread."""
    while True:
        turn.dropped.clear()
        with turn.lock:
            link = turn.link
            left = 0.0 if link is None else turn.taken + idle - time.monotonic()
            if link is not None and left <= 0 and link.drop_owed():
                turn.drop_link()
            if turn.link is None:
                turn.watched = False
                return
        turn.dropped.wait(left if left > 0 else idle)
