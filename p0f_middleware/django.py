"""P0fMiddleware: the client's fingerprint in `request.p0f`, for Django, sync and async.

    MIDDLEWARE = ["p0f_middleware.django.P0fMiddleware", *MIDDLEWARE]
    P0FSOCKET = "/run/p0f/p0f.sock"             # or P0F = {"SOURCE": ..., "TRUSTED_PROXIES": [...]}
    INSTALLED_APPS = [..., "p0f_middleware"]    # for `manage.py check` to look at the source

Django builds the middleware for sync or for async, as the stack around it asks (its documentation,
"Asynchronous support"). Built for async it awaits the source on the event loop; built for sync it
waits, which under ASGI happens in the thread that Django keeps for sync code, never on the loop. A
project may have both, so a source of this package for the one is exchanged for its twin.

Where the WSGI or ASGI application is wrapped in one of the other middlewares, what stands in
environ or scope is taken, and nothing is asked here.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

from ._daemon.blocking import BaseClient
from ._request.lookup import AsyncLookup, Keys, Lookup
from ._request.proxies import ProxyRules
from ._request.source_option import COLOURED, is_awaited, make_source, method_of, resolve
from ._request.visitor import ASGIVisitor, BaseVisitor, WSGIVisitor
from .wsgi import P0fWSGIMiddleware

__all__ = ["P0fMiddleware"]

OPTIONS: dict[str, Any] = {
    name.upper(): option.default
    for name, option in inspect.signature(P0fWSGIMiddleware).parameters.items()
    if name != "app"
}
"""The keys of the setting P0F, each an option of the other middlewares, and their defaults."""

_ATTRIBUTES = {
    "p0f.info": "p0f",
    "p0f.status": "p0f_status",
    "p0f.reason": "p0f_reason",
    "p0f.claim": "p0f_claim",
    "p0f.address": "p0f_address",
}
_RECEIVE_AND_SEND = "p0f.receive_and_send"


class P0fMiddleware:
    """Sets `request.p0f` (P0fInfo or None), `.p0f_status`, `.p0f_reason`, `.p0f_claim` and
    `.p0f_address`; `p0f_of(request)` reads them with their types.

    A failed lookup never raises in the view: `request.p0f` is then None, `request.p0f_reason` says
    why, and the log of `p0f_middleware` says what to do.

    Settings:
        P0F: a dict with a key for each option of the other middlewares: SOURCE (text, an object, or
            a callable that makes one), TIMEOUT, GRACE, TRUSTED_PROXIES, CLIENT_HEADER,
            CLIENT_PORT_HEADER, HOLD, CLAIMS. Without SOURCE it is what P0F_SOURCE or P0F_SOCKET of
            the process's environment says, or else "syn".
        P0FSOCKET: the path of p0f's socket (its -s), as P0F["SOURCE"].
        P0FENABLED: False leaves the middleware out; requests then have no such attributes.

    Raises:
        MiddlewareNotUsed: P0FENABLED is False.
        ImproperlyConfigured: neither P0F nor P0FSOCKET is set, or a setting has an invalid value.
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
        if "django.core.handlers.asgi" in sys.modules:  # under WSGI nothing has imported it
            _keep_receive_and_send()
        self._options = read_settings()
        # What a callable has to make is made for the first request that is looked up here.
        is_made_later = _makes_a_source(self._options["source"])
        lookup = make_lookup(self._options, awaited=self._is_async, only_check=is_made_later)
        self._lookup: Any = None if is_made_later else lookup

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        _set_attributes(request, self._answer(request))
        return self.get_response(request)

    async def _call_async(self, request: HttpRequest) -> Any:
        keys = self._answer(request)
        _set_attributes(request, keys if isinstance(keys, dict) else await keys)
        return await self.get_response(request)

    def _answer(self, request: HttpRequest) -> Any:
        """The keys for a request; built for async, they have to be awaited where none are held."""
        around = getattr(request, "scope", None) or request.META
        if "p0f.status" in around:  # the application is wrapped in one of the other middlewares
            return {key: around[key] for key in _ATTRIBUTES if key in around}
        if self._lookup is None:
            self._lookup = make_lookup(self._options, awaited=self._is_async)
        visitor = _visitor(request, self._lookup.rules)
        return self._lookup.held(visitor) or self._lookup.ask(visitor)


def read_settings() -> dict[str, Any]:
    """The options by the names that the other middlewares give them. Raises as P0fMiddleware."""
    if not getattr(settings, "P0FENABLED", True):
        raise MiddlewareNotUsed("P0FENABLED is False")
    socket_path, given = getattr(settings, "P0FSOCKET", None), getattr(settings, "P0F", None)
    if not socket_path and given is None:
        raise ImproperlyConfigured(
            "P0fMiddleware needs P0FSOCKET, the path of p0f's API socket (p0f's -s), such as"
            " P0FSOCKET = '/run/p0f/p0f.sock', or P0F = {'SOURCE': ...}; P0FENABLED = False leaves"
            " p0f out"
        )
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise ImproperlyConfigured(f"P0F is a dict, such as {{'SOURCE': ...}}, not {given!r}")
    unknown = given.keys() - OPTIONS.keys()
    if unknown:
        raise ImproperlyConfigured(
            f"P0F has no key {', '.join(map(repr, sorted(map(str, unknown))))}; it has"
            f" {', '.join(OPTIONS)}"
        )
    if socket_path and given.get("SOURCE") is not None:
        raise ImproperlyConfigured("give P0FSOCKET or P0F['SOURCE'], not both")
    options = OPTIONS | given | ({"SOURCE": socket_path} if socket_path else {})
    return {name.lower(): value for name, value in options.items()}


def make_lookup(
    options: dict[str, Any], *, awaited: bool, only_check: bool = False
) -> Lookup | AsyncLookup:
    """What looks up by these options. Raises ImproperlyConfigured if one is invalid.

    With `only_check`, others stand for the sources whose making does more: 'syn' searches
    listeners, and a callable may do anything.
    """
    source = options["source"]
    make = partial(make_source, arm=False) if only_check else partial(_once, make_source)
    try:
        if _makes_a_source(source):
            # A path is valid with all other settings.
            source = "/run/p0f/p0f.sock" if only_check else _once(source)
        if type(source).__name__ in COLOURED and is_awaited(source) != awaited:
            source = _once(_twin, source, awaited)
        rules = ProxyRules(
            options["trusted_proxies"], options["client_header"], options["client_port_header"]
        )
        timeout, grace = options["timeout"], options["grace"]
        asked = resolve(source, rules, timeout=timeout, grace=grace, awaited=awaited, make=make)
        kind = AsyncLookup if awaited else Lookup
        return kind(asked, rules, grace=grace, hold=options["hold"], claims=options["claims"])
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"in the settings of P0fMiddleware: {error}") from error


def _makes_a_source(source: object) -> bool:
    """Whether it is a callable that makes a source, such as the class `Syn`, and not one itself."""
    return isinstance(source, type) or (callable(source) and method_of(source) is None)


@cache
def _once(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What `make` returns, one for each process: Django builds the middleware again for every test
    client and handler, and each source has a connection, of which p0f serves only 20."""
    return make(*args, **options)


def _twin(source: Any, awaited: bool) -> Any:
    if isinstance(source, BaseClient):
        return make_source(source.socket_path, awaited=awaited, timeout=source.timeout)
    return source.twin()


@cache
def _keep_receive_and_send() -> None:
    """Have Django's ASGI handler put receive and send into the scope.

    They lead to the server's connection, whose SYN `Syn` reads, and Django gives middleware the
    scope alone.
    """
    from django.core.handlers.asgi import ASGIHandler

    handle: Any = ASGIHandler.__call__

    async def call(self: Any, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        return await handle(self, {**scope, _RECEIVE_AND_SEND: (receive, send)}, receive, send)

    ASGIHandler.__call__ = call


def _visitor(request: HttpRequest, rules: ProxyRules) -> BaseVisitor:
    # Under ASGI not by META: older Djangos have x_forwarded_for in it as X-Forwarded-For.
    scope = getattr(request, "scope", None)
    if scope is None:
        return WSGIVisitor(request.META, rules)
    receive, send = scope.get(_RECEIVE_AND_SEND, (None, None))
    return ASGIVisitor(scope, receive, send, rules)


def _set_attributes(request: HttpRequest, keys: Keys) -> None:
    for key, value in keys.items():
        setattr(request, _ATTRIBUTES[key], value)
