"""The option `source`: what it may be, and what is said at once of what it must not be."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from p0f_middleware import (
    AsyncP0f,
    AsyncSharedSyn,
    P0f,
    P0fASGIMiddleware,
    P0fInfo,
    P0fWSGIMiddleware,
    SharedSyn,
    Syn,
)
from p0f_middleware.testing import SAMPLE, FakeP0f

from .middlewares import ASGI, HOST, WSGI, Middleware

Wrap = Callable[..., Middleware]


class Blocking:
    def lookup(self, ip_address: str) -> P0fInfo | None:
        return SAMPLE


class Awaited:
    async def lookup(self, ip_address: str) -> P0fInfo | None:
        return SAMPLE


class AwaitedCallable:
    async def __call__(self, ip_address: str) -> P0fInfo | None:
        return SAMPLE


class InheritingCallable(AwaitedCallable):
    """Its `__call__` is another class's."""


def wsgi_error(source: Any, **options: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as raised:
        P0fWSGIMiddleware(lambda *_: [], source, **options)
    return f"{raised.type.__name__}: {raised.value}"


def asgi_error(source: Any, **options: Any) -> str:
    async def app(*_: Any) -> None: ...

    with pytest.raises((TypeError, ValueError)) as raised:
        P0fASGIMiddleware(app, source, **options)
    return f"{raised.type.__name__}: {raised.value}"


both_errors = pytest.mark.parametrize("error", [wsgi_error, asgi_error])
Error = Callable[..., str]


# What is no source


@both_errors
@pytest.mark.parametrize("source", [object(), 7, 1.5, True, ["/run/p0f.sock"], {}, len], ids=repr)
def test_what_is_no_source_is_a_type_error_that_says_what_is(error: Error, source: Any) -> None:
    said = error(source)

    assert said.startswith("TypeError: source is the path of p0f's socket, ")
    assert "lookup(ip_address)" in said


@both_errors
@pytest.mark.parametrize("source", [P0f, AsyncP0f, Syn, Blocking, Awaited])
def test_a_class_is_a_type_error_that_asks_for_an_instance(error: Error, source: Any) -> None:
    said = error(source)

    assert said == f"TypeError: source is an instance, {source.__name__}(...), not the class itself"


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"/run/p0f.sock"


@both_errors
@pytest.mark.parametrize("source", [b"/run/p0f.sock", b"", BytesPath()], ids=repr)
def test_bytes_are_a_type_error_that_asks_for_text(error: Error, source: Any) -> None:
    assert error(source).startswith("TypeError: source is a path as text")


@both_errors
@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("", "the path of p0f's socket"),
        ("unix:/run/p0f.sock", "such as '/run/p0f/p0f.sock'"),
        ("file:///run/p0f.sock", "such as '/run/p0f/p0f.sock'"),
        ("http://127.0.0.1/", "redis://"),
        ("/run/\0p0f.sock", "such as '/run/p0f/p0f.sock'"),
        ("redis+unix:///run/redis.sock", "unix://"),
        ("valkey://127.0.0.1", "redis://"),
    ],
)
def test_text_that_is_no_path_is_a_value_error_that_names_the_remedy(
    error: Error, source: str, remedy: str
) -> None:
    said = error(source)

    assert said.startswith("ValueError: source is ")
    assert remedy in said


@both_errors
def test_what_is_wrong_in_the_environment_is_named_by_its_name(
    error: Error, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", "unix:/run/p0f.sock")

    assert error(None).startswith("ValueError: P0F_SOCKET is the path")


@both_errors
def test_a_long_thing_is_not_shown_whole(error: Error) -> None:
    assert len(error([0] * 10_000)) < 400


# Sources of the other kind


@pytest.mark.parametrize(
    "source",
    [
        AsyncP0f("/run/p0f.sock"),
        Awaited(),
        AsyncMock(),
        SimpleNamespace(lookup=AwaitedCallable()),
        SimpleNamespace(lookup=InheritingCallable()),
        SimpleNamespace(lookup=partial(Awaited().lookup)),
    ],
    ids=lambda source: type(source).__name__,
)
def test_wsgi_refuses_what_has_to_be_awaited(source: Any) -> None:
    said = wsgi_error(source)

    assert said.startswith(f"TypeError: source is an {type(source).__name__}, which has to be")
    assert "for WSGI give " in said


@pytest.mark.parametrize(
    "source",
    [P0f("/run/p0f.sock"), Blocking(), Mock(), MagicMock(), SimpleNamespace(lookup=print)],
    ids=lambda source: type(source).__name__,
)
def test_asgi_refuses_what_blocks(source: Any) -> None:
    said = asgi_error(source)

    assert said.startswith(f"TypeError: source is a blocking {type(source).__name__}, which would")
    assert "for ASGI give " in said


def test_a_source_of_the_wrong_colour_names_its_twin() -> None:
    assert wsgi_error(AsyncP0f("/run/p0f.sock")).endswith("for WSGI give P0f")
    assert asgi_error(P0f("/run/p0f.sock")).endswith("for ASGI give AsyncP0f")


# Options that the source would ignore


@both_errors
@pytest.mark.parametrize(("option", "value"), [("timeout", 0.5), ("timeout", 0.1), ("grace", 0.5)])
def test_an_option_that_syn_would_ignore_is_an_error_even_with_its_default(
    error: Error, option: str, value: float
) -> None:
    said = error(Syn(arm=False), **{option: value})

    assert said.startswith(f"ValueError: {option} is for sources that wait, and Syn answers at on")


@pytest.mark.parametrize("options", [{"grace": 0}, {"hold": 0}, {"hold": 60}], ids=str)
def test_an_option_that_means_something_to_syn_may_be_given(wrap: Wrap, options: Any) -> None:
    assert wrap(Syn(arm=False), **options)


@both_errors
def test_a_header_of_syn_is_an_error_without_a_proxy_to_write_it(error: Error) -> None:
    said = error(Syn(arm=False, header="X-Client-SYN"))

    assert said.startswith("ValueError: Syn(header=...) is read from trusted_proxies alone")


def test_a_header_of_syn_goes_with_a_proxy() -> None:
    source = Syn(arm=False, header="X-Client-SYN")

    assert P0fWSGIMiddleware(lambda *_: [], source, trusted_proxies="unix:").source is source


@pytest.mark.parametrize(
    ("error", "source"),
    [
        (wsgi_error, P0f("/run/p0f.sock")),
        (wsgi_error, Blocking()),
        (asgi_error, AsyncP0f("/run/p0f.sock")),
        (asgi_error, Awaited()),
    ],
)
def test_a_timeout_that_is_the_sources_own_is_refused(error: Error, source: Any) -> None:
    said = error(source, timeout=0.5)

    assert said.startswith(f"ValueError: timeout is an option of {type(source).__name__} itself")


# What is one


@pytest.mark.parametrize("path", ["p0f.sock", "./a:b", PurePosixPath("/run/p0f.sock")], ids=str)
def test_any_path_is_a_source(wrap: Wrap, path: Any) -> None:
    source: Any = wrap(path, timeout=0.25).middleware.source

    assert isinstance(source, (P0f, AsyncP0f))
    assert (source.socket_path, source.timeout) == (str(path), 0.25)


def test_without_a_source_it_is_the_path_in_the_environment(
    wrap: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", "/run/elsewhere.sock")
    source: Any = wrap().middleware.source

    assert source.socket_path == "/run/elsewhere.sock"


def test_what_the_environment_has_may_be_any_text(
    wrap: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", "/run/elsewhere.sock")
    monkeypatch.setenv("P0F_SOURCE", "syn")

    assert isinstance(wrap().middleware.source, Syn)


def test_a_stores_url_makes_the_shared_source_of_the_right_colour(wrap: Wrap) -> None:
    pytest.importorskip("redis")
    middleware = wrap("redis://127.0.0.1:1/0", timeout=0.25)
    source: Any = middleware.middleware.source

    assert type(source) is (AsyncSharedSyn if middleware.is_async else SharedSyn)
    assert source.timeout == 0.25


@pytest.mark.parametrize("value", [None, ""])
def test_without_any_it_is_syn(
    wrap: Wrap, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    if value is not None:
        monkeypatch.setenv("P0F_SOCKET", value)

    assert isinstance(wrap().middleware.source, Syn)


def test_one_syn_serves_both(wrap: Wrap) -> None:
    source = Syn(arm=False)

    assert wrap(source).middleware.source is source


def autospec(kind: type) -> Any:
    mock = create_autospec(kind, instance=True)
    mock.lookup.return_value = SAMPLE
    return mock


class Wrapper:
    """Hands on every attribute to a client, but for the lookup, which it does itself."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def lookup(self, ip_address: str) -> P0fInfo | None:
        return SAMPLE


class Subclass(P0f):
    def lookup(self, ip_address: str) -> P0fInfo | None:
        return SAMPLE


class AsyncSubclass(AsyncP0f):
    async def lookup(self, ip_address: str) -> P0fInfo | None:
        return SAMPLE


class SubSubclass(Subclass):
    """Inherits the lookup that somebody wrote."""


@pytest.mark.parametrize(
    "source",
    [
        Blocking(),
        SimpleNamespace(lookup=lambda ip_address: SAMPLE),
        Mock(**{"lookup.return_value": SAMPLE}),
        MagicMock(**{"lookup.return_value": SAMPLE}),
        Mock(spec=P0f, **{"lookup.return_value": SAMPLE}),
        autospec(P0f),
        Wrapper(P0f("/nonexistent/p0f.sock")),
        Subclass("/nonexistent/p0f.sock"),
        SubSubclass("/nonexistent/p0f.sock"),
    ],
    ids=lambda source: type(source).__name__,
)
def test_wsgi_asks_the_lookup_that_somebody_wrote(source: Any) -> None:
    assert WSGI(source).request()["p0f.info"] is SAMPLE


@pytest.mark.parametrize(
    "source",
    [
        Awaited(),
        SimpleNamespace(lookup=Awaited().lookup),
        SimpleNamespace(lookup=AwaitedCallable()),
        SimpleNamespace(lookup=InheritingCallable()),
        AsyncMock(**{"lookup.return_value": SAMPLE}),
        autospec(AsyncP0f),
        AsyncSubclass("/nonexistent/p0f.sock"),
    ],
    ids=lambda source: type(source).__name__,
)
def test_asgi_awaits_the_lookup_that_somebody_wrote(source: Any) -> None:
    assert asgi_request(source)["p0f.info"] is SAMPLE


def asgi_request(source: Any) -> Any:
    middleware = ASGI(source)
    try:
        return middleware.request()
    finally:
        middleware.loop.close()


class NamedSubclass(P0f):
    """Has nothing of its own."""


@pytest.mark.parametrize("kind", [P0f, NamedSubclass])
def test_a_client_of_ours_is_asked_within_the_deadline(fake_p0f: FakeP0f, kind: Any) -> None:
    fake_p0f.hosts[HOST] = SAMPLE
    with kind(fake_p0f.socket_path) as source:
        middleware = WSGI(source)
        assert middleware.request()["p0f.info"] == SAMPLE
        assert middleware.middleware.source is source


# A plain lookup that gives something to be awaited


class Disguised:
    """Its lookup is a plain function that returns a coroutine."""

    def lookup(self, ip_address: str) -> Any:
        return Awaited().lookup(ip_address)


class Future:
    """Its lookup returns something else to be awaited."""

    def lookup(self, ip_address: str) -> Any:
        class Awaitable:
            def __await__(self) -> Any:
                yield

        return Awaitable()


@pytest.mark.usefixtures("nothing_logged_yet")
@pytest.mark.parametrize("source", [Disguised(), Future()], ids=lambda s: type(s).__name__)
def test_a_coroutine_from_a_plain_lookup_is_a_failure_and_no_warning(source: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keys = WSGI(source).request()

    assert (keys["p0f.info"], keys["p0f.status"]) == (None, "unavailable")


def test_an_awaited_lookup_may_take_as_long_as_it_likes() -> None:
    class Slow:
        async def lookup(self, ip_address: str) -> P0fInfo | None:
            await asyncio.sleep(0.15)  # longer than the timeout of a path, which is not its own
            return SAMPLE

    assert asgi_request(Slow())["p0f.status"] == "ok"
