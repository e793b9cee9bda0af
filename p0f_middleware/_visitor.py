"""The Visitor: what a source may know of a request, and the one method a source has.

This is the ground that `_request` and the sources share: `_request` makes visitors of environ and
scope, sources take them. A source does not see environ or scope, WSGI or ASGI.

The fact a reader would get wrong: everything here is worked out only when asked for, so that a
request pays for nothing its source does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ._outcome import Outcome

if TYPE_CHECKING:
    from ._info import P0fInfo

__all__ = [
    "AsyncSource",
    "AsyncVisitorSource",
    "NoConnection",
    "Source",
    "Visitor",
    "VisitorSource",
]


class NoConnection(Exception):
    """There is no way from this request to its socket; the text says why, for `p0f.reason`."""


class Visitor(Protocol):
    """Who sent a request. Addresses are canonical text: IPv4-mapped IPv6 as IPv4, without zone."""

    @property
    def peer_address(self) -> str | None:
        """The address of the TCP peer as the server gives it; None if it gives none."""

    @property
    def peer_port(self) -> int | None:
        """The TCP peer's port as the server gives it; None if it gives none, or 0."""

    @property
    def address(self) -> str | None:
        """The client's address: the peer's or, if that is a trusted proxy, the one it names."""

    @property
    def port(self) -> int | None:
        """The client's port; None if a trusted proxy does not name it."""

    @property
    def behind_proxy(self) -> bool:
        """Whether the peer is a trusted proxy, so that the connection is the proxy's."""

    def header(self, name: str) -> str | None:
        """The request's header of that name, repetitions joined by commas; None if absent."""

    def connection(self) -> int:
        """The file descriptor of the request's TCP socket. It is the server's: never close it.

        Raises:
            NoConnection: the server does not show it, or it is closed.
        """

    def is_trusted(self, address: str | None) -> bool:
        """Whether an address is one of `trusted_proxies`."""


class VisitorSource(Protocol):
    """A source: where fingerprints come from.

    A class attribute `answers_at_once` that is true says that it never waits, so that it serves
    ASGI as well, and that `timeout` and `grace` mean nothing to it.
    """

    def fingerprint(self, visitor: Visitor, deadline: float, /) -> Outcome:
        """What is known of the visitor. `deadline`: `time.monotonic()` at which to stop waiting.

        Raises:
            P0fError: the source could not be asked. It logs its outages itself, once.
        """


class AsyncVisitorSource(Protocol):
    """A source that is awaited."""

    async def fingerprint(self, visitor: Visitor, deadline: float, /) -> Outcome:
        """As `VisitorSource.fingerprint`."""


class Source(Protocol):
    """A user's own source for WSGI: it knows addresses alone."""

    def lookup(self, ip_address: str, /) -> P0fInfo | None:
        """What is known of an address; None if nothing is. It may raise what it likes."""


class AsyncSource(Protocol):
    """A user's own source for ASGI."""

    async def lookup(self, ip_address: str, /) -> P0fInfo | None:
        """What is known of an address; None if nothing is. It may raise what it likes."""
