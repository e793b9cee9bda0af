"""Edge: writes the SYNs of a tap to a store, and drops them while the store is down.

Theory of operation. One thread does everything, one wake-up at a time: it reads the SYNs in the
tap's ring, writes them together, waits for the replies, and sleeps until there are more. While it
writes, SYNs gather in the ring, so under load its writes become larger and cheaper. It never queues
more than the SYNs of one wake-up: a SYN that was not written at once is worth little, since its
request has been answered by then. So while the store is down, SYNs are read and dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from .._errors import P0fUnavailable
from .._outage import Outage
from .._public import logger
from .._store import Store
from ..shared.keys import EDGE_KEY, address_key, connection_key, merged, sender
from .tap import Tap

BATCH = 4096  # SYNs to write together
WRITE_TIMEOUT = 1.0  # for each step of a write; the ring holds SYNs that arrive meanwhile
# Seconds for which a SYN is kept, by default. Those of addresses live as long as those of
# connections: a full store evicts what expires first, and that must not be the exact ones.
TTL = 600
REPORT_EVERY = 60.0  # seconds between two log lines with counts
SIGN_EVERY = 5.0  # seconds between signs of life, and between looks at the interface
SIGN_TTL = 180
_LATEST = 1e11  # seconds since 1970: what is later is no time that somebody saw

_Command: TypeAlias = tuple[bytes, ...]  # redis-py packs bytes in half the time


class Rate:
    """At most `most` items a second; a second's worth may pass at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = float(most)
        self._at = 0.0

    def allow(self, count: int, now: float) -> int:
        self._left = min(self._most, self._left + (now - self._at) * self._most)
        self._at = now
        allowed = min(count, int(self._left))
        self._left -= allowed
        return allowed


class Counts(NamedTuple):
    """How many SYNs there were since the start, and what became of them."""

    seen: int = 0
    written: int = 0
    over_rate: int = 0
    dropped: int = 0
    lost: int = 0  # the edge never saw them: the ring was full

    def __str__(self) -> str:
        return (
            f"{self.seen} SYNs seen, {self.written} written, {self.over_rate} over the rate,"
            f" {self.dropped} dropped (store down), {self.lost} lost by the kernel"
        )


class Edge:
    """The agent that writes a tap's SYNs to the store, at most `max_rate` a second.

    It writes the last SYN of each address, too, unless `addresses` is false.
    """

    def __init__(
        self,
        tap: Tap,
        store: Store,
        *,
        ttl: int = TTL,
        addresses: bool = True,
        max_rate: int = 50_000,
    ) -> None:
        self._tap = tap
        self._store = store
        self._client = store.client(WRITE_TIMEOUT)
        self._ttl = b"%d" % ttl
        self._addresses = addresses
        self._rate = Rate(max_rate)
        self._outage = Outage(
            "the SYN store", store.name, "SYNs are dropped and counted", "writes were skipped"
        )
        self._last_syn: int | None = None
        self._counts = Counter[str]()

    def counts(self) -> Counts:
        return Counts(**self._counts, lost=self._tap.lost())

    def run(self, wake: int, ended: Callable[[], bool]) -> None:
        """Work until `ended()`; the descriptor `wake` is readable when that may have changed."""
        poll = select.poll()
        poll.register(self._tap.fileno(), select.POLLIN)
        poll.register(wake, select.POLLIN)
        report_at = time.monotonic() + REPORT_EVERY
        check_at = sign_at = 0.0
        while not ended():
            now = time.monotonic()
            if now >= report_at:
                report_at += REPORT_EVERY
                logger().info("%s", self.counts())
            if now >= check_at:
                self._tap.check()
                check_at = now + SIGN_EVERY
            if self._outage.down:  # without SYNs to write, only the sign of life retries the store
                sign_at = now + self._outage.retry_in(now)
            if now >= sign_at:
                self.give_sign()
                sign_at = now + SIGN_EVERY
            until = max(0.0, min(report_at, sign_at, check_at) - now)
            for fd, event in poll.poll(until * 1000 + 1):
                if fd == wake:
                    os.read(wake, 64)
                elif event & ~select.POLLIN:
                    self._tap.check()
            self.step()

    def step(self) -> None:
        syns = self._tap.read(BATCH)
        if not syns:
            return
        allowed = self._rate.allow(len(syns), time.monotonic())
        self._counts.update(seen=len(syns), over_rate=len(syns) - allowed)
        self._last_syn = int(time.time())
        connections, addresses = self._entries(syns[:allowed])
        if not connections:
            return
        ttl = b"EX", self._ttl
        # GET: the value before, of a machine behind the same NAT that connects to another port.
        commands: list[_Command] = [(b"SET", k, v, *ttl, b"GET") for k, v in connections.items()]
        commands += [(b"SET", k, v, *ttl) for k, v in addresses.items()]
        replies = self._write(commands)
        self._counts.update(**{"dropped" if replies is None else "written": allowed})
        again: list[_Command] = [
            (b"SET", key, both, *ttl)
            for (key, value), before in zip(connections.items(), replies or (), strict=False)
            if isinstance(before, bytes) and (both := merged(value, before)) != value
        ]
        if again:
            self._write(again)

    def give_sign(self) -> None:
        """Tell the store that this edge is alive, for `p0f-middleware doctor`."""
        sign = {
            "host": socket.gethostname(),
            "interface": self._tap.interface,
            "time": int(time.time()),
            "last_syn": self._last_syn,
            "written": self._counts["written"],
        }
        self._write([(b"SET", EDGE_KEY, json.dumps(sign).encode(), b"EX", b"%d" % SIGN_TTL)])

    def close(self) -> None:
        self._client.close()

    def _entries(self, syns: list[bytes]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Values by the keys of connections and of addresses; the last SYN for a key counts."""
        connections: dict[bytes, bytes] = {}
        addresses: dict[bytes, bytes] = {}
        for syn in syns:
            whose = sender(syn)
            if whose is None:
                continue
            key = connection_key(*whose)
            connections[key] = merged(syn, connections[key]) if key in connections else syn
            if self._addresses:
                addresses[address_key(whose.address)] = syn
        return connections, addresses

    def _write(self, commands: list[_Command]) -> list[Any] | None:
        """The replies to commands; None if they failed, or while the store is down."""
        try:
            self._outage.admit(time.monotonic())
        except P0fUnavailable:
            return None
        pipeline = self._client.pipeline(transaction=False)
        for words in commands:
            pipeline.execute_command(*words)
        try:
            replies: list[Any] = pipeline.execute(raise_on_error=False)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        except Exception as error:
            self._outage.failed(self._store.explain(error))
            # The name may lead to another server by now: a primary that has become a replica
            # refuses writes for ever, on a connection that stays open.
            self._client.connection_pool.disconnect()
            return None
        self._outage.answered()
        return replies


class Sign(NamedTuple):
    """An edge's sign of life."""

    host: str
    interface: str
    written: int
    last_syn: float | None  # in seconds since 1970; None if it has seen none


def read_sign(value: object) -> Sign | None:
    """The sign of life in the value of `EDGE_KEY`; None if there is none, or an odd one."""
    # Whoever may write to the store can put anything there, so this never raises.
    with contextlib.suppress(ValueError, RecursionError, TypeError, AttributeError):
        said = json.loads(value)  # type: ignore[arg-type]
        sign = Sign(*map(said.get, Sign._fields))
        *kinds, kind = map(type, sign)
        if kinds == [str, str, int] and kind in (int, float, type(None)):
            return sign if 0 <= (sign.last_syn or 0) <= _LATEST else None  # NaN is not
    return None


def notify(state: str) -> None:
    """Tell systemd the state of this service (sd_notify), if systemd has set NOTIFY_SOCKET."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)
