"""Every snippet of README and the manual runs as it stands there, but for the source it names.

What a snippet presumes (an application to wrap, Django's MIDDLEWARE) is provided, and a fake p0f
stands for its source. One that defines `app` gets a request, and the fingerprint has to arrive in
the response.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import shlex
import socket
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from p0f_middleware import P0f, P0fInfo, P0fWSGIMiddleware
from p0f_middleware.__main__ import make_parser
from p0f_middleware.testing import FakeP0f

from .pages import SNIPPETS, SOURCES, Snippet, answer, with_source

VISITOR = "192.0.2.1"
HEADERS = {"X-Forwarded-For": VISITOR, "CF-Connecting-IP": VISITOR, "X-Client-Port": "40000"}
PYTHON = [snippet for snippet in SNIPPETS if snippet.language == "python"]
COMMANDS = [
    pytest.param(words, id=f"{snippet}: {words}")
    for snippet in SNIPPETS
    if snippet.language in ("sh", "yaml", "dockerfile")
    for words in re.findall(r"(?<!install )p0f-middleware ([^)|>&#\n\"]*)", snippet.code)
]
NOT_AT_THE_ROOT = {"act-on-it.md"}
"""Pages whose programs have no page at /: test_programs.py asks them."""

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


def peer_of(code: str) -> str:
    """Who connects to the snippet's application: the proxy that it trusts, or else the visitor."""
    trusted = re.search(r"""TRUSTED_PROXIES"?[:=] ?\["([\d.]+)""", code, re.I)
    return re.sub(r"\.0$", ".1", trusted[1]) if trusted else VISITOR


def environ_behind(fake_p0f: FakeP0f) -> Namespace:
    """What an application gets behind the middleware."""
    environ = {"REMOTE_ADDR": VISITOR, "REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    with P0f(fake_p0f.socket_path) as p0f:
        wrapped: Any = P0fWSGIMiddleware(wsgi_app, p0f)
        wrapped(environ, lambda status, headers: None)
    return environ


def get_by_aiohttp(app: Any) -> str:
    test_utils = pytest.importorskip("aiohttp.test_utils")

    async def get() -> str:
        async with test_utils.TestClient(test_utils.TestServer(app)) as browser:
            return str(await (await browser.get("/")).text())

    return asyncio.run(get())


def get_by_django(settings: Namespace, peer: str) -> str:
    from django.conf import settings as in_force
    from django.test import Client, override_settings

    with override_settings(**settings):
        if "P0FSOCKET" in settings:
            del in_force.P0F
        body: bytes = Client(headers=HEADERS).get("/", REMOTE_ADDR=peer).content
    return body.decode()


def get(snippet: Namespace, peer: str) -> str | None:
    """The response to a request; None if the snippet made nothing that takes one."""
    settings = {name: value for name, value in snippet.items() if name.isupper()}
    if isinstance(settings.get("P0F"), dict) or "P0FSOCKET" in settings:
        return get_by_django(settings, peer)
    app = snippet.get("application", snippet["app"])
    if inspect.isfunction(app):  # an application that nothing wraps
        return None
    if type(app).__module__.startswith("aiohttp."):
        return get_by_aiohttp(app)
    return answer(app, peer, HEADERS)[1]


def run(code: str, namespace: Namespace) -> None:
    try:
        exec(compile(code, "snippet", "exec", dont_inherit=True), namespace)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("p0f_middleware"):
            raise
        pytest.skip(str(missing))


@pytest.fixture
def mysite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project that Django's snippets stand in: MIDDLEWARE may name a middleware of its own."""
    visits = ModuleType("mysite.visits")
    visits.log_visits = lambda get_response: get_response  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mysite", ModuleType("mysite"))
    monkeypatch.setitem(sys.modules, "mysite.visits", visits)


@pytest.mark.usefixtures("django_project", "mysite")
@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # Pyramid's WebOb
@pytest.mark.filterwarnings(
    "ignore::UserWarning:pyramid", "ignore::DeprecationWarning:pkg_resources"
)
@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
@pytest.mark.parametrize("snippet", PYTHON, ids=str)
def test_a_snippet_runs_and_the_fingerprint_arrives(
    snippet: Snippet, fake_p0f: FakeP0f, request: pytest.FixtureRequest
) -> None:
    for name, fixture in (("sentry_sdk", "sentry"), ("prometheus_client", "counters")):
        if name in snippet.code:
            request.getfixturevalue(fixture)
    for address in (VISITOR, "127.0.0.1"):  # aiohttp's test client is at the latter
        fake_p0f.hosts[address] = P0fInfo(os_name="Linux", source="p0f")
    namespace: Namespace = {
        "__name__": "__main__",
        "environ": environ_behind(fake_p0f),
        "app": asgi_app if re.search("asgi", snippet.code, re.I) else wsgi_app,
        "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"],
    }
    code = with_source(snippet.code, fake_p0f.socket_path)
    run(code, namespace)
    for name in [name for name in namespace if name.startswith("test_")]:
        wants_fixture = inspect.signature(namespace[name]).parameters
        namespace[name](*[fake_p0f] if wants_fixture else [])
    if snippet.page in NOT_AT_THE_ROOT:
        return
    fake_p0f.queries.clear()
    response = get(namespace, peer_of(code))
    if response and SOURCES.search(snippet.code):
        assert fake_p0f.queries
        assert set(fake_p0f.queries) <= {VISITOR, "127.0.0.1"}
        assert "Linux" in response or "hello" in response
    for left_open in namespace.values():
        if isinstance(left_open, socket.socket):
            left_open.close()


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_takes_the_options_it_is_given(words: str) -> None:
    argv = shlex.split(words.replace("/etc/p0f-edge.url", os.devnull))
    assert make_parser(argv).parse_args(argv).command


def test_a_line_fits_the_page() -> None:
    for snippet in SNIPPETS:
        longest = max(snippet.code.splitlines(), key=len)
        assert len(longest) <= (110 if snippet.language == "text" else 95), longest


def test_p0f_is_started_with_the_packages_signatures_and_the_manuals_socket() -> None:
    code = "\n".join(snippet.code for snippet in SNIPPETS)
    lines = re.findall(r"^(?:.*\s)?p0f -i.*$", code, re.M)
    assert len(lines) > 2
    for line in lines:
        assert '-f "$(p0f-middleware signatures)"' in line
        assert "-s /run/p0f/p0f.sock" in line


@pytest.mark.parametrize(
    "snippet", [s for s in SNIPPETS if s.language == "yaml"], ids=lambda snippet: snippet.heading
)
def test_yaml_is_what_it_says(snippet: Snippet) -> None:
    document = pytest.importorskip("yaml").safe_load(snippet.code)
    if "services" in document:
        for service in document["services"].values():
            assert "image" in service or service["build"] == "."
    else:
        (container,) = document["spec"]["template"]["spec"]["containers"]
        program, *arguments = container["command"]
        assert program == "p0f-middleware"
        assert make_parser(arguments).parse_args(arguments).command == "edge"


def test_the_compose_files_parts_name_each_other() -> None:
    yaml = pytest.importorskip("yaml")
    blocks = {s.language: s.code for s in SNIPPETS if s.heading.startswith("A compose file")}
    services = yaml.safe_load(blocks["yaml"])["services"]
    proxy = services["proxy"]["networks"]["default"]["ipv4_address"]
    assert f'trusted_proxies=["{proxy}"]' in blocks["python"]
    assert services["edge"]["network_mode"] == "service:proxy"
    assert services["edge"]["cap_add"] == ["NET_RAW"]
    command = re.search(r"^CMD (.*)$", blocks["dockerfile"], re.M)
    assert command
    assert json.loads(command[1])[-1] == "app:app"
    assert "proxy_pass http://app:8000;" in blocks["nginx"]
