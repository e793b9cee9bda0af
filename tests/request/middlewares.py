"""Both middlewares behind the same methods, for tests of behaviour that both share; and sources.

A source here is written once, blocking; for ASGI it is wrapped in one that is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any
from wsgiref.util import setup_testing_defaults

from p0f_middleware import AsyncP0f, P0fASGIMiddleware, P0fInfo, P0fWSGIMiddleware
from p0f_middleware._outcome import Outcome, P0fStatus
from p0f_middleware._visitor import Visitor
from p0f_middleware.testing import SAMPLE

HOST, OTHER, PROXY = "192.0.2.1", "192.0.2.2", "10.0.0.1"
PORT = 50000
UNIX = ("unix:", 0)  # the peer on a Unix socket
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}"

Headers = Iterable[tuple[str, str]]
Peer = tuple[Any, ...] | None


class KnownAfter:
    """A source that finds every host after a number of lookups."""

    def __init__(self, questions: float = 1, info: Any = SAMPLE) -> None:
        self.questions = questions
        self.info = info
        self.asked: list[str] = []

    def lookup(self, ip_address: str) -> P0fInfo | None:
        self.asked.append(ip_address)
        return self.info if len(self.asked) >= self.questions else None


class Failing(KnownAfter):
    """A source that raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def lookup(self, ip_address: str) -> P0fInfo | None:
        self.asked.append(ip_address)
        raise self.error


class Telling:
    """A source that is asked with the visitor, and answers with what `answer` returns or raises."""

    def __init__(self, answer: Callable[[Visitor, float], Outcome]) -> None:
        self.answer = answer
        self.deadlines: list[float] = []

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        self.deadlines.append(deadline)
        return self.answer(visitor, deadline)


class ServerObject:
    """What a server keeps for one connection."""

    async def receive(self) -> None: ...


ServerObject.__module__ = "uvicorn.protocols"


def awaited(source: Any) -> Any:
    """The awaited form of a source, if it is one of those above."""
    if not isinstance(source, (KnownAfter, Telling)):
        return source
    name = "fingerprint" if isinstance(source, Telling) else "lookup"

    async def ask(*args: Any) -> Any:
        return getattr(source, name)(*args)

    return SimpleNamespace(**{name: ask})


def keys_of(environ_or_scope: Any) -> dict[str, Any]:
    return {key: value for key, value in environ_or_scope.items() if key.startswith("p0f.")}


class WSGI:
    """P0fWSGIMiddleware and an application that keeps what it finds in environ."""

    is_async = False

    def __init__(self, source: Any = None, **options: Any) -> None:
        self.seen: dict[str, Any] = {}
        self.middleware = P0fWSGIMiddleware(self._app, source, **options)

    def _app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.seen = keys_of(environ)
        return []

    def request(self, peer: Peer = (HOST, PORT), headers: Headers = (), **more: Any) -> Any:
        """One request; returns the keys that the application finds."""
        environ: dict[str, Any] = {"QUERY_STRING": ""}
        if peer == UNIX:
            environ["REMOTE_ADDR"] = ""
        elif peer is not None:
            environ |= zip(("REMOTE_ADDR", "REMOTE_PORT"), peer[:2], strict=False)
        for name, value in headers:
            key = f"HTTP_{name.upper().replace('-', '_')}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        setup_testing_defaults(environ)
        self.middleware(environ | more, lambda *_: lambda _: None)
        return self.seen

    @staticmethod
    def showing(connection: object) -> dict[str, Any]:
        """How a server shows its object of the connection."""
        return {"gunicorn.socket": connection}

    def end(self) -> None:
        close = getattr(self.middleware.source, "close", None)
        if close is not None:
            close()


class ASGI:
    """P0fASGIMiddleware and an application that keeps what it finds in scope, on one event loop."""

    is_async = True

    def __init__(self, source: Any = None, **options: Any) -> None:
        self.seen: dict[str, Any] = {}
        self.loop = asyncio.new_event_loop()
        source = awaited(source)
        try:
            self.middleware = P0fASGIMiddleware(self._app, source, **options)
        except BaseException:
            self.loop.close()
            raise

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen = keys_of(scope)

    def request(self, peer: Peer = (HOST, PORT), headers: Headers = (), **more: Any) -> Any:
        """One request; returns the keys that the application finds."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "server": ("/run/app.sock", None) if peer == UNIX else ("192.0.2.9", 80),
            "client": None if peer == UNIX else peer,
            "headers": [(n.lower().encode(), value.encode("latin-1")) for n, value in headers],
        }
        its_receive = more.pop("receive", receive)
        self.loop.run_until_complete(self.middleware(scope | more, its_receive, send))
        return self.seen

    @staticmethod
    def showing(connection: object) -> dict[str, Any]:
        """How a server shows its object of the connection."""
        cycle = ServerObject()
        cycle.transport = connection  # type: ignore[attr-defined]
        return {"receive": cycle.receive}

    def end(self) -> None:
        source = self.middleware.source
        if isinstance(source, AsyncP0f):
            self.loop.run_until_complete(source.close())
        self.loop.close()


Middleware = WSGI | ASGI
Wrap = Callable[..., Middleware]
"""The fixture `wrap`."""


def status(middleware: Middleware, *args: Any, **more: Any) -> P0fStatus:
    """The status of one request."""
    found: P0fStatus = middleware.request(*args, **more)["p0f.status"]
    return found


async def receive() -> dict[str, Any]:
    raise AssertionError("the middleware received a message")


async def send(message: Any) -> None:
    raise AssertionError("the middleware sent a message")
