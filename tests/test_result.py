"""p0f_of: what a request carries, with its types, whatever the framework's request object."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from p0f_middleware import P0fASGIMiddleware, P0fResult, P0fWSGIMiddleware, check_claim, p0f_of
from p0f_middleware.testing import SAMPLE

from .request.middlewares import HOST, PORT, KnownAfter, awaited, receive, send

EXPECTED = P0fResult(SAMPLE, "ok", None, check_claim(SAMPLE, None), HOST)  # type: ignore[arg-type]


def environ(**options: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"REMOTE_ADDR": HOST, "REMOTE_PORT": str(PORT)}
    setup_testing_defaults(found)
    P0fWSGIMiddleware(lambda *_: [], KnownAfter(), **options)(found, lambda *_: lambda _: None)
    return found


def scope(kind: str = "http") -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope)

    sent = {"type": kind, "client": (HOST, PORT), "headers": [], "method": "GET", "path": "/"}
    middleware = P0fASGIMiddleware(app, awaited(KnownAfter()))
    asyncio.run(middleware(sent | {"query_string": b""}, receive, send))
    return found.pop()


def django_handlers(name: str) -> Any:
    django = pytest.importorskip("django")
    from django.conf import settings

    if not settings.configured:
        settings.configure(USE_TZ=True)
        django.setup()
    return import_module(f"django.core.handlers.{name}")


module = pytest.importorskip
REQUESTS = {
    "environ": environ,
    "scope": scope,
    "Django, WSGI": lambda: django_handlers("wsgi").WSGIRequest(environ()),
    "Django, ASGI": lambda: django_handlers("asgi").ASGIRequest(scope(), None),
    "Flask": lambda: module("flask.wrappers").Request(environ()),
    "Starlette": lambda: module("starlette.requests").Request(scope()),
    "Starlette's WebSocket": lambda: module("starlette.websockets").WebSocket(
        scope("websocket"), receive, send
    ),
}


@pytest.mark.parametrize("make", REQUESTS.values(), ids=REQUESTS)
def test_it_reads_what_the_middleware_has_found(make: Any) -> None:
    assert p0f_of(make()) == EXPECTED


def test_without_claims_the_claim_is_none() -> None:
    assert p0f_of(environ(claims=False)) == EXPECTED._replace(claim=None)


def test_attributes_that_djangos_middleware_has_set_are_read() -> None:
    class Request:
        META: dict[str, Any] = {}  # noqa: RUF012  # Django's own shape
        p0f, p0f_status, p0f_reason, p0f_claim, p0f_address = EXPECTED[:5]

    assert p0f_of(Request()) == EXPECTED


@pytest.mark.parametrize("request_", [{}, {"type": "http"}, object(), None, "request"], ids=repr)
def test_a_request_that_no_middleware_has_seen_is_an_error_that_says_what_to_add(
    request_: object,
) -> None:
    with pytest.raises(LookupError, match="P0fWSGIMiddleware or P0fASGIMiddleware"):
        p0f_of(request_)
