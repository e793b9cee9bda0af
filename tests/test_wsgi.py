"""P0fWSGIMiddleware: five more keys in `environ`, and nothing else changed.

What it promises as P0fASGIMiddleware does is tested over both, in `request`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from p0f_middleware import P0fStatus, P0fUnavailable, P0fWSGIMiddleware
from p0f_middleware.claim import check_claim
from p0f_middleware.testing import SAMPLE

from .request.middlewares import HOST, Failing, KnownAfter


def make_environ(**more: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {"REMOTE_ADDR": HOST, "QUERY_STRING": ""} | more
    setup_testing_defaults(environ)
    return environ


def silent_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    return []


def request(middleware: P0fWSGIMiddleware, environ: dict[str, Any]) -> None:
    middleware(environ, lambda *_: lambda _: None)


def test_where_the_server_leaves_the_raw_headers_an_underscore_is_no_dash() -> None:
    source = KnownAfter()
    environ = make_environ(
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR="192.0.2.1,6.6.6.6",
        headers_raw=(("X-Forwarded-For", "192.0.2.1"), ("x_forwarded_for", "6.6.6.6")),
    )
    request(P0fWSGIMiddleware(silent_app, source, trusted_proxies="10.0.0.1"), environ)

    assert source.asked == [HOST]


# The application's own


@pytest.mark.parametrize("status", P0fStatus)
def test_the_validator_of_the_standard_library_finds_nothing(status: P0fStatus) -> None:
    sources: dict[P0fStatus, Any] = {
        P0fStatus.OK: KnownAfter(),
        P0fStatus.NO_MATCH: KnownAfter(float("inf")),
        P0fStatus.UNAVAILABLE: Failing(P0fUnavailable("no socket")),
        P0fStatus.NO_ADDRESS: KnownAfter(),
    }
    seen = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.append(environ["p0f.status"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"Hello"]

    checked = validator(P0fWSGIMiddleware(validator(app), sources[status]))
    environ = make_environ()
    if status is P0fStatus.NO_ADDRESS:
        environ["REMOTE_ADDR"] = ""
    body = checked(environ, lambda *_: lambda _: None)
    try:
        assert b"".join(body) == b"Hello"
    finally:
        body.close()  # type: ignore[attr-defined]
    assert seen == [status]


def test_what_is_handed_on_and_what_comes_back_is_the_same_but_for_five_keys() -> None:
    handed_on: list[object] = []
    body: Any = object()
    environ = make_environ()
    before = dict(environ)

    def start_response(*_: Any) -> Callable[[bytes], object]:
        raise AssertionError("the middleware started a response")

    def app(*args: object) -> Any:
        handed_on.extend(args)
        return body

    assert P0fWSGIMiddleware(app, KnownAfter())(environ, start_response) is body
    assert handed_on[0] is environ
    assert handed_on[1] is start_response
    assert environ == before | {
        "p0f.info": SAMPLE,
        "p0f.status": "ok",
        "p0f.reason": None,
        "p0f.claim": check_claim(SAMPLE, None),
        "p0f.address": HOST,
    }


def test_an_exception_of_the_application_is_the_servers_business() -> None:
    error = P0fUnavailable("raised by the application itself")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise error

    with pytest.raises(P0fUnavailable) as raised:
        P0fWSGIMiddleware(app, KnownAfter())(make_environ(), lambda *_: lambda _: None)
    assert raised.value is error


def test_an_error_page_started_with_exc_info_reaches_the_server() -> None:
    started: list[tuple[Any, ...]] = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        try:
            raise RuntimeError("in the middle of a page")
        except RuntimeError:
            start_response("500 Sorry", [], sys.exc_info())
        return []

    def start_response(*args: Any) -> Callable[[bytes], object]:
        started.append(args)
        return lambda _: None

    P0fWSGIMiddleware(app, KnownAfter())(make_environ(), start_response)
    assert [(status, exc_info[0]) for status, _, exc_info in started] == [
        ("500 Sorry", RuntimeError)
    ]
