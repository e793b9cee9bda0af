"""P0fWSGIMiddleware: four more keys in `environ`, and nothing else changed."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from p0f_middleware import P0f, P0fInfo, P0fStatus, P0fUnavailable, P0fWSGIMiddleware
from p0f_middleware._request import failure, lookup
from p0f_middleware.claim import check_claim
from p0f_middleware.testing import SAMPLE, FakeP0f

HOST = "192.0.2.1"


class KnownAfter:
    """A source that comes to know every host when it is asked often enough."""

    def __init__(self, questions: float) -> None:
        self.questions = questions
        self.asked: list[str] = []

    def lookup(self, ip_address: str) -> P0fInfo | None:
        self.asked.append(ip_address)
        return SAMPLE if len(self.asked) >= self.questions else None


class Failing:
    """A source that raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def lookup(self, ip_address: str) -> P0fInfo | None:
        raise self.error


def make_environ(**more: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {"REMOTE_ADDR": HOST, "QUERY_STRING": ""} | more
    setup_testing_defaults(environ)
    return environ


def silent_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    return []


def added(source: Any, environ: dict[str, Any] | None = None, **options: Any) -> tuple[Any, Any]:
    """What the middleware puts into `environ`."""
    environ = make_environ() if environ is None else environ
    P0fWSGIMiddleware(silent_app, source, **options)(environ, lambda *_: lambda _: None)
    return environ["p0f.info"], environ["p0f.status"]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses the middleware makes, instead of making them."""
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append)
    monkeypatch.setattr(lookup, "time", clock)
    return pauses


# What is added


def test_a_known_client_is_ok(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    with P0f(fake_p0f.socket_path) as source:
        assert added(source) == (SAMPLE, "ok")


def test_an_unknown_client_is_no_match(fake_p0f: FakeP0f) -> None:
    with P0f(fake_p0f.socket_path) as source:
        assert added(source) == (None, "no_match")


def test_without_p0f_it_is_unavailable() -> None:
    assert added("/nonexistent/p0f.sock") == (None, "unavailable")


@pytest.mark.parametrize(
    "remote_addr", [None, "", "localhost", "0.0.0.0", "::", "None", "unix:", 7, b"192.0.2.1"]
)
def test_without_an_address_nothing_is_asked(remote_addr: Any) -> None:
    source = KnownAfter(1)

    assert added(source, make_environ(REMOTE_ADDR=remote_addr)) == (None, "no_address")
    assert source.asked == []


def test_without_remote_addr_nothing_is_asked() -> None:
    environ = make_environ()
    del environ["REMOTE_ADDR"]

    assert added(KnownAfter(1), environ) == (None, "no_address")


def test_the_status_is_an_enum_member() -> None:
    assert added(KnownAfter(1))[1] is P0fStatus.OK


def test_an_ipv4_client_of_an_ipv6_socket_is_asked_for_as_ipv4() -> None:
    source = KnownAfter(1)
    added(source, make_environ(REMOTE_ADDR="::ffff:192.0.2.1"))

    assert source.asked == ["192.0.2.1"]


@pytest.mark.parametrize("as_path", [str, lambda path: path], ids=["str", "Path"])
def test_a_path_makes_a_client(tmp_path: Any, as_path: Any) -> None:
    middleware = P0fWSGIMiddleware(silent_app, as_path(tmp_path / "p0f.sock"), timeout=0.25)

    assert isinstance(middleware.source, P0f)
    assert (middleware.source.socket_path, middleware.source.timeout) == (
        str(tmp_path / "p0f.sock"),
        0.25,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"grace": -1},
        {"grace": float("nan")},
        {"trusted_proxies": "proxy"},
        {"trusted_proxies": ["10.0.0.1/8"]},
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        P0fWSGIMiddleware(silent_app, "/run/p0f.sock", **options)


# Proxies


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_X_FORWARDED_FOR": "6.6.6.6, 192.0.2.1"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.1:51008, 10.0.0.2"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.1", "HTTP_FORWARDED": "for=6.6.6.6"},
    ],
)
@pytest.mark.parametrize("peer", ["10.0.0.1", ""])
def test_behind_a_trusted_proxy_its_client_is_asked_for(headers: dict[str, str], peer: str) -> None:
    source = KnownAfter(1)
    added(
        source,
        make_environ(REMOTE_ADDR=peer, **headers),
        trusted_proxies=["10.0.0.0/8", "unix:"],
    )

    assert source.asked == [HOST]


@pytest.mark.parametrize("trusted_proxies", [(), ["10.0.0.0/8"]])
def test_from_anybody_else_a_header_is_not_believed(trusted_proxies: Any) -> None:
    source = KnownAfter(1)
    environ = make_environ(HTTP_X_FORWARDED_FOR="6.6.6.6", HTTP_FORWARDED="for=6.6.6.6")
    added(source, environ, trusted_proxies=trusted_proxies)

    assert source.asked == [HOST]


@pytest.mark.parametrize(
    ("client_header", "headers"),
    [
        ("Forwarded", {"HTTP_FORWARDED": "for=6.6.6.6, for=192.0.2.1"}),
        ("forwarded", {"HTTP_FORWARDED": "for=192.0.2.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6"}),
        ("X-Real-IP", {"HTTP_X_REAL_IP": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6"}),
        ("CF-Connecting-IP", {"HTTP_CF_CONNECTING_IP": "192.0.2.1"}),
    ],
)
def test_the_client_is_named_by_the_one_header_the_proxy_writes(
    client_header: str, headers: dict[str, str]
) -> None:
    source = KnownAfter(1)
    environ = make_environ(REMOTE_ADDR="10.0.0.1", **headers)
    added(source, environ, trusted_proxies="10.0.0.1", client_header=client_header)

    assert source.asked == [HOST]


def test_where_the_server_leaves_the_raw_headers_an_underscore_is_no_dash() -> None:
    source = KnownAfter(1)
    environ = make_environ(
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR="192.0.2.1,6.6.6.6",
        headers_raw=(("X-Forwarded-For", "192.0.2.1"), ("x_forwarded_for", "6.6.6.6")),
    )
    added(source, environ, trusted_proxies="10.0.0.1")

    assert source.asked == [HOST]


# Grace


@pytest.mark.parametrize("questions", [2, 3, 6])
def test_a_client_that_becomes_known_within_the_grace_is_found(
    questions: int, pauses: list[float]
) -> None:
    assert added(KnownAfter(questions)) == (SAMPLE, "ok")
    assert len(pauses) == questions - 1


def test_a_client_that_stays_unknown_costs_the_grace(pauses: list[float]) -> None:
    added(KnownAfter(float("inf")), grace=0.05)

    assert sum(pauses) == pytest.approx(0.05)


def test_a_client_that_stayed_unknown_is_not_waited_for_again(pauses: list[float]) -> None:
    source = KnownAfter(float("inf"))
    app = P0fWSGIMiddleware(silent_app, source)
    app(make_environ(), lambda *_: lambda _: None)
    pauses.clear()
    source.asked.clear()
    app(make_environ(), lambda *_: lambda _: None)

    assert (pauses, source.asked) == ([], [HOST])


def test_a_known_client_is_not_waited_for(pauses: list[float]) -> None:
    added(KnownAfter(1))

    assert pauses == []


def test_without_grace_it_is_asked_once(pauses: list[float]) -> None:
    source = KnownAfter(2)

    assert added(source, grace=0) == (None, "no_match")
    assert (pauses, source.asked) == ([], [HOST])


def test_a_failure_while_waiting_is_unavailable(pauses: list[float]) -> None:
    class FailsLater(KnownAfter):
        def lookup(self, ip_address: str) -> P0fInfo | None:
            if super().lookup(ip_address):
                raise P0fUnavailable("p0f has ended")
            return None

    assert added(FailsLater(3)) == (None, "unavailable")


# Failures


@pytest.fixture
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure, "_said", set())


@pytest.mark.usefixtures("nothing_said_yet")
@pytest.mark.parametrize(
    "error",
    [RuntimeError("bug"), OSError("bug"), KeyError("bug"), ValueError("bug"), StopIteration()],
    ids=repr,
)
def test_whatever_a_source_raises_does_not_get_out(error: Exception) -> None:
    assert added(Failing(error)) == (None, "unavailable")


@pytest.mark.usefixtures("nothing_said_yet")
def test_what_a_source_raises_is_logged_once_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Failing(RuntimeError("bug"))
    for _ in range(3):
        added(source)

    assert [(r.levelno, r.exc_info and r.exc_info[1]) for r in caplog.records] == [
        (logging.ERROR, source.error)
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()], ids=repr)
def test_what_ends_the_worker_ends_it(error: BaseException) -> None:
    with pytest.raises(type(error)):
        added(Failing(error))


def test_an_outage_is_logged_by_the_client_alone(caplog: pytest.LogCaptureFixture) -> None:
    app = P0fWSGIMiddleware(silent_app, "/nonexistent/p0f.sock")
    for _ in range(3):
        app(make_environ(), lambda *_: lambda _: None)

    assert len(caplog.records) == 1


# The application's own


@pytest.mark.parametrize("status", P0fStatus)
def test_the_validator_of_the_standard_library_finds_nothing(status: P0fStatus) -> None:
    sources: dict[P0fStatus, Any] = {
        P0fStatus.OK: KnownAfter(1),
        P0fStatus.NO_MATCH: KnownAfter(float("inf")),
        P0fStatus.UNAVAILABLE: Failing(P0fUnavailable("no socket")),
        P0fStatus.NO_ADDRESS: KnownAfter(1),
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


class Body:
    """An iterable that can be told from others, and notes what is done to it."""

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("the body was read")

    def close(self) -> None:
        raise AssertionError("the body was closed")


def test_the_iterable_that_comes_back_is_the_applications() -> None:
    body = Body()
    app = P0fWSGIMiddleware(lambda environ, start_response: body, KnownAfter(1))

    assert app(make_environ(), lambda *_: lambda _: None) is body


def test_environ_and_start_response_are_handed_on_as_they_are() -> None:
    handed_on: list[object] = []
    environ = make_environ()

    def start_response(*_: Any) -> Callable[[bytes], object]:
        raise AssertionError("the middleware started a response")

    def app(*args: object) -> list[bytes]:
        handed_on.extend(args)
        return []

    P0fWSGIMiddleware(app, KnownAfter(1))(environ, start_response)
    assert handed_on[0] is environ
    assert handed_on[1] is start_response


def test_only_four_keys_are_added() -> None:
    environ = make_environ()
    before = dict(environ)
    added(KnownAfter(1), environ)

    assert environ == before | {
        "p0f.info": SAMPLE,
        "p0f.status": "ok",
        "p0f.reason": None,
        "p0f.claim": check_claim(SAMPLE, None),
    }


def test_without_claims_there_is_no_key_for_one() -> None:
    environ = make_environ()
    before = dict(environ)
    added(KnownAfter(1), environ, claims=False)

    assert environ == before | {"p0f.info": SAMPLE, "p0f.status": "ok", "p0f.reason": None}


def test_an_exception_of_the_application_is_the_servers_business() -> None:
    error = P0fUnavailable("raised by the application itself")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise error

    with pytest.raises(P0fUnavailable) as raised:
        P0fWSGIMiddleware(app, KnownAfter(1))(make_environ(), lambda *_: lambda _: None)
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

    P0fWSGIMiddleware(app, KnownAfter(1))(make_environ(), start_response)
    assert [(status, exc_info[0]) for status, _, exc_info in started] == [
        ("500 Sorry", RuntimeError)
    ]
