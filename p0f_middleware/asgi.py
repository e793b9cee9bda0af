"""P0fASGIMiddleware: the client's fingerprint in `scope`, for any ASGI application (2 and 3).

The scope is copied before anything is put into it, as the ASGI specification asks; `receive` and
`send` are handed on as they are.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from asgiref.compatibility import guarantee_single_callable

from ._daemon.aio import AsyncP0f
from ._daemon.base import TIMEOUT
from ._request.grace import GRACE
from ._request.lookup import (
    AsyncLookup,
    AsyncSource,
    RequestSource,
    default_source,
    refuse_trusted_proxies,
)
from ._request.proxies import Trusted

__all__ = ["P0fASGIMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class P0fASGIMiddleware:
    """Puts `p0f.info` (P0fInfo or None) and `p0f.status` (P0fStatus) into http and websocket scope.

    No failure of a lookup gets out of it: `p0f.info` is then None, `p0f.reason` says why, and the
    log of `p0f_middleware` says what to do. When the lifespan ends, the connection is let go.

    Args:
        app: the application to wrap, ASGI 3 or 2.
        source: the path of p0f's socket, a client such as `AsyncP0f` (which you close yourself), or
            a `Syn`. If there is none, it is the path in P0F_SOCKET if the process's environment has
            one, or else `Syn()`.
        timeout: seconds a lookup may take, if `source` is a path.
        grace: seconds to go on asking about a client that p0f has not heard of yet; see README.
        trusted_proxies: addresses and networks (and 'unix:' for peers that come through a Unix
            socket) whose X-Forwarded-For or Forwarded header names the client.

    Raises:
        ValueError: an option makes no sense.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        source: str | os.PathLike[str] | AsyncSource | RequestSource | None = None,
        *,
        timeout: float = TIMEOUT,
        grace: float = GRACE,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
    ) -> None:
        self.app: ASGIApp = guarantee_single_callable(app)  # type: ignore[no-untyped-call]
        self._own: AsyncP0f | None = None
        if source is None:
            source = default_source()
        if isinstance(source, (str, os.PathLike)):
            source = self._own = AsyncP0f(source, timeout=timeout)
        self.source = source
        self._lookup: AsyncLookup | RequestSource
        if isinstance(source, RequestSource):
            refuse_trusted_proxies(trusted_proxies)
            self._lookup = source
        else:
            self._lookup = AsyncLookup(
                source, forwarding_headers, grace=grace, trusted_proxies=trusted_proxies
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            if isinstance(self._lookup, AsyncLookup):
                client = scope.get("client")
                outcome = await self._lookup.look_up(client[0] if client else None, scope)
            else:
                outcome = self._lookup.look_up_asgi(scope, receive, send)
            info, status, reason = outcome
            scope = {**scope, "p0f.info": info, "p0f.status": status, "p0f.reason": reason}
            await self.app(scope, receive, send)
        elif scope["type"] == "lifespan":
            try:
                await self.app(scope, receive, send)
            finally:
                if self._own is not None:
                    await self._own.close()
        else:
            await self.app(scope, receive, send)


def forwarding_headers(scope: Scope) -> tuple[str | None, str | None]:
    """X-Forwarded-For and Forwarded, each with its repetitions joined; None if absent."""
    return _header(scope, b"x-forwarded-for"), _header(scope, b"forwarded")


def _header(scope: Scope, name: bytes) -> str | None:
    values = [bytes(value) for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1") if values else None
