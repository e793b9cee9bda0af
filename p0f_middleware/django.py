"""P0fMiddleware: the client's fingerprint in `request.p0f`, for Django, sync and async.

    MIDDLEWARE = ["p0f_middleware.django.P0fMiddleware", ...]
    P0FSOCKET = "/run/p0f.sock"                 # or P0F = {"SOURCE": ..., "TRUSTED_PROXIES": [...]}
    INSTALLED_APPS = [..., "p0f_middleware"]    # for `manage.py check` to look at the socket

Django builds the middleware for sync or for async, as the stack around it asks (its documentation,
"Asynchronous support"). Built for async it awaits the source on the event loop; built for sync it
waits, which under ASGI happens in the thread that Django keeps for sync code, never on the loop.
Django has no shutdown event: the connection ends when idle or with the process.

The fact a reader would get wrong: where the WSGI or ASGI application is wrapped already, nothing is
asked here; what stands in environ or scope is taken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

from ._address import Endpoint, endpoint, port_number
from ._daemon.aio import AsyncP0f
from ._daemon.base import TIMEOUT
from ._daemon.blocking import P0f
from ._request.async_lookup import AsyncLookup
from ._request.grace import GRACE
from ._request.hold import HOLD
from ._request.lookup import Keys, Lookup
from ._request.proxies import CLIENT_HEADER, ProxyRules
from ._request.source_option import Asked, resolve
from ._request.visitor import ASGIVisitor, BaseVisitor, WSGIVisitor

__all__ = ["OPTIONS", "P0fMiddleware", "makes_a_source", "read_settings", "resolved"]

OPTIONS: dict[str, Any] = {
    "SOURCE": None,
    "TIMEOUT": TIMEOUT,
    "GRACE": GRACE,
    "TRUSTED_PROXIES": (),
    "CLIENT_HEADER": CLIENT_HEADER,
    "CLIENT_PORT_HEADER": None,
    "HOLD": HOLD,
    "CLAIMS": True,
}
"""The keys of the setting P0F, each an option of the other middlewares, and their defaults."""

_ATTRIBUTES = {
    "p0f.info": "p0f",
    "p0f.status": "p0f_status",
    "p0f.reason": "p0f_reason",
    "p0f.claim": "p0f_claim",
}


class P0fMiddleware:
    """Sets `request.p0f` (P0fInfo or None), `.p0f_status`, `.p0f_reason` and `.p0f_claim`.

    A lookup that fails never reaches the view: `request.p0f` is then None, `request.p0f_reason`
    says why, and the log of `p0f_middleware` says what to do.

    Settings:
        P0F: a dict with a key for each option of the other middlewares: SOURCE (a path, a source
            object, or a callable that makes one), TIMEOUT, GRACE, TRUSTED_PROXIES, CLIENT_HEADER,
            CLIENT_PORT_HEADER, HOLD, CLAIMS. Without SOURCE it is the path in P0F_SOCKET if the
            process's environment has one, or else `Syn()`.
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
        options = read_settings()
        try:
            asked, lookup = resolved(options, awaited=self._is_async)
            self.source: Any = asked.source
            self._lookup: Any = lookup
        except (TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"in the settings of P0fMiddleware: {error}") from error

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        keys = _asked_already(request)
        if keys is None:
            visitor = _visitor(request, self._lookup.rules)
            keys = self._lookup.held(visitor) or self._lookup.ask(visitor)
        _set_attributes(request, keys)
        return self.get_response(request)

    async def _call_async(self, request: HttpRequest) -> Any:
        keys = _asked_already(request)
        if keys is None:
            visitor = _visitor(request, self._lookup.rules)
            keys = self._lookup.held(visitor) or await self._lookup.ask(visitor)
        _set_attributes(request, keys)
        return await self.get_response(request)


def read_settings() -> dict[str, Any]:
    """The options of the lookup, by the names that the other middlewares give them.

    Raises:
        MiddlewareNotUsed, ImproperlyConfigured: as P0fMiddleware.
    """
    if not getattr(settings, "P0FENABLED", True):
        raise MiddlewareNotUsed("P0FENABLED is False")
    socket_path, given = getattr(settings, "P0FSOCKET", None), getattr(settings, "P0F", None)
    if not socket_path and given is None:
        raise ImproperlyConfigured(
            "P0fMiddleware needs P0FSOCKET, the path of p0f's API socket (p0f's -s), such as"
            " P0FSOCKET = '/run/p0f.sock', or P0F = {'SOURCE': ...}; P0FENABLED = False leaves p0f"
            " out"
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
    options = {**OPTIONS, **given}
    options["SOURCE"] = socket_path or options["SOURCE"]
    return {name.lower(): value for name, value in options.items()}


def resolved(options: dict[str, Any], *, awaited: bool) -> tuple[Asked, Lookup | AsyncLookup]:
    """The source that the settings name, and what looks up by it.

    Args:
        options: as `read_settings` gives them.
        awaited: whether Django serves async.

    Raises:
        TypeError, ValueError: a setting has an invalid value.
    """
    timeout, grace = options["timeout"], options["grace"]
    rules = ProxyRules(
        options["trusted_proxies"], options["client_header"], options["client_port_header"]
    )
    source = options["source"]
    if makes_a_source(source):
        source = _made(source)
    client = _async_client if awaited else _client
    asked = resolve(source, client, rules, timeout=timeout, grace=grace, awaited=awaited)
    make: Any = AsyncLookup if awaited else Lookup
    lookup = make(asked, rules, grace=grace, hold=options["hold"], claims=options["claims"])
    return asked, lookup


def makes_a_source(source: object) -> bool:
    """Whether it is a callable that makes a source, such as the class `Syn`, and not one itself."""
    if isinstance(source, type):
        return True
    return callable(source) and not hasattr(source, "lookup") and not hasattr(source, "fingerprint")


# One source, and so one connection, for each process: Django builds the middleware again for every
# test client and handler, and p0f serves only 20.
@cache
def _client(socket_path: str, *, timeout: float) -> P0f:
    return P0f(socket_path, timeout=timeout)


@cache
def _async_client(socket_path: str, *, timeout: float) -> AsyncP0f:
    return AsyncP0f(socket_path, timeout=timeout)


@cache
def _made(make: Callable[[], Any]) -> Any:
    return make()


class _DjangoASGIVisitor(ASGIVisitor):
    """The sender of a request under ASGI, whose peer other middleware may have put into META."""

    __slots__ = ("_meta",)

    def __init__(self, request: HttpRequest, rules: ProxyRules) -> None:
        super().__init__(request.scope, None, None, rules)
        self._meta = request.META

    def _read_peer(self) -> Endpoint:
        address, port = endpoint(self._meta.get("REMOTE_ADDR"))
        if port is None and "REMOTE_PORT" in self._meta:
            port = port_number(self._meta["REMOTE_PORT"])
        return address, port

    def peer_key(self) -> object:
        return self._meta.get("REMOTE_ADDR"), self._meta.get("REMOTE_PORT")


def _visitor(request: HttpRequest, rules: ProxyRules) -> BaseVisitor:
    # Under ASGI headers are read from scope: older Djangos put a client's x_forwarded_for into META
    # as X-Forwarded-For.
    if getattr(request, "scope", None) is None:
        return WSGIVisitor(request.META, rules)
    return _DjangoASGIVisitor(request, rules)


def _asked_already(request: HttpRequest) -> Keys | None:
    """The keys, if the WSGI or ASGI application is wrapped in one of the other middlewares."""
    around = getattr(request, "scope", None) or request.META
    if "p0f.status" not in around:
        return None
    return {key: around[key] for key in _ATTRIBUTES if key in around}


def _set_attributes(request: HttpRequest, keys: Keys) -> None:
    for key, value in keys.items():
        setattr(request, _ATTRIBUTES[key], value)
