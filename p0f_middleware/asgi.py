"""P0fASGIMiddleware: the client's fingerprint in `scope`, for any ASGI application (2 and 3).

The middleware copies the scope and adds its keys to the copy, as the ASGI specification asks. It
passes on `receive`, `send` and what the application returns unchanged. `_request` does the lookup.
"""

import contextlib
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, TypeAlias

from asgiref.compatibility import guarantee_single_callable

from ._daemon.blocking import TIMEOUT
from ._public import public
from ._request.grace import GRACE
from ._request.hold import HOLD
from ._request.lookup import AsyncLookup
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

    The keys of `scope` and the options are those of `P0fWSGIMiddleware`. When the lifespan ends, a
    source that was made of a text is closed.

    Args:
        app: the application to wrap, ASGI 3 or 2.
        source: as for `P0fWSGIMiddleware`, but objects have to be awaited: `AsyncP0f`,
            `AsyncSharedSyn`, `Syn` (which never waits), or an object of yours with an async
            `lookup(ip_address)`. You close them yourself.

    Raises:
        ValueError: an option has an invalid value, or the given source would ignore it.
        TypeError: `source` is no source, or one that blocks.
        ImportError: `source` is the URL of a store, and redis-py is not installed.
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
        self.app: ASGIApp = app if _is_asgi_3(app) else guarantee_single_callable(app)  # type: ignore[no-untyped-call]
        self._rules = ProxyRules(trusted_proxies, client_header, client_port_header)
        asked = resolve(source, self._rules, timeout=timeout, grace=grace, awaited=True)
        self.source: Any = asked.source
        """What is asked: the object given as `source`, or what was made of a text."""
        self._close = getattr(asked.source, "close", None) if asked.source is not source else None
        self._lookup = AsyncLookup(asked, self._rules, grace=grace, hold=hold, claims=claims)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        kind = scope.get("type")
        if kind in ("http", "websocket"):
            headers = scope.get("headers")
            if not (
                type(headers) is list
                and (not headers or type(headers[0]) in _SEQUENCES)
                and type(scope.get("client")) in _SEQUENCES_OR_NONE
            ):
                scope = _readable(scope)
            visitor = ASGIVisitor(scope, receive, send, self._rules)
            keys = self._lookup.held(visitor) or await self._lookup.ask(visitor)
            return await self.app({**scope, **keys}, receive, send)
        if kind != "lifespan" or self._close is None:
            return await self.app(scope, receive, send)
        try:
            return await self.app(scope, receive, send)
        finally:
            await self._close()


_SEQUENCES = tuple, list
_SEQUENCES_OR_NONE = tuple, list, type(None)


def _readable(scope: Scope) -> Scope:
    # The specification allows any iterables, also ones that reading uses up.
    readable = dict(scope)
    # What raises here raises where the application reads it, too.
    with contextlib.suppress(Exception):
        if isinstance(client := scope.get("client"), Iterator):
            readable["client"] = tuple(client)
        headers = scope.get("headers")
        if headers and isinstance(headers, Iterable) and not isinstance(headers, (str, bytes)):
            pairs = (pair if type(pair) in _SEQUENCES else tuple(pair) for pair in headers)
            readable["headers"] = list(pairs)
    return readable


def _is_asgi_3(app: Callable[..., Any]) -> bool:
    """Whether an application takes scope, receive and send at once.

    asgiref takes every class, and every function that is not a coroutine function, for ASGI 2. But
    a class whose objects can be awaited is ASGI 3 (Starlette's endpoints), and so is a function
    that returns an awaitable.
    """
    if isinstance(app, type):
        return hasattr(app, "__await__")
    try:
        inspect.signature(app).bind(None, None, None)
    except (TypeError, ValueError):  # other arguments, or a signature that cannot be known
        return False
    return True
