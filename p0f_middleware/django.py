"""P0fMiddleware: the client's fingerprint in `request.p0f`, for Django, sync and async.

    MIDDLEWARE = ["p0f_middleware.django.P0fMiddleware", ...]
    P0FSOCKET = "/run/p0f.sock"
    INSTALLED_APPS = [..., "p0f_middleware"]    # for `manage.py check` to look at the socket

Django builds the middleware for sync or for async, as the stack around it asks (its documentation,
"Asynchronous support"). Built for async it awaits AsyncP0f on the event loop; built for sync it
waits in P0f, which under ASGI happens in the thread that Django keeps for sync code, never on the
loop. Django has no shutdown event: the connection ends when idle or with the process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

from . import asgi, wsgi
from ._daemon.aio import AsyncP0f
from ._daemon.base import TIMEOUT
from ._daemon.blocking import P0f
from ._request.grace import GRACE
from ._request.lookup import AsyncLookup, Lookup

__all__ = ["SETTINGS", "P0fMiddleware"]

SETTINGS: dict[str, tuple[str, Any]] = {
    "P0FENABLED": ("enabled", True),
    "P0FSOCKET": ("socket_path", None),
    "P0FTIMEOUT": ("timeout", TIMEOUT),
    "P0FGRACE": ("grace", GRACE),
    "P0FTRUSTEDPROXIES": ("trusted_proxies", ()),
}
"""Each setting, what it is as an option of the other middlewares, and its default."""


class P0fMiddleware:
    """Sets `request.p0f` (P0fInfo or None), `request.p0f_status` (P0fStatus), `request.p0f_reason`.

    No failure of a lookup gets out of it: `request.p0f` is then None, `request.p0f_reason` (a
    sentence, else None) says why, and the log of `p0f_middleware` says what to do.

    Settings:
        P0FSOCKET: the path of p0f's socket (its -s).
        P0FENABLED: False leaves the middleware out; requests then have no such attributes.
        P0FTIMEOUT: seconds a lookup may take; 0.1 if not set.
        P0FGRACE: seconds to go on asking about a client that p0f has not heard of yet; 0.01.
        P0FTRUSTEDPROXIES: addresses and networks (and 'unix:' for peers that come through a Unix
            socket) whose X-Forwarded-For or Forwarded header names the client; none.

    Raises:
        MiddlewareNotUsed: P0FENABLED is False.
        ImproperlyConfigured: P0FSOCKET is missing, or a setting makes no sense.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response: Callable[[HttpRequest], Any] = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        source, options = read_settings()
        try:
            if self._is_async:
                client = _async_client(**source)
                self._await_lookup = AsyncLookup(client, _forwarding_headers, **options).look_up
            else:
                self._look_up = Lookup(_client(**source), _forwarding_headers, **options).look_up
        except (TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"in the settings of P0fMiddleware: {error}") from error

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        request.p0f, request.p0f_status, request.p0f_reason = self._look_up(
            request.META.get("REMOTE_ADDR"), request
        )
        return self.get_response(request)

    async def _call_async(self, request: HttpRequest) -> Any:
        peer = request.META.get("REMOTE_ADDR")
        request.p0f, request.p0f_status, request.p0f_reason = await self._await_lookup(
            peer, request
        )
        return await self.get_response(request)


def read_settings() -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the client, and those of the lookup.

    Raises:
        MiddlewareNotUsed, ImproperlyConfigured: as P0fMiddleware.
    """
    options = {
        keyword: getattr(settings, name, default) for name, (keyword, default) in SETTINGS.items()
    }
    if not options.pop("enabled"):
        raise MiddlewareNotUsed("P0FENABLED is False")
    if not options["socket_path"]:
        raise ImproperlyConfigured(
            "P0fMiddleware needs P0FSOCKET, the path of p0f's API socket (p0f's -s), such as"
            " P0FSOCKET = '/run/p0f.sock'; P0FENABLED = False leaves p0f out"
        )
    return {keyword: options.pop(keyword) for keyword in ("socket_path", "timeout")}, options


# One client, and so one connection, for each process: Django builds the middleware again for every
# test client and handler, and p0f serves only 20.
_client = cache(P0f)
_async_client = cache(AsyncP0f)


def _forwarding_headers(request: HttpRequest) -> tuple[str | None, str | None]:
    # Not META under ASGI: older Djangos put a client's x_forwarded_for into it as X-Forwarded-For.
    scope = getattr(request, "scope", None)
    if scope is None:
        return wsgi.forwarding_headers(request.META)
    return asgi.forwarding_headers(scope)
