"""P0fASGIMiddleware: the client's fingerprint in `scope`, for any ASGI application (2 and 3).

The scope is copied before anything is put into it, as the ASGI specification asks; `receive` and
`send` are handed on as they are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol, TypeAlias

from asgiref.compatibility import guarantee_single_callable

from ._address import Trusted, TrustedProxies, client_address
from ._aio import AsyncP0f, sleep
from ._base import TIMEOUT
from ._grace import Grace
from ._info import P0fInfo, P0fStatus
from ._outage import lookup_failed

__all__ = ["P0fASGIMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Source(Protocol):
    """Where fingerprints come from: `AsyncP0f`, or anything with its `lookup`."""

    async def lookup(self, ip_address: str, /) -> P0fInfo | None: ...


class P0fASGIMiddleware:
    """Puts `p0f.info` (P0fInfo or None) and `p0f.status` (P0fStatus) into http and websocket scope.

    No failure of a lookup gets out of it: `p0f.info` is then None, `p0f.status` says why, and the
    log of `p0f_middleware` says what to do. When the lifespan ends, the connection is let go.

    Args:
        app: the application to wrap, ASGI 3 or 2.
        source: the path of p0f's socket, or a client such as `AsyncP0f` (which you close yourself).
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
        source: str | os.PathLike[str] | Source,
        *,
        timeout: float = TIMEOUT,
        grace: float = 0.01,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
    ) -> None:
        self.app: ASGIApp = guarantee_single_callable(app)  # type: ignore[no-untyped-call]
        self._own: AsyncP0f | None = None
        if isinstance(source, (str, os.PathLike)):
            source = self._own = AsyncP0f(source, timeout=timeout)
        self.source = source
        self._grace = Grace(grace)
        self._proxies = TrustedProxies(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            info, status = await self._look_up(scope)
            scope = {**scope, "p0f.info": info, "p0f.status": status}
            await self.app(scope, receive, send)
        elif scope["type"] == "lifespan":
            try:
                await self.app(scope, receive, send)
            finally:
                if self._own is not None:
                    await self._own.close()
        else:
            await self.app(scope, receive, send)

    async def _look_up(self, scope: Scope) -> tuple[P0fInfo | None, P0fStatus]:
        address = self._client_address(scope)
        if address is None:
            return None, P0fStatus.NO_ADDRESS
        try:
            info = await self.source.lookup(address)
            if info is None:
                for pause in self._grace.pauses(address, time.monotonic()):
                    await sleep(pause)
                    info = await self.source.lookup(address)
                    if info is not None:
                        break
        except Exception as error:
            lookup_failed(error)
            return None, P0fStatus.UNAVAILABLE
        return info, P0fStatus.NO_MATCH if info is None else P0fStatus.OK

    def _client_address(self, scope: Scope) -> str | None:
        client = scope.get("client")
        peer = client[0] if client else None
        if not self._proxies:
            return client_address(peer)
        return self._proxies.client(peer, lambda: forwarding_headers(scope))


def forwarding_headers(scope: Scope) -> tuple[str | None, str | None]:
    """X-Forwarded-For and Forwarded, each with its repetitions joined; None if absent."""
    return _header(scope, b"x-forwarded-for"), _header(scope, b"forwarded")


def _header(scope: Scope, name: bytes) -> str | None:
    values = [bytes(value) for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1") if values else None
