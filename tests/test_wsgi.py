"""P0fWSGIMiddleware: five more keys in `environ`, and nothing else changed.

What it promises as P0fASGIMiddleware does is tested over both, in `request`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from p0f_middleware import P0fUnavailable, P0fWSGIMiddleware

from .request.middlewares import HOST, Failing, KnownAfter, keys_of


def make_environ() -> dict[str, Any]:
    environ: dict[str, Any] = {"REMOTE_ADDR": HOST, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    return environ


@pytest.mark.parametrize(
    ("source", "status"),
    [
        *((KnownAfter(), "ok"), (KnownAfter(float("inf")), "no_match")),
        (Failing(P0fUnavailable("no socket")), "unavailable"),
    ],
)
def test_the_validator_of_the_standard_library_finds_nothing(source: Any, status: str) -> None:
    seen = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.append(environ["p0f.status"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"Hello"]

    checked = validator(P0fWSGIMiddleware(validator(app), source))
    body = checked(make_environ(), lambda *_: lambda _: None)
    try:
        assert b"".join(body) == b"Hello"
    finally:
        body.close()  # type: ignore[attr-defined]
    assert seen == [status]


def test_what_is_handed_on_and_what_comes_back_is_the_same_but_for_five_keys() -> None:
    handed_on: list[object] = []
    body: Any = object()
    error = P0fUnavailable("raised by the application itself")
    environ = make_environ()
    before = dict(environ)

    def start_response(*_: Any) -> Callable[[bytes], object]:
        raise AssertionError("the middleware started a response")

    def app(*args: object) -> Any:
        handed_on.extend(args)
        if len(handed_on) > 2:
            raise error
        return body

    middleware = P0fWSGIMiddleware(app, KnownAfter())
    assert middleware(environ, start_response) is body
    assert handed_on[0] is environ
    assert handed_on[1] is start_response
    assert {key: value for key, value in environ.items() if key in before} == before
    assert environ.keys() - before.keys() == keys_of(environ).keys()
    assert len(keys_of(environ)) == 5
    with pytest.raises(P0fUnavailable) as raised:
        middleware(environ, start_response)
    assert raised.value is error
