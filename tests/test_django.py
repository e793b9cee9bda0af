"""P0fMiddleware for Django, in the stacks that Django builds around it."""

from __future__ import annotations

import asyncio
import io
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import AsyncMock

import pytest

from p0f_middleware import (
    AsyncP0f,
    AsyncSharedSyn,
    P0f,
    P0fInfo,
    P0fStatus,
    SharedSyn,
    Syn,
    check_claim,
    p0f_of,
)
from p0f_middleware._outcome import Outcome
from p0f_middleware.syn.kernel import keeps_syns
from p0f_middleware.testing import FakeP0f

from .request.middlewares import ServerObject

django = pytest.importorskip("django")

from asgiref.testing import ApplicationCommunicator  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core import checks  # noqa: E402
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, ASGIRequest  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.urls import path  # noqa: E402

MIDDLEWARE = "p0f_middleware.django.P0fMiddleware"

settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["p0f_middleware"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[MIDDLEWARE],
    ROOT_URLCONF=__name__,
    SECRET_KEY="-",
    USE_TZ=True,
)
django.setup()

from p0f_middleware.django import P0fMiddleware  # noqa: E402

KNOWN, UNKNOWN, PROXY = "192.0.2.1", "192.0.2.2", "198.51.100.1"
LINUX = P0fInfo(os_name="Linux", distance=3)


def seen(request: HttpRequest) -> HttpResponse:
    os_name = None if request.p0f is None else request.p0f.os_name
    return HttpResponse(f"{os_name} {request.p0f_status.value} {request.p0f_reason}")


async def seen_async(request: HttpRequest) -> HttpResponse:
    return seen(request)


IS_LINUX = b"Linux ok None"

urlpatterns = [path("sync", seen), path("async", seen_async)]


def sync_only(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    return lambda request: get_response(request)


def async_only(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    async def middleware(request: HttpRequest) -> Any:
        return await get_response(request)

    return middleware


async_only.sync_capable = False  # type: ignore[attr-defined]
async_only.async_capable = True  # type: ignore[attr-defined]

Get = Callable[..., Any]


def get_by_wsgi(url: str, client: str | None = KNOWN, **headers: str) -> Any:
    environ = RequestFactory().get(f"/{url}").environ
    environ.pop("REMOTE_ADDR")
    if client is not None:
        environ["REMOTE_ADDR"] = client
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return b"".join(WSGIHandler()(environ, lambda status, headers: None))


def scope_of(url: str, client: str | None, **headers: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": f"/{url}",
        "query_string": b"",
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
        "client": None if client is None else (client, 40000),
    }


def get_by_asgi(url: str, client: str | None = KNOWN, **headers: str) -> Any:
    async def main() -> Any:
        scope = scope_of(url, client, **headers)
        server: Any = ApplicationCommunicator(ASGIHandler(), scope)  # type: ignore[no-untyped-call]
        await server.send_input({"type": "http.request", "body": b""})
        start, body = [await server.receive_output(30) for _ in range(2)]
        await server.wait(30)
        assert start["type"] == "http.response.start"
        return body["body"]

    return asyncio.run(main())


@pytest.fixture
def p0f(fake_p0f: FakeP0f) -> Any:
    """A p0f that knows KNOWN, named in the settings."""
    fake_p0f.hosts[KNOWN] = LINUX
    with override_settings(P0FSOCKET=fake_p0f.socket_path):
        yield fake_p0f


both_servers = pytest.mark.parametrize("get", [get_by_wsgi, get_by_asgi])
both_views = pytest.mark.parametrize("view", ["sync", "async"])


@both_servers
@both_views
@pytest.mark.parametrize(
    ("client", "answer"),
    [
        (KNOWN, IS_LINUX),
        (UNKNOWN, b"None no_match p0f has not seen this client"),
        *((nobody, b"None no_address the request has no") for nobody in (None, "", "testclient")),
    ],
)
def test_a_view_sees_the_clients_fingerprint_or_why_there_is_none(
    p0f: FakeP0f, get: Get, view: str, client: str | None, answer: bytes
) -> None:
    assert get(view, client).startswith(answer)


@both_servers
@both_views
def test_a_dead_p0f_costs_nobody_the_response(p0f: FakeP0f, get: Get, view: str) -> None:
    p0f.refuse()
    assert get(view).startswith(b"None unavailable")


@both_servers
@both_views
@pytest.mark.parametrize("other", ["sync_only", "async_only"])
@pytest.mark.parametrize("p0f_is", ["first", "last"])
def test_works_beside_middleware_of_the_other_kind(
    p0f: FakeP0f, get: Get, view: str, other: str, p0f_is: str
) -> None:
    stack = [MIDDLEWARE, f"{__name__}.{other}"]
    with override_settings(MIDDLEWARE=stack if p0f_is == "first" else stack[::-1]):
        assert get(view) == IS_LINUX


@both_servers
def test_the_forwarding_header_of_a_trusted_proxy_alone_names_the_client(
    p0f: FakeP0f, get: Get
) -> None:
    with override_settings(P0F={"TRUSTED_PROXIES": ["198.51.100.0/24"]}):
        assert get("sync", PROXY, x_forwarded_for=f"203.0.113.9, {KNOWN}") == IS_LINUX
        get("sync", UNKNOWN, x_forwarded_for=KNOWN)
    assert p0f.queries[0] == KNOWN
    assert set(p0f.queries[1:]) == {UNKNOWN}


def test_an_underscored_header_is_no_forwarding_header_under_asgi(p0f: FakeP0f) -> None:
    scope = scope_of("sync", PROXY, x_forwarded_for=KNOWN)
    scope["headers"].append((b"x_forwarded_for", b"203.0.113.9"))
    with override_settings(P0F={"TRUSTED_PROXIES": PROXY}):
        assert pass_through(scope).p0f == LINUX


async def as_it_is(request: HttpRequest) -> HttpRequest:
    return request


def pass_through(scope: dict[str, Any]) -> Any:
    """The request of `scope` as the async middleware hands it on."""

    async def call() -> HttpRequest:
        return await P0fMiddleware(as_it_is)(ASGIRequest(scope, io.BytesIO()))

    return asyncio.run(call())


def test_async_uses_no_thread_and_leaves_the_event_loop_free_while_p0f_is_slow(
    p0f: FakeP0f,
) -> None:
    async def call() -> Any:
        p0f.stall()
        request = ASGIRequest(scope_of("async", KNOWN), io.BytesIO())
        before = set(threading.enumerate())
        lookup = asyncio.ensure_future(P0fMiddleware(as_it_is)(request))
        await asyncio.sleep(0.01)
        assert not lookup.done()
        assert set(threading.enumerate()) == before
        p0f.resume()
        return await lookup

    with override_settings(P0F={"TIMEOUT": 10}):
        assert asyncio.run(call()).p0f_status is P0fStatus.OK


def test_many_handlers_share_one_connection(p0f: FakeP0f) -> None:
    with override_settings(P0F={"SOURCE": None, "TIMEOUT": 5}):  # so P0FSOCKET is the source
        assert [get_by_wsgi("sync") for _ in range(5)] == [IS_LINUX] * 5
    assert p0f.connections == 1


# Settings


def test_without_its_socket_setting_says_what_to_set() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"P0FSOCKET = '/run/p0f/p0f\.sock'"):
        P0fMiddleware(seen)


def test_is_not_used_when_disabled() -> None:
    with override_settings(P0FENABLED=False), pytest.raises(MiddlewareNotUsed):
        P0fMiddleware(seen)


@pytest.mark.parametrize(
    "setting",
    [
        *({"P0FSOCKET": value} for value in (7, b"/run/p0f.sock", "unix:/run/p0f.sock")),
        *({"P0F": {"TRUSTED_PROXIES": value}} for value in (["10.0.0.1/8"], None)),
        *({"P0F": {name: value}} for name, value in (("TIMEOUT", "0.1"), ("GRACE", -1))),
        *({"P0F": {name: value}} for name, value in (("CLIENT_HEADER", "X A"), ("HOLD", "10"))),
        {"P0F": {"SOURCE": "/run/p0f.sock"}},  # and there is P0FSOCKET
        {"P0F": {"TIMOUT": 0.1}},
        {"P0F": "/run/p0f.sock"},
    ],
    ids=str,
)
@pytest.mark.parametrize("view", [seen, seen_async])
def test_refuses_a_setting_that_makes_no_sense(p0f: FakeP0f, view: Any, setting: Any) -> None:
    with override_settings(**setting), pytest.raises(ImproperlyConfigured):
        P0fMiddleware(view)


class Known:
    def lookup(self, ip_address: str) -> P0fInfo | None:
        return LINUX


class AwaitedKnown:
    async def lookup(self, ip_address: str) -> P0fInfo | None:
        return LINUX


class Maker:
    """A callable that makes sources, and counts them."""

    made = 0

    def __call__(self) -> Known:
        self.made += 1
        return Known()


def test_a_callable_makes_one_source_for_all_handlers() -> None:
    for make in (Known, maker := Maker()):
        with override_settings(P0F={"SOURCE": make}):
            assert [get_by_wsgi("sync") for _ in range(3)] == [IS_LINUX] * 3
    assert maker.made == 1


@both_views
def test_a_source_object_is_asked_itself(view: str) -> None:
    with override_settings(P0F={"SOURCE": Known()}):
        assert get_by_wsgi(view) == IS_LINUX
    with override_settings(P0F={"SOURCE": AwaitedKnown()}):
        assert get_by_asgi(view) == IS_LINUX


@both_servers
@both_views
@pytest.mark.parametrize("kind", [P0f, AsyncP0f])
def test_a_client_of_either_colour_serves_both(
    p0f: FakeP0f, get: Get, view: str, kind: Any
) -> None:
    with override_settings(P0FSOCKET=None, P0F={"SOURCE": kind(p0f.socket_path)}):
        assert get(view) == IS_LINUX


@both_servers
@pytest.mark.parametrize("make", [SharedSyn, AsyncSharedSyn, str], ids=lambda kind: kind.__name__)
def test_a_shared_source_of_either_colour_or_its_url_serves_both(get: Get, make: Any) -> None:
    with override_settings(P0F={"SOURCE": make("redis://127.0.0.1:1/0")}):
        assert get("sync").startswith(b"None unavailable")


class Cycle(ServerObject):
    """What uvicorn's `receive` belongs to."""

    asked = False

    def __init__(self, transport: object) -> None:
        self.transport = transport

    async def receive(self) -> Any:
        if self.asked:
            await asyncio.Event().wait()  # it stays connected
        self.asked = True
        return {"type": "http.request", "body": b""}


Cycle.__module__ = ServerObject.__module__


@pytest.mark.parametrize("stack", [[], [f"{__name__}.sync_only"]], ids=str)
def test_under_asgi_a_source_finds_the_servers_connection(stack: list[str]) -> None:
    """Django gives middleware the scope alone, and the connection hangs on receive and send."""
    transport = ServerObject()
    found = []

    class OfTheConnection:
        answers_at_once = True

        def fingerprint(self, visitor: Any, deadline: float) -> Outcome:
            found.append(visitor.server_object())
            return Outcome(LINUX, P0fStatus.OK, None)

    async def send(message: Any) -> None: ...

    with override_settings(P0F={"SOURCE": OfTheConnection()}, MIDDLEWARE=[*stack, MIDDLEWARE]):
        handler = ASGIHandler()
        asyncio.run(handler(scope_of("sync", KNOWN), Cycle(transport).receive, send))
    assert found == [transport]


def test_the_syn_of_the_first_connection_is_kept() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        override_settings(P0F={"SOURCE": "syn"}),
    ):
        P0fMiddleware(seen)
        assert keeps_syns(listener)


# Where the application is wrapped already

FROM_OUTSIDE = {
    "p0f.info": P0fInfo(os_name="FreeBSD"),
    "p0f.status": P0fStatus.OK,
    "p0f.reason": None,
    "p0f.claim": check_claim(None, None),
    "p0f.address": KNOWN,
}


def by_wsgi() -> Any:
    environ = RequestFactory().get("/").environ | FROM_OUTSIDE | {"REMOTE_ADDR": KNOWN}
    return P0fMiddleware(lambda request: request)(WSGIRequest(environ))


def by_asgi() -> Any:
    return pass_through(scope_of("", KNOWN) | FROM_OUTSIDE)


@pytest.mark.parametrize("request_by", [by_wsgi, by_asgi])
def test_what_an_outer_middleware_has_found_is_taken_and_no_source_is_made(
    request_by: Callable[[], Any],
) -> None:
    make = Maker()
    with override_settings(P0F={"SOURCE": make}):
        request = request_by()

    assert p0f_of(request) == tuple(FROM_OUTSIDE.values())
    assert (request.p0f, request.p0f_address) == (FROM_OUTSIDE["p0f.info"], KNOWN)
    assert make.made == 0


@both_servers
def test_no_header_stands_for_what_an_outer_middleware_says(p0f: FakeP0f, get: Get) -> None:
    answer = get("sync", UNKNOWN, **{"p0f.status": "ok", "p0f_status": "ok", "p0f.info": "x"})
    assert answer.startswith(b"None no_match")


# System checks


def complaints(**options: Any) -> list[str]:
    """What `manage.py check` says of p0f with these settings: the ids."""
    with override_settings(**options):
        found = checks.run_checks()
    return [m.id for m in found if str(m.id).startswith("p0f_middleware.")]


def test_check_is_content_with_a_running_p0f_and_warns_of_one_that_has_ended(p0f: FakeP0f) -> None:
    settings_of_it = [{}, {"P0FSOCKET": None, "P0F": {"SOURCE": P0f(p0f.socket_path)}}]

    assert [complaints(**options) for options in settings_of_it] == [[], []]
    assert p0f.queries == []
    p0f.refuse()
    assert [complaints(**options) for options in settings_of_it] == [["p0f_middleware.W001"]] * 2


def test_check_looks_at_the_socket_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P0F_SOCKET", "/nonexistent/p0f.sock")
    assert complaints(P0F={}) == ["p0f_middleware.W001"]


@pytest.mark.parametrize(
    "options",
    [
        {"P0FENABLED": False},
        *({"P0F": {"SOURCE": source}} for source in (Known(), AwaitedKnown(), AsyncMock())),
        {"P0F": {"SOURCE": Syn(arm=False)}},
    ],
    ids=str,
)
def test_check_is_content_where_there_is_no_socket_to_look_at(options: Any) -> None:
    assert complaints(**options) == []


@pytest.mark.parametrize(
    "options",
    [
        None,
        *({"SOURCE": source} for source in (object(), 7, "unix:/run/p0f.sock", b"p0f.sock")),
        *({"SOURCE": source, "TIMEOUT": 0.5} for source in (Syn(arm=False), Known())),
        {"TIMEOUT": 0.5},  # Syn would ignore it
    ],
    ids=str,
)
def test_check_reports_what_the_middleware_would_refuse(
    options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    assert complaints(P0F=options) == ["p0f_middleware.E001"]


def test_check_reports_that_redis_py_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    assert complaints(P0F={"SOURCE": "redis://127.0.0.1"}) == ["p0f_middleware.E001"]


def test_check_makes_no_source_and_touches_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    make = Maker()
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert complaints(P0F={}) == []
        assert not keeps_syns(listener)
    assert complaints(P0F={"SOURCE": make}) == []
    assert complaints(P0F={"SOURCE": make, "HOLD": -1}) == ["p0f_middleware.E001"]
    assert make.made == 0
    assert set(threading.enumerate()) == before
