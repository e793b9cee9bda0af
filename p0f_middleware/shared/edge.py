"""Edge: writes the SYNs of a tap to a store, and drops them while the store is down.

Theory of operation. One thread does everything, one wake-up at a time: it reads the SYNs in the
tap's ring, writes them together, waits for the replies, and sleeps until there are more. While it
writes, SYNs gather in the ring, so under load its writes become larger and cheaper. While the store
is down, the edge reads SYNs and drops them, so the SYNs in the ring are fresh when the store is
back.

The fact a reader would get wrong: the edge never queues more than the SYNs of one wake-up. A SYN
that was not written at once is worth little, since its request has been answered by then.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from .._errors import P0fError, P0fUnavailable
from .._log import logger
from .._outage import Outage
from .keys import EDGE_KEY, address_key, connection_key, sender
from .resp import Reply, StoreError, command

BATCH = 4096
"""SYNs to write together."""
WRITE_TIMEOUT = 1.0
"""Seconds for one write and its replies; the ring holds SYNs that arrive meanwhile."""
REPORT_EVERY = 60.0
"""Seconds between two log lines with counts."""
SIGN_EVERY = 5.0
"""Seconds between signs of life in the store."""
SIGN_TTL = 180
"""Seconds after which the store deletes a sign of life (`EDGE_KEY`)."""


class SynSource(Protocol):
    """Where SYNs come from: a `Tap`, or a test's stand-in."""

    interface: str

    def fileno(self) -> int: ...
    def read(self, most: int) -> list[bytes]: ...
    def lost(self) -> int: ...
    def check(self) -> None: ...


class Connection(Protocol):
    """Where SYNs go: a `StoreConnection`, or a test's stand-in."""

    def exchange(self, commands: bytes, count: int, deadline: float) -> list[Reply]: ...
    def drop(self) -> None: ...


class Rate:
    """Allows at most `most` items a second; a second's worth may pass at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = float(most)
        self._at = 0.0

    def allow(self, count: int, now: float) -> int:
        """How many of `count` items may pass; `now` is in seconds."""
        self._left = min(self._most, self._left + (now - self._at) * self._most)
        self._at = now
        allowed = min(count, int(self._left))
        self._left -= allowed
        return allowed


class Counts(NamedTuple):
    """How many SYNs there were since the start, and what happened to them."""

    seen: int = 0
    written: int = 0
    over_rate: int = 0
    """SYNs not written because there were more than `--max-rate`."""
    dropped: int = 0
    """SYNs not written because the store was down or refused them."""
    lost: int = 0
    """SYNs that the edge never saw: the kernel dropped them because the ring was full."""

    def __str__(self) -> str:
        return (
            f"{self.seen} SYNs seen, {self.written} written, {self.over_rate} over the rate,"
            f" {self.dropped} dropped (store down), {self.lost} lost by the kernel"
        )


class Edge:
    """The agent that writes SYNs to the store.

    Args:
        tap: where SYNs come from.
        connection: a connection to the store; messages call the store `store_name`.
        ttl: seconds for which a connection's SYN is kept.
        address_ttl: seconds for which an address's last SYN is kept; None to write none.
        max_rate: SYNs a second to write at most.
    """

    def __init__(
        self,
        tap: SynSource,
        connection: Connection,
        store_name: str,
        *,
        ttl: int = 600,
        address_ttl: int | None = 3600,
        max_rate: int = 50_000,
    ) -> None:
        self._tap = tap
        self._connection = connection
        self._store_name = store_name
        self._ttl = b"%d" % ttl
        self._address_ttl = None if address_ttl is None else b"%d" % address_ttl
        self._rate = Rate(max_rate)
        self._outage = Outage()
        self._dropped_before = 0
        self._last_syn: int | None = None
        self._counts = Counts()

    def counts(self) -> Counts:
        """The counts since the start."""
        return self._counts._replace(lost=self._tap.lost())

    def run(self, wake: int, ended: Callable[[], bool]) -> None:
        """Work until `ended()`.

        Args:
            wake: a file descriptor that becomes readable when `ended()` may have changed.

        Raises:
            OSError: the interface does not exist any more.
        """
        poll = select.poll()
        poll.register(self._tap.fileno(), select.POLLIN)
        poll.register(wake, select.POLLIN)
        report_at = time.monotonic() + REPORT_EVERY
        sign_at = 0.0
        while not ended():
            now = time.monotonic()
            if now >= report_at:
                report_at += REPORT_EVERY
                logger().info("%s", self.counts())
            if self._outage.down:  # without SYNs to write, only the sign of life retries the store
                sign_at = now + self._outage.retry_in(now)
            if now >= sign_at:
                self.give_sign()
                sign_at = now + SIGN_EVERY
            until = max(0.0, min(report_at, sign_at) - now)
            for fd, event in poll.poll(until * 1000 + 1):
                if fd == wake:
                    os.read(wake, 64)
                elif event & ~select.POLLIN:
                    self._tap.check()
            self.step()

    def step(self) -> None:
        """Read the SYNs in the ring and write them."""
        syns = self._tap.read(BATCH)
        if not syns:
            return
        allowed = self._rate.allow(len(syns), time.monotonic())
        self._count(seen=len(syns), over_rate=len(syns) - allowed)
        self._last_syn = int(time.time())
        entries = self._entries(syns[:allowed])
        if entries:
            done = self._write(entries.items())
            self._count(**{"written" if done else "dropped": allowed})

    def give_sign(self) -> None:
        """Tell the store that this edge is alive, for `p0f-middleware doctor`."""
        sign = {
            "host": socket.gethostname(),
            "interface": self._tap.interface,
            "time": int(time.time()),
            "last_syn": self._last_syn,
            "written": self._counts.written,
        }
        self._write([(EDGE_KEY, (json.dumps(sign).encode(), b"%d" % SIGN_TTL))])

    def _entries(self, syns: list[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        """Value and TTL by key. Of several SYNs for one key, only the last is written."""
        entries = {}
        for syn in syns:
            whose = sender(syn)
            if whose is None:
                continue
            entries[connection_key(*whose)] = syn, self._ttl
            if self._address_ttl is not None:
                entries[address_key(whose.address)] = syn, self._address_ttl
        return entries

    def _write(self, entries: Iterable[tuple[bytes, tuple[bytes, bytes]]]) -> bool:
        """Write entries, unless the store is down and no retry is due; returns whether it did."""
        now = time.monotonic()
        if self._outage.down and not self._outage.retry(now):
            return False
        commands = [command(b"SET", key, value, b"EX", ttl) for key, (value, ttl) in entries]
        try:
            deadline = now + WRITE_TIMEOUT
            replies = self._connection.exchange(b"".join(commands), len(commands), deadline)
        except P0fError as error:
            self._away(error)
            return False
        refusal = next((reply for reply in replies if isinstance(reply, StoreError)), None)
        if refusal is not None:
            self._away(P0fUnavailable(f"the SYN store at {self._store_name} refuses: {refusal}"))
            return False
        if self._outage.down:
            self._back()
        return True

    def _away(self, error: P0fError) -> None:
        if self._outage.begin(time.monotonic()):
            self._dropped_before = self._counts.dropped
            text = str(error)
            logger().warning(
                "the SYN store is down, SYNs are dropped and counted meanwhile: %s", text
            )

    def _back(self) -> None:
        self._outage.end()
        logger().warning(
            "the SYN store at %s is back after %.1f s; %d SYNs were dropped",
            self._store_name,
            time.monotonic() - self._outage.began,
            self._counts.dropped - self._dropped_before,
        )

    def _count(self, **counts: int) -> None:
        old = self._counts
        self._counts = old._replace(**{name: getattr(old, name) + n for name, n in counts.items()})


def notify(state: str) -> None:
    """Tell systemd the state of this service (sd_notify), if systemd has set NOTIFY_SOCKET."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)
