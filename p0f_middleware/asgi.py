"""P0fASGIMiddleware: the client's fingerprint in `scope`, for any ASGI application (2 and 3).

The middleware copies the scope and adds its keys to the copy, as the ASGI specification asks. It
passes on `receive`, `send` and what the application returns unchanged. `_request` does the lookup.

The fact a reader would get wrong: `client` and `headers` may be any iterable, even an iterator that
can be read only once. The application still has to get all of it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from itertools import chain
from typing import Any, TypeAlias

from asgiref.compatibility import guarantee_single_callable

from ._daemon.aio import AsyncP0f
from ._daemon.base import TIMEOUT
from ._public import public
from ._request.async_lookup import AsyncLookup
from ._request.grace import GRACE
from ._request.hold import HOLD
from ._request.proxies import CLIENT_HEADER, ProxyRules, Trusted
from ._request.source_option import resolve
from ._request.visitor import ASGIVisitor
from ._visitor import AsyncSource, AsyncVisitorSource, VisitorSource

__all__ = ["P0fASGIMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[Any]]


@public
class P0fASGIMiddleware:
    """Puts the client's fingerprint into http and websocket scopes and calls the application.

    `scope` gets `p0f.info` (P0fInfo or None), `p0f.status` (P0fStatus), `p0f.reason` (why there is
    no fingerprint, a sentence; None if there is one) and `p0f.claim` (Claim). A lookup that fails
    never reaches the application; the log of `p0f_middleware` says what to do. When the lifespan
    ends, a client that was made of a path is closed.

    Args:
        app: the application to wrap, ASGI 3 or 2.
        source: where fingerprints come from: the path of p0f's socket, a client such as `AsyncP0f`
            (which you close yourself), a `Syn`, or an object of yours with an async
            `lookup(ip_address)`. None: the path in P0F_SOCKET if the process's environment has one,
            or else `Syn()`.
        timeout: seconds that one question may take, if `source` is a path.
        grace: seconds to go on asking about a client that the source has not heard of yet. A
            request never waits longer than `timeout` plus `grace`.
        trusted_proxies: addresses and networks (and 'unix:' for peers on a Unix socket) of the
            proxies whose `client_header` names the client.
        client_header: the one header in which they name it: X-Forwarded-For, Forwarded (RFC 7239),
            or one that holds an address, such as X-Real-IP. No other is read.
        client_port_header: the header in which they name the client's port; None for none.
        hold: seconds for which later requests of the same connection (the client's address and
            port) get what the first was told; 0 to ask each time.
        claims: whether to compare the User-Agent with the fingerprint; without, there is no key
            `p0f.claim`.

    Raises:
        ValueError: an option has an invalid value, or the given source would ignore it.
        TypeError: `source` is no source, or one that blocks.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        source: str
        | os.PathLike[str]
        | AsyncSource
        | AsyncVisitorSource
        | VisitorSource
        | None = None,
        *,
        timeout: float = TIMEOUT,
        grace: float = GRACE,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
        client_header: str = CLIENT_HEADER,
        client_port_header: str | None = None,
        hold: float = HOLD,
        claims: bool = True,
    ) -> None:
        self.app: ASGIApp = guarantee_single_callable(app)  # type: ignore[no-untyped-call]
        self._rules = ProxyRules(trusted_proxies, client_header, client_port_header)
        asked = resolve(source, AsyncP0f, self._rules, timeout=timeout, grace=grace, awaited=True)
        self.source: Any = asked.source
        """What is asked: the object given as `source`, or the client made of a path."""
        self._own: AsyncP0f | None = asked.source if asked.source is not source else None
        self._lookup = AsyncLookup(asked, self._rules, grace=grace, hold=hold, claims=claims)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        kind = scope.get("type")
        if kind in ("http", "websocket"):
            if type(scope.get("headers")) is not list or type(scope.get("client")) is not tuple:
                scope = _readable(scope)
            visitor = ASGIVisitor(scope, receive, send, self._rules)
            keys = self._lookup.held(visitor) or await self._lookup.ask(visitor)
            return await self.app({**scope, **keys}, receive, send)
        if kind != "lifespan" or not isinstance(self._own, AsyncP0f):
            return await self.app(scope, receive, send)
        try:
            return await self.app(scope, receive, send)
        finally:
            await self._own.close()


def _readable(scope: Scope) -> Scope:
    """The scope with `client` and `headers` as sequences, which can be read more than once."""
    return {**scope} | {
        name: _whole(scope[name])
        for name in ("client", "headers")
        if isinstance(scope.get(name), Iterator)
    }


def _whole(iterator: Iterator[Any]) -> Any:
    """All items of the iterator, as a list. If it raises, an iterator that gives the items so far
    and then raises the same exception, for the application."""
    items: list[Any] = []
    try:
        items.extend(iterator)
    except Exception as error:
        return chain(items, _raising(error))
    return items


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield
