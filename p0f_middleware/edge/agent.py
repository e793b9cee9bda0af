"""Edge: writes the SYNs of a tap to a store, and drops them while the store is down.

Theory of operation. One thread does everything, one wake-up at a time: it reads the SYNs in the
tap's ring, writes them together, waits for the replies, and sleeps until there are more. While it
writes, SYNs gather in the ring, so under load its writes become larger and cheaper. It never queues
more than the SYNs of one wake-up: a SYN that was not written at once is worth little, since its
request has been answered by then. So while the store is down, SYNs are read and dropped.
"""

import contextlib
import json
import os
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._errors import P0fUnavailable
from .._outage import Outage
from .._public import logger
from .._store import Store
from ..shared.keys import EDGE_KEY, PackedSyn, address_key, connection_key, merged
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


class Sign(NamedTuple):
    """An edge's sign of life."""

    host: str
    interface: str
    written: int
    last_syn: float | None  # in seconds since 1970; None if it has seen none


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

    def counts(self) -> str:
        """How many SYNs there were since the start, and what became of them."""
        count = self._counts
        return (
            f"{count['seen']} SYNs seen, {count['written']} written, {count['over_rate']} over the"
            f" rate, {count['dropped']} dropped (store down), {self._tap.lost()} lost by the kernel"
        )

    def run(self, wake: int, ended: Callable[[], bool]) -> None:
        """Work until `ended()`; the descriptor `wake` is readable when that may have changed."""
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
                sign_at = min(sign_at, now + self._outage.retry_in(now))
            if now >= sign_at:
                self._tap.check()
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
        syns = self._tap.read(BATCH)
        if not syns:
            return
        allowed = self._rate.allow(len(syns), time.monotonic())
        self._counts.update(seen=len(syns), over_rate=len(syns) - allowed)
        self._last_syn = int(time.time())
        connections, addresses = self._entries(syns[:allowed])
        ttl = b"EX", self._ttl  # all in bytes, which redis-py packs in half the time
        # GET: the value before, of a machine behind the same NAT that connects to another port.
        commands = [(b"SET", k, v, *ttl, b"GET") for k, v in connections.items()]
        last = [(b"SET", k, v, *ttl) for k, v in addresses.items()]
        replies = self._write([*commands, *last])
        self._counts.update({"written" if replies else "dropped": allowed})
        self._write(
            [
                (b"SET", key, both, *ttl)
                for (key, value), before in zip(connections.items(), replies, strict=False)
                if isinstance(before, bytes) and (both := merged(value, before)) != value
            ]
        )

    def give_sign(self) -> None:
        """Tell the store that this edge is alive, for `p0f-middleware doctor`."""
        host, written = socket.gethostname(), self._counts["written"]
        sign = Sign(host, self._tap.interface, written, self._last_syn)._asdict()
        self._write([(b"SET", EDGE_KEY, json.dumps(sign).encode(), b"EX", b"%d" % SIGN_TTL)])

    def close(self) -> None:
        self._client.close()

    def _entries(self, syns: list[PackedSyn]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Values by the keys of connections and of addresses; the last SYN for a key counts."""
        connections: dict[bytes, bytes] = {}
        addresses: dict[bytes, bytes] = {}
        for sender, _, headers in syns:
            key = connection_key(*sender)
            before = connections.get(key)
            connections[key] = merged(headers, before) if before else headers
            if self._addresses:
                addresses[address_key(sender.address)] = headers
        return connections, addresses

    def _write(self, commands: Sequence[tuple[bytes, ...]]) -> list[Any]:
        """The replies to commands; none if they failed, or while the store is down."""
        if not commands:
            return []
        try:
            self._outage.admit(time.monotonic())
        except P0fUnavailable:
            return []
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
            return []
        self._outage.answered()
        return replies


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
