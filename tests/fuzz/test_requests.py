"""Whatever a server hands over, a client sends and p0f answers, the application gets its request.

It is called once with the keys, they fit one another, nothing is raised, and what the server handed
over reaches the application as it was. P0F_FUZZ is how many requests to try (150); `__main__` has
atheris choose them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p0f_middleware import (
    AsyncP0f,
    Claim,
    P0f,
    P0fASGIMiddleware,
    P0fInfo,
    P0fStatus,
    P0fUnavailable,
    P0fWSGIMiddleware,
    Syn,
    _outage,
)
from p0f_middleware._outcome import Outcome
from p0f_middleware._visitor import Visitor
from p0f_middleware.testing import SAMPLE, FakeP0f

from .strategies import PROXY, SYN_HEADER, answers, environs, scopes

KEYS = {"p0f.info", "p0f.status", "p0f.reason", "p0f.address", "p0f.claim"}
PROXIES: dict[str, Any] = {
    "trusted_proxies": [PROXY, "127.0.0.0/8", "unix:"],
    "client_port_header": "X-Client-Port",
}


class Stub:
    """A source that asks the visitor for all it has, and answers with what stands in `outcome`."""

    outcome: Any = None

    def fingerprint(self, visitor: Visitor, deadline: float) -> Any:
        for address in (visitor.peer_address, visitor.address):
            assert address is None or isinstance(address, str)
        for port in (visitor.peer_port, visitor.port):
            assert port is None or (isinstance(port, int) and 0 <= port <= 65535)
        for name in ("User-Agent", "X-Forwarded-For", "Host", SYN_HEADER):
            value = visitor.header(name)
            assert value is None or isinstance(value, str)
        assert visitor.is_trusted(visitor.address) in (True, False)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


class AwaitedStub(Stub):
    async def fingerprint(self, visitor: Visitor, deadline: float) -> Any:
        return super().fingerprint(visitor, deadline)


outcomes: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(Outcome(info, P0fStatus.OK, None) for info in (SAMPLE, P0fInfo())),
        Outcome(None, P0fStatus.NO_MATCH, "not seen"),
        *(P0fUnavailable("no socket"), RuntimeError("bug"), RecursionError(), None, ()),
    ]
)


class Sources:
    """What both kinds of requests are tried with: each source with and without proxies."""

    def __init__(self) -> None:
        self.delay, _outage.FIRST_DELAY = _outage.FIRST_DELAY, 0.0  # for an outage hides answers
        self.p0f = FakeP0f().start()
        self.loop = asyncio.new_event_loop()
        self.blocking = P0f(self.p0f.socket_path, timeout=0.02)
        self.awaited = AsyncP0f(self.p0f.socket_path, timeout=0.02)

    def around(self, app: Any, *, awaited: bool) -> Iterator[Any]:
        """The application in middlewares with all of this."""
        kind: Any = P0fASGIMiddleware if awaited else P0fWSGIMiddleware
        client = self.awaited if awaited else self.blocking
        self.stub = stub = AwaitedStub() if awaited else Stub()
        for options in ({}, PROXIES):
            yield kind(app, stub, grace=0, **options)
            yield kind(app, client, grace=0.001, hold=0.001, **options)
            yield kind(app, Syn(arm=False), claims=False, **options)
        yield kind(app, stub, grace=0, client_header="Forwarded", trusted_proxies=[PROXY])
        yield kind(app, Syn(arm=False, header=SYN_HEADER), **PROXIES)

    def close(self) -> None:
        _outage.FIRST_DELAY = self.delay
        self.blocking.close()
        self.loop.run_until_complete(self.awaited.close())
        self.loop.close()
        self.p0f.stop()


def fits(given: Any) -> None:
    """The keys are there, and of one story."""
    keys = {key for key in given if isinstance(key, str) and key.startswith("p0f.")}
    assert keys in (KEYS, KEYS - {"p0f.claim"}), keys
    info, status, reason = given["p0f.info"], given["p0f.status"], given["p0f.reason"]
    assert info is None or isinstance(info, P0fInfo)
    assert isinstance(status, P0fStatus)
    assert (status is P0fStatus.OK) == (info is not None) == (reason is None)
    assert reason is None or (isinstance(reason, str) and reason)
    assert isinstance(given.get("p0f.claim"), (Claim, type(None)))
    assert isinstance(given["p0f.address"], (str, type(None)))
    if info is not None:
        assert dict(info)
        assert info.as_dict()
        assert repr(info)


def start_response(*_: Any) -> Any:
    raise AssertionError("the middleware started a response")


def wsgi_check(sources: Sources) -> Callable[..., None]:
    """Tries one environ with each source, and each answer p0f could give."""
    calls: list[tuple[Any, Any]] = []
    body: list[bytes] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        calls.append((environ, start_response))
        return body

    middlewares = list(sources.around(app, awaited=False))

    def check(environ: dict[str, Any], answer: bytes, outcome: Any) -> None:
        sources.p0f.answer_with(answer)
        sources.stub.outcome = outcome
        for middleware in middlewares:
            calls.clear()
            given = dict(environ)
            assert middleware(given, start_response) is body
            [(seen, handed_on)] = calls
            assert seen is given
            assert handed_on is start_response
            fits(seen)
            assert all(seen[key] is value for key, value in environ.items())

    return check


def asgi_check(sources: Sources) -> Callable[..., None]:
    """Tries one scope with each source, and each answer p0f could give.

    A scope with iterators can be tried with one middleware, since the application exhausts them.
    """
    calls: list[tuple[Any, Any, Any]] = []
    result = object()

    async def receive() -> Any:
        raise AssertionError("the middleware received a message")

    async def send(_: Any) -> None:
        raise AssertionError("the middleware sent a message")

    async def app(scope: Any, receive: Any, send: Any) -> object:
        calls.append((scope, receive, send))
        return result

    middlewares = list(sources.around(app, awaited=True))

    def check(scope: dict[str, Any], answer: bytes, outcome: Any, which: int) -> None:
        sources.p0f.answer_with(answer)
        sources.stub.outcome = outcome
        one_shot = any(isinstance(scope.get(name), Iterator) for name in ("client", "headers"))
        which %= len(middlewares)
        for middleware in [middlewares[which]] if one_shot else middlewares:
            calls.clear()
            before = dict(scope)
            assert sources.loop.run_until_complete(middleware(scope, receive, send)) is result
            [(seen, *handed_on)] = calls
            assert handed_on == [receive, send]
            assert scope.keys() == before.keys()
            fits(seen)
            for key, value in before.items():
                assert scope[key] is value
                assert seen[key] is value or key in ("client", "headers")  # read, and read again

    return check


def prop(kind: str, sources: Sources) -> Any:
    """The property, as hypothesis and atheris take it."""
    if kind == "wsgi":
        return given(environs, answers, outcomes)(wsgi_check(sources))
    return given(scopes, answers, outcomes, st.integers(0, 99))(asgi_check(sources))


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_no_request_breaks(kind: str) -> None:
    examples = int(os.environ.get("P0F_FUZZ", "150"))
    sources = Sources()
    settings(max_examples=examples, suppress_health_check=list(HealthCheck))(prop(kind, sources))()
    sources.close()
