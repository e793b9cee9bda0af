"""One request's lookup: whose address, what p0f says of it, and what the outcome is called.

The middlewares differ in where a request keeps its peer and its headers, and in where the outcome
goes; what lies between is here. It knows no environ, scope or framework. `Lookup` and `AsyncLookup`
are one rule, written twice because one of them awaits; asyncio is imported only where that one
needs it, so that WSGI programs do without.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from .._address import client_address
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .failure import lookup_failed
from .grace import GRACE, Grace
from .proxies import Trusted, TrustedProxies

NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "p0f has not seen this client")
ForwardingHeaders: TypeAlias = Callable[[Any], tuple[str | None, str | None]]
"""Gives a request's X-Forwarded-For and Forwarded, repetitions joined; each None if absent."""


class Source(Protocol):
    """Where fingerprints come from: `P0f`, or anything with its `lookup`."""

    def lookup(self, ip_address: str, /) -> P0fInfo | None: ...


class AsyncSource(Protocol):
    """Where fingerprints come from: `AsyncP0f`, or anything with its `lookup`."""

    async def lookup(self, ip_address: str, /) -> P0fInfo | None: ...


@runtime_checkable
class RequestSource(Protocol):
    """A source that looks at the whole request and waits for nothing: `Syn`."""

    def look_up_wsgi(self, environ: Any, /) -> Outcome: ...

    def look_up_asgi(self, scope: Any, receive: Any, send: Any, /) -> Outcome: ...


def default_source() -> str | RequestSource:
    """The path in P0F_SOCKET, if that is set in the process's environment, or else a `Syn`."""
    socket_path = os.environ.get("P0F_SOCKET")
    if socket_path:
        return socket_path
    from ..syn import Syn

    return Syn()


def refuse_trusted_proxies(trusted_proxies: Trusted | Iterable[Trusted]) -> None:
    """Raise ValueError if the middleware is given what a RequestSource is to know."""
    if TrustedProxies(trusted_proxies):
        raise ValueError("give trusted_proxies to Syn, which looks for the client itself")


SourceT = TypeVar("SourceT")


class _BaseLookup(Generic[SourceT]):
    """The options of both kinds.

    Args:
        source: whom to ask.
        forwarding_headers: called with a request, and only if its peer is a trusted proxy.
        grace: seconds to go on asking about a client that p0f has not heard of yet.
        trusted_proxies: whose forwarding headers are believed.

    Raises:
        ValueError: an option makes no sense.
    """

    def __init__(
        self,
        source: SourceT,
        forwarding_headers: ForwardingHeaders,
        *,
        grace: float = GRACE,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
    ) -> None:
        self._source = source
        self._forwarding_headers = forwarding_headers
        self._grace = Grace(grace)
        self._proxies = TrustedProxies(trusted_proxies) or None

    def _client_address(self, peer: object, request: Any) -> str | None:
        if self._proxies is None:
            return client_address(peer)
        return self._proxies.client(peer, lambda: self._forwarding_headers(request))


class Lookup(_BaseLookup[Source]):
    """Asks a blocking source about the clients of requests."""

    def look_up(self, peer: object, request: Any) -> Outcome:
        """The fingerprint of the client of `request`, whose transport peer is `peer`."""
        address = self._client_address(peer, request)
        if address is None:
            return NO_ADDRESS
        try:
            info = self._source.lookup(address)
            if info is None:
                for pause in self._grace.pauses(address, time.monotonic()):
                    time.sleep(pause)
                    info = self._source.lookup(address)
                    if info is not None:
                        break
        except Exception as error:
            lookup_failed(error)
            return unavailable(str(error) or repr(error))
        return NO_MATCH if info is None else Outcome(info, P0fStatus.OK, None)


class AsyncLookup(_BaseLookup[AsyncSource]):
    """Asks a source that is awaited about the clients of requests."""

    async def look_up(self, peer: object, request: Any) -> Outcome:
        """The fingerprint of the client of `request`, whose transport peer is `peer`."""
        address = self._client_address(peer, request)
        if address is None:
            return NO_ADDRESS
        try:
            info = await self._source.lookup(address)
            if info is None:
                from .._async_library import sleep

                for pause in self._grace.pauses(address, time.monotonic()):
                    await sleep(pause)
                    info = await self._source.lookup(address)
                    if info is not None:
                        break
        except Exception as error:
            lookup_failed(error)
            return unavailable(str(error) or repr(error))
        return NO_MATCH if info is None else Outcome(info, P0fStatus.OK, None)
