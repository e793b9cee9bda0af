"""The Visitor: what a source may know about a request; and the interface of sources.

`_request` makes a visitor from environ or scope, and computes each property only when a source asks
for it. A source does not see environ or scope, WSGI or ASGI.
"""

from typing import Any, Protocol

from ._info import P0fInfo
from ._outcome import Outcome


class NoConnection(Exception):
    """This request's socket cannot be found; the text says why, for `p0f.reason`."""


class Visitor(Protocol):
    """The sender of a request. Addresses are canonical: IPv4-mapped IPv6 as IPv4, without zone."""

    __slots__ = ()

    @property
    def peer_address(self) -> str | None:
        """The address of the TCP peer as the server reports it."""

    @property
    def peer_port(self) -> int | None:
        """Its port; None if the server reports none, 0 if it reports something else."""

    @property
    def address(self) -> str | None:
        """The client's: the peer's or, if the peer is a trusted proxy, the one it names."""

    @property
    def port(self) -> int | None:
        """The client's TCP port; None if a trusted proxy does not name it."""

    @property
    def behind_proxy(self) -> bool:
        """Whether the peer is a trusted proxy, so that the connection is the proxy's."""

    def header(self, name: str) -> str | None:
        """The request's header of that name, repetitions joined by commas; None if absent."""

    @property
    def http_version(self) -> str | None:
        """The version of HTTP that the client speaks ('1.1', '2', '3'); None if it is not known.
        HTTP/3 has no TCP connection, so its port is not one of TCP."""

    def socket(self) -> Any:
        """The server's own socket of the request's connection, with `getsockopt`: never close it.

        Raises:
            NoConnection: the server does not expose the socket, or the connection is closed.
        """

    def server_object(self) -> object | None:
        """The object that the server keeps for this connection and for no other, for as long as it
        lasts; None if the server shows none."""

    def is_trusted(self, address: str | None) -> bool:
        """Whether an address is one of `trusted_proxies`."""


class VisitorSource(Protocol):
    """A source: where fingerprints come from.

    A true class attribute `answers_at_once` means that the source never waits. Then it also works
    under ASGI, and the options `timeout` and `grace` have no effect on it.
    """

    def fingerprint(self, visitor: Visitor, deadline: float, /) -> Outcome:
        """The outcome of a lookup, which may wait until `deadline` (`time.monotonic()`).

        Raises:
            P0fError: the source could not be asked. It logs its outages itself, once.
        """


class AsyncVisitorSource(Protocol):
    """A source that is awaited."""

    async def fingerprint(self, visitor: Visitor, deadline: float, /) -> Outcome: ...


class Source(Protocol):
    """A user's own source for WSGI: it takes only addresses."""

    def lookup(self, ip_address: str, /) -> P0fInfo | None:
        """The fingerprint of an address; None if there is none. May raise any exception."""


class AsyncSource(Protocol):
    """A user's own source for ASGI."""

    async def lookup(self, ip_address: str, /) -> P0fInfo | None: ...
