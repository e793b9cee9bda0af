"""Every snippet of README and the manual runs as it stands there.

What a snippet presumes (an application to wrap, a p0f at /run/p0f/p0f.sock) is provided. One that
defines `app` gets a request, and where it asks p0f the fingerprint has to arrive in the response.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
import socket
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from p0f_middleware import P0f, P0fASGIMiddleware, P0fInfo, P0fWSGIMiddleware
from p0f_middleware.__main__ import make_parser
from p0f_middleware.testing import FakeP0f

from .pages import SNIPPETS, Snippet

SOCKET = "/run/p0f/p0f.sock"
CLIENT = "127.0.0.1"
PYTHON = [snippet for snippet in SNIPPETS if snippet.language == "python"]
COMMANDS = [
    (f"{snippet}: {words}", words)
    for snippet in SNIPPETS
    if snippet.language == "sh"
    for words in re.findall(r"(?<!install )p0f-middleware ([^)|>&#\n\"]*)", snippet.code)
]

Namespace = dict[str, Any]


def wsgi_app(environ: Namespace, start_response: Callable[..., Any]) -> list[bytes]:
    """What the snippets of WSGI wrap."""
    info = environ["p0f.info"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{info and info.os_name}".encode()]


async def asgi_app(scope: Namespace, receive: Any, send: Any) -> None:
    """What the snippets of ASGI wrap."""
    info = scope["p0f.info"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{info and info.os_name}".encode()})


def a_request() -> Namespace:
    environ: Namespace = {"REMOTE_ADDR": CLIENT}
    setup_testing_defaults(environ)
    return environ


def environ_behind(fake_p0f: FakeP0f) -> Namespace:
    """What an application gets behind the middleware."""
    environ = a_request()
    with P0f(fake_p0f.socket_path) as p0f:
        wrapped: Any = P0fWSGIMiddleware(wsgi_app, p0f)
        wrapped(environ, lambda status, headers: None)
    fake_p0f.queries.clear()
    return environ


def get_by_wsgi(app: Any) -> str:
    environ = a_request()
    return b"".join(app(environ, lambda status, headers, *_: None)).decode()


def get_by_asgi(app: Any) -> str:
    httpx = pytest.importorskip("httpx")

    async def get() -> str:
        transport = httpx.ASGITransport(app, client=(CLIENT, 40000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
            return str((await browser.get("/")).text)

    return asyncio.run(get())


def get_by_aiohttp(app: Any) -> str:
    test_utils = pytest.importorskip("aiohttp.test_utils")

    async def get() -> str:
        async with test_utils.TestClient(test_utils.TestServer(app)) as browser:
            return str(await (await browser.get("/")).text())

    return asyncio.run(get())


def get_by_django(settings: Namespace) -> str:
    pytest.importorskip("django")
    from django.test import override_settings

    from tests import test_django

    with override_settings(**settings):
        body: bytes = test_django.get_by_wsgi("sync", CLIENT)
    return body.decode()


def get(snippet: Namespace) -> str | None:
    """The response to a request; None if the snippet made nothing that takes one."""
    settings = {name: value for name, value in snippet.items() if name.isupper()}
    if "MIDDLEWARE" in settings:
        return get_by_django(settings)
    app = snippet["app"]
    if inspect.isfunction(app):  # an application that nothing wraps
        return None
    if type(app).__module__.startswith("aiohttp."):
        return get_by_aiohttp(app)
    is_async = inspect.iscoroutinefunction(type(app).__call__)
    return get_by_asgi(app) if is_async else get_by_wsgi(app)


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # Pyramid's WebOb
@pytest.mark.filterwarnings(
    "ignore::UserWarning:pyramid", "ignore::DeprecationWarning:pkg_resources"
)
@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
@pytest.mark.parametrize("snippet", PYTHON, ids=str)
def test_a_snippet_runs_and_the_fingerprint_arrives(snippet: Snippet, fake_p0f: FakeP0f) -> None:
    for package in packages_in(snippet.code):
        pytest.importorskip(package)
    fake_p0f.hosts[CLIENT] = P0fInfo(os_name="Linux")
    namespace: Namespace = {
        "__name__": "__main__",
        "environ": environ_behind(fake_p0f),
        "app": asgi_app if re.search("asgi", snippet.code, re.I) else wsgi_app,
        "P0fASGIMiddleware": P0fASGIMiddleware,
        "P0fWSGIMiddleware": P0fWSGIMiddleware,
    }
    code = snippet.code.replace(SOCKET, fake_p0f.socket_path)
    exec(compile(code, snippet.page, "exec", dont_inherit=True), namespace)
    for name in [name for name in namespace if name.startswith("test_")]:
        namespace[name](fake_p0f)
    response = get(namespace)
    if response is not None and SOCKET in snippet.code:
        assert "Linux" in response
        assert CLIENT in fake_p0f.queries
    for left_open in namespace.values():
        if isinstance(left_open, socket.socket):
            left_open.close()


def packages_in(code: str) -> set[str]:
    """The packages that the code imports."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    return {name.partition(".")[0] for name in imported}


@pytest.mark.parametrize("words", [words for _, words in COMMANDS], ids=[n for n, _ in COMMANDS])
def test_a_command_takes_the_options_it_is_given(words: str) -> None:
    assert make_parser().parse_args(shlex.split(words)).command
