"""SharedSyn and AsyncSharedSyn: the sources that read the SYNs which an edge has shared.

A lookup asks for the keys of a visitor, waits for their values (`flights`), and reads these. The
store may hold two SYNs for one request. The connection's SYN is the client's own. The address's may
come from another machine behind the same address, so its fingerprint has `source` "address".

Where several connections have the visitor's address and port, only the other end tells which one is
his: a header of the proxy, or the request's own socket. If neither does, nobody guesses, and he is
told by his address.
"""

import asyncio
import time
from functools import partial
from typing import Any

from .._address import endpoint, port_number
from .._async_library import Expired, in_thread, running_loop
from .._errors import P0fError, P0fTimeout, P0fUnavailable
from .._info import by_address
from .._outage import Outage
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._public import logger, public, seconds
from .._store import Keys, Store, Values
from .._visitor import NoConnection, Visitor
from .._waiting import PerProcess
from ..fingerprint import SignatureFile, fingerprinter
from .flights import Flights, Lookup
from .keys import End, PackedSyn, address_key, connection_key, pack, read_syn, syns_in

TIMEOUT = 0.1
_QUIC = unavailable("over HTTP/3 (QUIC, which uses UDP) there is no SYN")
_ODD = Outcome(None, P0fStatus.NO_MATCH, "the visitor's SYN is not one that p0f fingerprints")


class BaseSharedSyn:
    """What the two sources have in common; `SharedSyn` documents the options."""

    _asynchronous = False

    def __init__(
        self,
        store: object,
        *,
        timeout: float = TIMEOUT,
        database: SignatureFile = None,
        destination_header: str | None = None,
    ) -> None:
        self._arguments = store, timeout, database, destination_header
        self.timeout: float = seconds("timeout", timeout)
        self._store = Store(store, asynchronous=self._asynchronous)
        self._read = fingerprinter(database).read
        self._destination_header = destination_header
        self._outage = Outage("the SYN store", self._store.name)
        self._flights = PerProcess(partial(Flights, self._store))
        self._logged: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store.name!r}, timeout={self.timeout!r})"

    def twin(self) -> "SharedSyn | AsyncSharedSyn":
        """The same source of the other colour: Django serves sync and async in one project."""
        store, timeout, database, header = self._arguments
        kind = SharedSyn if self._asynchronous else AsyncSharedSyn
        return kind(store, timeout=timeout, database=database, destination_header=header)

    def _wait(self, keys: Keys, deadline: float) -> Values:
        lookup = self._join(keys, deadline)
        lookup.wait()
        return self._values(lookup)

    def _join(
        self, keys: Keys, deadline: float, loop: asyncio.AbstractEventLoop | None = None
    ) -> Lookup:
        now = time.monotonic()
        if deadline <= now:
            raise P0fTimeout("no time is left to ask the SYN store")
        flights = self._flights.here()
        if self._outage.admit(now):
            flights.abandon()
        lookup = Lookup(keys, min(deadline - now, self.timeout), loop)
        flights.join(lookup)
        return lookup

    def _values(self, lookup: Lookup) -> Values:
        result = lookup.result
        if result is None:
            result = P0fTimeout(f"the SYN store at {self._store.name} did not answer in time")
        if not isinstance(result, P0fError):
            self._outage.answered()
            return result
        # A store that had hardly any time to answer is not down.
        if not isinstance(result, P0fTimeout) or lookup.seconds > self.timeout / 2:
            self._outage.failed(result)
        raise type(result)(*result.args)  # its own, since raising adds a traceback

    def _told(self, visitor: Visitor, values: Values) -> Outcome:
        """What a visitor is told, from the values of the keys of his connection and address."""
        who = End(pack(visitor.address or ""), visitor.port or 0)
        strange = False  # whether the store has what no edge would write
        if who.port and values[0] is not None:
            own = [syn for syn in syns_in(values[0]) if syn.sender == who]
            strange = not own
            own = self._of_his_connection(visitor, own)
            if len(own) == 1:
                found = self._read(own[0].headers)
                return _ODD if found is None else found.outcome
        if (value := values[-1]) is not None:
            syn = read_syn(value)
            if syn is not None and syn.sender.address == who.address:
                return self._by_address(visitor, syn)
            strange = True
        if strange:
            reason = f"what the store has for {visitor.address} is not a SYN of that client"
            self._log_once(
                "%s: only p0f-middleware edge may write p0f:* to %s; find out what else does"
                " (logged once)",
                reason,
                self._store.name,
            )
            return unavailable(reason)
        named = f"{visitor.address} port {who.port}" if who.port else visitor.address
        reason = f"no edge has shared a SYN of {named}, or it has expired"
        return Outcome(None, P0fStatus.NO_MATCH, reason)

    def _of_his_connection(self, visitor: Visitor, syns: list[PackedSyn]) -> list[PackedSyn]:
        """Those of some SYNs from the visitor's address and port that can be his connection's."""
        address: str | None = None
        port: int | None = None
        if self._destination_header is not None and visitor.behind_proxy:
            named = (visitor.header(self._destination_header) or "").strip()
            address, port = endpoint(named)
            port = port or port_number(named)
        elif len(syns) > 1 and not visitor.behind_proxy:
            # Not asked if there is one: in a container the socket has another end than the SYN.
            address, port = _own_end(visitor)
        return [
            syn
            for syn in syns
            if (address is None or syn.destination.address == pack(address))
            and (not port or syn.destination.port == port)
        ]

    def _by_address(self, visitor: Visitor, syn: PackedSyn) -> Outcome:
        if not visitor.port:
            self._log_once(
                "SharedSyn does not know the port of %s, so it takes the last SYN of that address,"
                " which may be another machine's: if a proxy is in front, let it send the port,"
                " and name the header in client_port_header (logged once)",
                visitor.address,
            )
        found = self._read(syn.headers)
        info = found and found.outcome.info
        return _ODD if info is None else Outcome(by_address(info), P0fStatus.OK, None)

    def _log_once(self, text: str, *values: object) -> None:
        if text not in self._logged:
            self._logged.add(text)
            logger().warning(text, *values)


@public
class SharedSyn(BaseSharedSyn):
    """A source that reads the SYNs which `p0f-middleware edge` has written to a store.

    It waits for the answer. Threads may share one object.

    Args:
        store: the URL of a Redis or Valkey server, as redis-py reads it (redis://, rediss:// for
            TLS, unix://). Or a client of redis-py or valkey-py that you have made, for a cluster or
            Sentinel; it keeps its own connections, and the source never closes it.
        timeout: seconds that a lookup may take at most. After a lookup that took longer, lookups
            fail at once until a retry is due: after 0.5 s at first, then twice as long each time,
            up to 30 s.
        database: the path of a signature file in p0f's format; None for the package's own.
        destination_header: the header in which a trusted proxy names what the visitor connected
            to: an address, a port, or `address:port`. Two machines behind one NAT may have the same
            port, if they connect to different addresses or ports of the site; without the header
            their fingerprints are then by address.

    Raises:
        ImportError: redis-py is not installed (`pip install 'p0f-middleware[redis]'`).
        ValueError: an option or the URL is invalid, or the signature file has an error.
        OSError: the signature file cannot be read.
        TypeError: `store` is neither a URL nor a client of this kind.
    """

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """The fingerprint of the visitor's shared SYN.

        Args:
            visitor: the sender of a request.
            deadline: `time.monotonic()` after which to wait no longer; `timeout` applies as well.

        Raises:
            P0fUnavailable: the store cannot be asked (P0fTimeout: it did not answer in time).
            P0fProtocolError: the server is neither Redis nor Valkey.
        """
        keys = _keys_of(visitor)
        if isinstance(keys, Outcome):
            return keys
        return self._told(visitor, self._wait(keys, deadline))

    def close(self) -> None:
        """Close the connection; the next lookup opens another. A client that was given as `store`
        stays open."""
        self._flights.here().close()


@public
class AsyncSharedSyn(BaseSharedSyn):
    """As `SharedSyn`, with the same options, but it does not block the event loop. A client that
    you have made is one of redis.asyncio or valkey.asyncio."""

    _asynchronous = True

    async def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        """As `SharedSyn.fingerprint`."""
        keys = _keys_of(visitor)
        if isinstance(keys, Outcome):
            return keys
        loop = running_loop()
        if loop is None:
            return self._told(visitor, await self._wait_under_trio(keys, deadline))
        lookup = self._join(keys, deadline, loop)
        await lookup.wait_in_loop()
        return self._told(visitor, self._values(lookup))

    async def close(self) -> None:
        """As `SharedSyn.close`."""
        self._flights.here().close()

    async def _wait_under_trio(self, keys: Keys, deadline: float) -> Values:
        if self._store.given is not None:
            raise P0fUnavailable("an asyncio client does not work under trio: use a URL")
        left = min(deadline - time.monotonic(), self.timeout)
        try:
            return await in_thread(partial(self._wait, keys, deadline), left + 0.01)
        except Expired:  # all of trio's threads are busy
            raise P0fTimeout("no thread was free to ask the SYN store") from None


def _keys_of(visitor: Visitor) -> Keys | Outcome:
    if visitor.address is None:
        return NO_ADDRESS
    if getattr(visitor, "http_version", None) == "3":
        return _QUIC  # the port is one of UDP: the SYN of that number is another visitor's
    packed = pack(visitor.address)
    if not visitor.port:
        return (address_key(packed),)
    return connection_key(packed, visitor.port), address_key(packed)


def _own_end(visitor: Visitor) -> tuple[str | None, int | None]:
    """The server's end of the request's own connection; None where it cannot be seen."""
    try:
        sock: Any = visitor.socket()
        address, port = sock.getsockname()[:2]
    except (NoConnection, OSError, ValueError):
        return None, None
    return endpoint(address)[0], port
