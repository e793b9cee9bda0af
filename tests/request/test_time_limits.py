"""A time limit of somebody else's, raised into a lookup, ends the request."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from p0f_middleware import P0f, P0fASGIMiddleware, P0fInfo
from p0f_middleware.testing import FakeP0f

from .middlewares import HOST, PORT, WSGI, receive, send

SCOPE = {"type": "http", "client": (HOST, PORT), "headers": []}


class TimeIsUp(Exception):
    """As Celery's SoftTimeLimitExceeded."""


@pytest.fixture
def time_limit() -> Iterator[Callable[[Exception], None]]:
    """Has a signal handler raise an exception in a moment, whatever runs then."""

    def limit(error: Exception) -> None:
        def handler(*_: Any) -> None:
            raise error

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    before = signal.getsignal(signal.SIGALRM)
    yield limit
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "error",
    [TimeIsUp("up"), TimeoutError("up"), ValueError("up"), KeyError("up")],
    ids=lambda error: type(error).__name__,
)
def test_a_signal_handlers_exception_leaves_a_lookup_that_waits_for_p0f(
    fake_p0f: FakeP0f, time_limit: Any, error: Exception
) -> None:
    with P0f(fake_p0f.socket_path, timeout=30) as source:
        source.lookup(HOST)
        middleware = WSGI(source)
        fake_p0f.stall()
        time_limit(error)
        with pytest.raises(type(error)) as raised:
            middleware.request()
        fake_p0f.resume()
    assert raised.value is error
    assert middleware.environs == []


@pytest.mark.parametrize("error", [TimeIsUp("up"), TimeoutError("up")], ids=repr)
def test_a_signal_handlers_exception_leaves_a_lookup_of_the_users_own(
    time_limit: Any, error: Exception
) -> None:
    class Endless:
        def lookup(self, ip_address: str) -> P0fInfo | None:
            while True:
                signal.pause()

    middleware = WSGI(Endless())
    time_limit(error)
    with pytest.raises(type(error)) as raised:
        middleware.request()
    assert raised.value is error


def test_a_time_limit_of_gevent_leaves_a_lookup() -> None:
    gevent = pytest.importorskip("gevent")

    class Endless:
        def lookup(self, ip_address: str) -> P0fInfo | None:
            gevent.sleep(30)
            return None

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        WSGI(Endless()).request()


class Endless:
    def __init__(self, sleep: Callable[[float], Any]) -> None:
        self.sleep = sleep

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        await self.sleep(30)
        return None


async def app(*_: Any) -> None:
    raise AssertionError("the application was called")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is new in 3.11")
def test_a_time_limit_of_asyncio_leaves_a_lookup() -> None:
    async def main() -> None:
        middleware = P0fASGIMiddleware(app, Endless(asyncio.sleep))
        async with asyncio.timeout(0.05):  # type: ignore[attr-defined,unused-ignore]
            await middleware(SCOPE, receive, send)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_a_time_limit_of_trio_leaves_a_lookup() -> None:
    async def main() -> bool:
        middleware = P0fASGIMiddleware(app, Endless(trio.sleep))
        with trio.move_on_after(0.05) as scope:
            await middleware(SCOPE, receive, send)
        return scope.cancelled_caught

    assert trio.run(main)
