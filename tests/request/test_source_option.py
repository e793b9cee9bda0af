"""The option `source`: what it may be, and what is said at once of what it must not be."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from p0f_middleware import AsyncP0f, AsyncSharedSyn, P0f, P0fInfo, SharedSyn, Syn
from p0f_middleware.testing import SAMPLE

from .middlewares import ASGI, WSGI, Wrap


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


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"/run/p0f.sock"


def error_of(kind: Any, source: Any, **options: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as raised:
        kind(source, **options)
    return f"{raised.type.__name__}: {raised.value}"


both = pytest.mark.parametrize("kind", [WSGI, ASGI])


def name_of(source: Any) -> str:
    return type(source).__name__


# What is no source

NO_SOURCE = [object(), 7, 1.5, True, ["/run/p0f.sock"], {}, len, [0] * 10_000]
CLASSES = [P0f, AsyncP0f, Syn, Blocking, Awaited]
BYTES = [b"/run/p0f.sock", b"", BytesPath()]
NO_PATH = [
    *("", "unix:/run/p0f.sock", "file:///run/p0f.sock", "http://127.0.0.1/", "/run/\0p0f.sock"),
    *("redis+unix:///run/redis.sock", "valkey://127.0.0.1"),
]


@both
@pytest.mark.parametrize(
    ("source", "said"),
    [
        *((source, "TypeError: source is the path of p0f's socket, ") for source in NO_SOURCE),
        *((cls, f"TypeError: source is an instance, {cls.__name__}(...), not") for cls in CLASSES),
        *((source, "TypeError: source is a path as text, such as '/run/") for source in BYTES),
        *((source, "ValueError: source is the path of p0f's socket, such") for source in NO_PATH),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_no_source_is_an_error_that_says_what_is(kind: Any, source: Any, said: str) -> None:
    error = error_of(kind, source)

    assert error.startswith(said)
    assert len(error) < 400


@both
def test_what_is_wrong_in_the_environment_is_named_by_its_name(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P0F_SOCKET", "unix:/run/p0f.sock")

    assert error_of(kind, None).startswith("ValueError: P0F_SOCKET is the path")


AWAITED = [
    *(AsyncP0f("/run/p0f.sock"), Awaited(), AsyncMock()),
    *(SimpleNamespace(lookup=lookup()) for lookup in (AwaitedCallable, InheritingCallable)),
    SimpleNamespace(lookup=partial(Awaited().lookup)),
]
BLOCKING = [P0f("/run/p0f.sock"), Blocking(), Mock(), MagicMock(), SimpleNamespace(lookup=print)]


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        *((WSGI, source, "an {}, which has to be awaited: for WSGI give ") for source in AWAITED),
        *((ASGI, source, "a blocking {}, which would hold up the event") for source in BLOCKING),
    ],
    ids=lambda value: getattr(value, "__name__", name_of(value)),
)
def test_a_source_of_the_wrong_colour_is_refused(kind: Any, source: Any, said: str) -> None:
    error = error_of(kind, source)

    assert error.startswith(f"TypeError: source is {said.format(name_of(source))}")
    twins = {AsyncP0f: "P0f", P0f: "AsyncP0f"}
    assert f" give {twins.get(type(source), 'an object whose lookup is')}" in error


# Options that the source would ignore


@both
@pytest.mark.parametrize(("option", "value"), [("timeout", 0.5), ("timeout", 0.1), ("grace", 0.5)])
def test_an_option_that_syn_would_ignore_is_an_error_even_with_its_default(
    kind: Any, option: str, value: float
) -> None:
    error = error_of(kind, Syn(arm=False), **{option: value})

    assert error.startswith(f"ValueError: {option} is for sources that wait, and Syn answers at on")


@both
def test_a_header_of_syn_is_an_error_without_a_proxy_to_write_it(kind: Any) -> None:
    error = error_of(kind, Syn(arm=False, header="X-Client-SYN"))

    assert error.startswith("ValueError: Syn(header=...) is read from trusted_proxies alone")


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        *((WSGI, source) for source in (P0f("/run/p0f.sock"), Blocking())),
        *((ASGI, source) for source in (AsyncP0f("/run/p0f.sock"), Awaited())),
    ],
)
def test_a_timeout_that_is_the_sources_own_is_refused(kind: Any, source: Any) -> None:
    error = error_of(kind, source, timeout=0.5)

    assert error.startswith(f"ValueError: timeout is an option of {name_of(source)} itself")


# What is one


@pytest.mark.parametrize(
    ("source", "options"),
    [
        *((Syn(arm=False), options) for options in ({}, {"grace": 0}, {"hold": 0}, {"hold": 60})),
        (Syn(arm=False, header="X-Client-SYN"), {"trusted_proxies": "unix:"}),
    ],
    ids=str,
)
def test_one_syn_serves_both(wrap: Wrap, source: Syn, options: Any) -> None:
    assert wrap(source, **options).middleware.source is source


@pytest.mark.parametrize("path", ["p0f.sock", "./a:b", PurePosixPath("/run/p0f.sock")], ids=str)
def test_any_path_is_a_source(wrap: Wrap, path: Any) -> None:
    source: Any = wrap(path, timeout=0.25).middleware.source

    assert isinstance(source, (P0f, AsyncP0f))
    assert (source.socket_path, source.timeout) == (str(path), 0.25)


def test_a_stores_url_makes_the_shared_source_of_the_right_colour(wrap: Wrap) -> None:
    pytest.importorskip("redis")
    middleware = wrap("redis://127.0.0.1:1/0", timeout=0.25)
    source: Any = middleware.middleware.source

    assert type(source) is (AsyncSharedSyn if middleware.is_async else SharedSyn)
    assert source.timeout == 0.25


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"P0F_SOCKET": "/run/elsewhere.sock"}, "/run/elsewhere.sock"),
        ({"P0F_SOCKET": "/run/elsewhere.sock", "P0F_SOURCE": "syn"}, None),
        ({"P0F_SOCKET": ""}, None),
        ({}, None),
    ],
    ids=str,
)
def test_without_a_source_it_is_what_the_environment_names_or_syn(
    wrap: Wrap, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], path: str | None
) -> None:
    monkeypatch.delenv("P0F_SOCKET", raising=False)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    source: Any = wrap().middleware.source

    assert isinstance(source, Syn) if path is None else source.socket_path == path


# The lookup that somebody wrote


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
    ids=name_of,
)
def test_wsgi_asks_the_lookup_that_somebody_wrote(source: Any) -> None:
    assert WSGI(source).request()["p0f.info"] is SAMPLE


class Slow:
    async def lookup(self, ip_address: str) -> P0fInfo | None:
        await asyncio.sleep(0.15)  # longer than the timeout of a path, which is not its own
        return SAMPLE


@pytest.mark.parametrize(
    "source",
    [
        *(Awaited(), Slow(), SimpleNamespace(lookup=Awaited().lookup)),
        *(SimpleNamespace(lookup=lookup()) for lookup in (AwaitedCallable, InheritingCallable)),
        AsyncMock(**{"lookup.return_value": SAMPLE}),
        autospec(AsyncP0f),
        AsyncSubclass("/nonexistent/p0f.sock"),
    ],
    ids=name_of,
)
def test_asgi_awaits_the_lookup_that_somebody_wrote(source: Any) -> None:
    middleware = ASGI(source)
    try:
        assert middleware.request()["p0f.info"] is SAMPLE
    finally:
        middleware.loop.close()


class Future:
    def __await__(self) -> Any:
        yield


@pytest.mark.usefixtures("nothing_logged_yet")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("given", [Awaited().lookup, lambda _: Future()])
def test_a_plain_lookup_that_gives_something_to_be_awaited_fails(given: Any) -> None:
    keys = WSGI(SimpleNamespace(lookup=lambda ip_address: given(ip_address))).request()

    assert (keys["p0f.info"], keys["p0f.status"]) == (None, "unavailable")
