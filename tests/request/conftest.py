"""Fixtures for tests of behaviour that both middlewares share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from p0f_middleware import _async_library
from p0f_middleware._request import grace, lookup

from .middlewares import ASGI, WSGI, Middleware


@pytest.fixture
def nothing_logged_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of failure is logged once in a process; here it is a new one."""
    monkeypatch.setattr(lookup, "_logged", set())


class Clock:
    """The middlewares' clock: it advances only when a test sets it forward, or code sleeps."""

    def __init__(self) -> None:
        self.now = 43_200.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lookup, "time", clock)
    monkeypatch.setattr(grace, "time", clock)
    monkeypatch.setattr(_async_library, "sleep", clock.sleep_async)
    return clock


@pytest.fixture(params=[WSGI, ASGI])
def wrap(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes middlewares of each kind from sources and options, and ends them with the test."""
    with contextlib.ExitStack() as stack:

        def wrap(source: Any = None, **options: Any) -> Middleware:
            middleware: Middleware = request.param(source, **options)
            stack.callback(middleware.end)
            return middleware

        yield wrap
