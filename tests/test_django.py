"""P0fMiddleware for Django, in the stacks that Django builds around it."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from asgiref.sync import iscoroutinefunction

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

django = pytest.importorskip("django")

from django.conf import settings  # noqa: E402
from django.core import checks  # noqa: E402
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, ASGIRequest  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
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

from p0f_middleware.django import P0fMiddleware, _once  # noqa: E402

KNOWN, UNKNOWN, PROXY = "192.0.2.1", "192.0.2.2", "198.51.100.1"
LINUX = P0fInfo(os_name="Linux", distance=3)


def seen(request: HttpRequest) -> JsonResponse:
    os_name = None if request.p0f is None else request.p0f.os_name
    return JsonResponse({"os": os_name, "status": request.p0f_status})


def reason(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"reason": request.p0f_reason})


async def seen_async(request: HttpRequest) -> JsonResponse:
    return seen(request)


urlpatterns = [path("sync", seen), path("async", seen_async), path("reason", reason)]


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
    incoming = iter([{"type": "http.request", "body": b""}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        for message in incoming:
            return message
        return await asyncio.Event().wait()  # type: ignore[return-value]  # it stays connected

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(ASGIHandler()(scope_of(url, client, **headers), receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[1]["body"]


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
        (KNOWN, b'{"os": "Linux", "status": "ok"}'),
        (UNKNOWN, b'{"os": null, "status": "no_match"}'),
    ],
)
def test_a_view_sees_the_clients_fingerprint_or_why_there_is_none(
    p0f: FakeP0f, get: Get, view: str, client: str, answer: bytes
) -> None:
    assert get(view, client) == answer


@both_servers
@both_views
def test_a_dead_p0f_costs_nobody_the_response(p0f: FakeP0f, get: Get, view: str) -> None:
    p0f.refuse()
    assert get(view) == b'{"os": null, "status": "unavailable"}'


@both_servers
@pytest.mark.parametrize("client", [None, "", "testclient"])
def test_a_request_without_an_address_has_none(p0f: FakeP0f, get: Get, client: str | None) -> None:
    assert get("sync", client) == b'{"os": null, "status": "no_address"}'


@both_servers
def test_a_request_without_a_fingerprint_alone_has_a_reason(p0f: FakeP0f, get: Get) -> None:
    assert get("reason", UNKNOWN) == b'{"reason": "p0f has not seen this client"}'
    assert get("reason") == b'{"reason": null}'


@both_servers
@both_views
@pytest.mark.parametrize("other", ["sync_only", "async_only"])
@pytest.mark.parametrize("p0f_is", ["first", "last"])
def test_works_beside_middleware_of_the_other_kind(
    p0f: FakeP0f, get: Get, view: str, other: str, p0f_is: str
) -> None:
    stack = [MIDDLEWARE, f"{__name__}.{other}"]
    with override_settings(MIDDLEWARE=stack if p0f_is == "first" else stack[::-1]):
        assert get(view) == b'{"os": "Linux", "status": "ok"}'


@both_servers
def test_forwarding_headers_of_a_trusted_proxy_name_the_client(p0f: FakeP0f, get: Get) -> None:
    with override_settings(P0F={"TRUSTED_PROXIES": ["198.51.100.0/24"]}):
        answer = get("sync", PROXY, x_forwarded_for=f"203.0.113.9, {KNOWN}")
    assert answer == b'{"os": "Linux", "status": "ok"}'


@both_servers
def test_forwarding_headers_of_others_are_not_believed(p0f: FakeP0f, get: Get) -> None:
    get("sync", UNKNOWN, x_forwarded_for=KNOWN)
    assert set(p0f.queries) == {UNKNOWN}


def test_an_underscored_header_is_no_forwarding_header_under_asgi(p0f: FakeP0f) -> None:
    scope = scope_of("sync", PROXY, x_forwarded_for=KNOWN)
    scope["headers"].append((b"x_forwarded_for", b"203.0.113.9"))
    with override_settings(P0F={"TRUSTED_PROXIES": PROXY}):
        request = pass_through(scope)
    assert request.p0f == LINUX


def pass_through(scope: dict[str, Any], look: Callable[[], None] = lambda: None) -> Any:
    """The request of `scope` as the async middleware hands it on."""

    async def get_response(request: HttpRequest) -> HttpRequest:
        look()
        return request

    async def call() -> HttpRequest:
        return await P0fMiddleware(get_response)(ASGIRequest(scope, io.BytesIO()))

    return asyncio.run(call())


def test_async_uses_no_thread(p0f: FakeP0f) -> None:
    before, during = set(threading.enumerate()), set[threading.Thread]()
    request = pass_through(scope_of("async", KNOWN), lambda: during.update(threading.enumerate()))
    assert request.p0f_status is P0fStatus.OK
    assert during == before


def test_async_leaves_the_event_loop_free_while_p0f_is_slow(p0f: FakeP0f) -> None:
    async def get_response(request: HttpRequest) -> HttpRequest:
        return request

    async def call() -> Any:
        p0f.stall()
        middleware = P0fMiddleware(get_response)
        request = ASGIRequest(scope_of("async", KNOWN), io.BytesIO())
        lookup = asyncio.ensure_future(middleware(request))
        await asyncio.sleep(0.01)
        assert not lookup.done()
        p0f.resume()
        return await lookup

    with override_settings(P0F={"TIMEOUT": 10}):
        assert asyncio.run(call()).p0f_status is P0fStatus.OK


@pytest.mark.parametrize("is_async", [False, True])
def test_is_of_the_kind_of_what_it_wraps(p0f: FakeP0f, is_async: bool) -> None:
    middleware = P0fMiddleware(seen_async if is_async else seen)
    assert iscoroutinefunction(middleware) is is_async


def test_many_handlers_share_one_connection(p0f: FakeP0f) -> None:
    for _ in range(5):
        get_by_wsgi("sync")
    assert p0f.connections == 1


def test_without_its_socket_setting_says_what_to_set() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"P0FSOCKET = '/run/p0f/p0f\.sock'"):
        P0fMiddleware(seen)


def test_is_not_used_when_disabled() -> None:
    with override_settings(P0FENABLED=False), pytest.raises(MiddlewareNotUsed):
        P0fMiddleware(seen)


NONSENSE = {
    "P0FSOCKET": [7, b"/run/p0f.sock", "unix:/run/p0f.sock"],
    "P0F": [
        {"TIMEOUT": "0.1"},
        {"GRACE": -1},
        {"TRUSTED_PROXIES": ["10.0.0.1/8"]},
        {"TRUSTED_PROXIES": None},
        {"CLIENT_HEADER": "X Real IP"},
        {"HOLD": "10"},
        {"SOURCE": "/run/p0f.sock"},
        {"TIMOUT": 0.1},
        "/run/p0f.sock",
    ],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NONSENSE.items() for value in values]
)
@pytest.mark.parametrize("view", [seen, seen_async])
def test_refuses_a_setting_that_makes_no_sense(
    p0f: FakeP0f, view: Any, name: str, value: Any
) -> None:
    with override_settings(**{name: value}), pytest.raises(ImproperlyConfigured):
        P0fMiddleware(view)


def test_the_source_of_p0f_is_the_socket_where_it_is_none(p0f: FakeP0f) -> None:
    with override_settings(P0F={"SOURCE": None, "TIMEOUT": 5}):
        assert get_by_wsgi("sync") == b'{"os": "Linux", "status": "ok"}'


class Known:
    """A source of one's own; `made` counts those that there are."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1

    def lookup(self, ip_address: str) -> P0fInfo | None:
        return LINUX


class AwaitedKnown:
    async def lookup(self, ip_address: str) -> P0fInfo | None:
        return LINUX


@pytest.fixture
def none_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Known, "made", 0)
    _once.cache_clear()


@pytest.mark.usefixtures("none_made")
@pytest.mark.parametrize("make", [Known, lambda: Known()], ids=["class", "function"])
def test_a_callable_makes_one_source_for_all_handlers(make: Callable[[], Known]) -> None:
    with override_settings(P0F={"SOURCE": make}):
        answers = [get_by_wsgi("sync") for _ in range(3)]
    assert answers == [b'{"os": "Linux", "status": "ok"}'] * 3
    assert Known.made == 1


@both_views
def test_a_source_object_is_asked_itself(view: str) -> None:
    with override_settings(P0F={"SOURCE": Known()}):
        assert get_by_wsgi(view) == b'{"os": "Linux", "status": "ok"}'
    with override_settings(P0F={"SOURCE": AwaitedKnown()}):
        assert get_by_asgi(view) == b'{"os": "Linux", "status": "ok"}'


@both_servers
@both_views
@pytest.mark.parametrize("kind", [P0f, AsyncP0f])
def test_a_client_of_either_colour_serves_both(
    fake_p0f: FakeP0f, get: Get, view: str, kind: Any
) -> None:
    fake_p0f.hosts[KNOWN] = LINUX
    with override_settings(P0F={"SOURCE": kind(fake_p0f.socket_path)}):
        assert get(view) == b'{"os": "Linux", "status": "ok"}'


@both_servers
@pytest.mark.parametrize("make", [SharedSyn, AsyncSharedSyn, str], ids=lambda kind: kind.__name__)
def test_a_shared_source_of_either_colour_or_its_url_serves_both(get: Get, make: Any) -> None:
    with override_settings(P0F={"SOURCE": make("redis://127.0.0.1:1/0")}):
        assert get("sync") == b'{"os": null, "status": "unavailable"}'


class Cycle:
    """What uvicorn's `receive` belongs to."""

    transport: Any = None
    asked = False

    async def receive(self) -> dict[str, Any]:
        if self.asked:
            await asyncio.Event().wait()  # it stays connected
        self.asked = True
        return {"type": "http.request", "body": b""}


Cycle.__module__ = "uvicorn.protocols"


def test_under_asgi_a_source_finds_the_servers_connection() -> None:
    """Django gives middleware the scope alone, and the connection hangs on receive and send."""
    transport = threading.Event()  # some object
    found = []

    class OfTheConnection:
        answers_at_once = True

        def fingerprint(self, visitor: Any, deadline: float) -> Outcome:
            found.append(visitor.server_object())
            return Outcome(LINUX, P0fStatus.OK, None)

    async def send(message: Any) -> None: ...

    with override_settings(P0F={"SOURCE": OfTheConnection()}):
        for stack in ([MIDDLEWARE], [f"{__name__}.sync_only", MIDDLEWARE]):
            with override_settings(MIDDLEWARE=stack):
                cycle = Cycle()
                cycle.transport = transport
                asyncio.run(ASGIHandler()(scope_of("sync", KNOWN), cycle.receive, send))
    assert found == [transport] * 2


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
def test_what_an_outer_middleware_has_found_is_taken_and_nobody_asked(
    p0f: FakeP0f, request_by: Callable[[], Any]
) -> None:
    request = request_by()

    assert p0f_of(request) == tuple(FROM_OUTSIDE.values())
    assert (request.p0f, request.p0f_address) == (FROM_OUTSIDE["p0f.info"], KNOWN)
    assert p0f.queries == []


@both_servers
def test_no_header_stands_for_what_an_outer_middleware_says(p0f: FakeP0f, get: Get) -> None:
    answer = get("sync", UNKNOWN, **{"p0f.status": "ok", "p0f_status": "ok", "p0f.info": "x"})
    assert answer == b'{"os": null, "status": "no_match"}'


# System checks


def complaints() -> list[str]:
    """What `manage.py check` says of p0f: the ids."""
    return [m.id for m in checks.run_checks() if str(m.id).startswith("p0f_middleware.")]


def test_check_is_content_with_a_running_p0f(p0f: FakeP0f) -> None:
    assert complaints() == []
    assert p0f.queries == []


def test_check_warns_of_a_missing_socket(tmp_path: Path) -> None:
    with override_settings(P0FSOCKET=tmp_path / "p0f.sock"):
        assert complaints() == ["p0f_middleware.W001"]


def test_check_warns_of_a_socket_that_nobody_listens_on(p0f: FakeP0f) -> None:
    p0f.refuse()
    assert complaints() == ["p0f_middleware.W001"]


def test_check_looks_at_the_socket_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", str(tmp_path / "p0f.sock"))
    with override_settings(P0F={}):
        assert complaints() == ["p0f_middleware.W001"]


def test_check_reports_a_missing_setting() -> None:
    assert complaints() == ["p0f_middleware.E001"]


def test_check_says_nothing_when_disabled() -> None:
    with override_settings(P0FENABLED=False):
        assert complaints() == []


def test_check_tries_the_socket_of_a_client(p0f: FakeP0f) -> None:
    client = P0f(p0f.socket_path)
    p0f.refuse()
    with override_settings(P0FSOCKET=None, P0F={"SOURCE": client}):
        assert complaints() == ["p0f_middleware.W001"]


@pytest.mark.parametrize(
    "source", [Known(), AwaitedKnown(), Syn(arm=False), AsyncMock()], ids=lambda s: type(s).__name__
)
def test_check_is_content_with_a_source_of_either_kind(source: Any) -> None:
    with override_settings(P0F={"SOURCE": source}):
        assert complaints() == []


@pytest.mark.parametrize(
    "options",
    [
        *({"SOURCE": source} for source in (object(), 7, "unix:/run/p0f.sock", b"p0f.sock")),
        *({"SOURCE": source, "TIMEOUT": 0.5} for source in (Syn(arm=False), Known())),
        {"SOURCE": Known, "HOLD": -1},
        {"TIMEOUT": 0.5},  # Syn would ignore it
    ],
    ids=str,
)
@pytest.mark.usefixtures("none_made")
def test_check_reports_what_the_middleware_would_refuse(
    options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    with override_settings(P0F=options):
        assert complaints() == ["p0f_middleware.E001"]
    assert Known.made == 0


@pytest.mark.usefixtures("none_made")
def test_beside_an_outer_middleware_no_source_is_made() -> None:
    with override_settings(P0F={"SOURCE": Known}):
        environ = RequestFactory().get("/").environ | FROM_OUTSIDE
        P0fMiddleware(lambda request: request)(WSGIRequest(environ))
    assert Known.made == 0


@pytest.mark.usefixtures("none_made")
def test_check_makes_no_source() -> None:
    with override_settings(P0F={"SOURCE": Known}):
        assert complaints() == []
    assert Known.made == 0


def test_the_syn_of_the_first_connection_is_kept() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        override_settings(P0F={"SOURCE": "syn"}),
    ):
        P0fMiddleware(seen)
        assert keeps_syns(listener)


def test_check_without_a_source_touches_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as listener, override_settings(P0F={}):
        assert complaints() == []
        assert not keeps_syns(listener)
    assert set(threading.enumerate()) == before
