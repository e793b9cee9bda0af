"""A time limit of somebody else's, raised into a lookup, ends the request."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from p0f_middleware import P0fASGIMiddleware, P0fInfo

from .middlewares import HOST, PORT, WSGI, receive, send

SCOPE = {"type": "http", "client": (HOST, PORT), "headers": []}


class Endless:
    def __init__(self, sleep: Callable[[float], Any]) -> None:
        self.sleep = sleep

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        await self.sleep(30)
        return None


def test_a_time_limit_of_gevent_leaves_a_lookup() -> None:
    gevent = pytest.importorskip("gevent")

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        WSGI(SimpleNamespace(lookup=lambda _: gevent.sleep(30))).request()


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
