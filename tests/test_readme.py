"""Every framework's snippet in README runs as it stands there, and shows the fingerprint."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer
from django.test import override_settings

from p0f_middleware import P0fInfo
from p0f_middleware.testing import FakeP0f

from . import test_django

README = (Path(__file__).parent.parent / "README.md").read_text()
FRAMEWORKS = re.search(r"^## Frameworks\n(.*?)(?=^## |\Z)", README, re.S | re.M)
assert FRAMEWORKS is not None
SNIPPETS = [
    (section.partition("\n")[0], code)
    for section in re.split(r"^### ", FRAMEWORKS[1], flags=re.M)[1:]
    for code in re.findall(r"^```python\n(.*?)^```", section, re.S | re.M)
]
CLIENT = "127.0.0.1"

Namespace = dict[str, Any]


def get_by_wsgi(snippet: Namespace) -> str:
    environ: dict[str, Any] = {"REMOTE_ADDR": CLIENT}
    setup_testing_defaults(environ)
    return b"".join(snippet["app"](environ, lambda status, headers, *_: None)).decode()


def get_by_asgi(snippet: Namespace) -> str:
    async def get() -> str:
        transport = httpx.ASGITransport(snippet["app"], client=(CLIENT, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
            response = await browser.get("/")
            return response.text

    return asyncio.run(get())


def get_by_aiohttp(snippet: Namespace) -> str:
    async def get() -> str:
        async with TestClient(TestServer(snippet["app"])) as browser:
            response = await browser.get("/")
            text: str = await response.text()
            return text

    return asyncio.run(get())


def get_by_django(snippet: Namespace) -> str:
    with override_settings(**{name: v for name, v in snippet.items() if name.isupper()}):
        body: bytes = test_django.get_by_wsgi("sync", CLIENT)
    return body.decode()


DRIVERS: dict[str, Callable[[Namespace], str]] = {
    "Django": get_by_django,
    "Flask": get_by_wsgi,
    "Pyramid": get_by_wsgi,
    "Starlette": get_by_asgi,
    "FastAPI": get_by_asgi,
    "Quart": get_by_asgi,
    "Litestar": get_by_asgi,
    "Falcon WSGI": get_by_wsgi,
    "Falcon ASGI": get_by_asgi,
    "Bottle": get_by_wsgi,
    "aiohttp": get_by_aiohttp,
}


def name_of(framework: str, code: str) -> str:
    """What DRIVERS calls it."""
    if framework != "Falcon":
        return framework
    return "Falcon ASGI" if "falcon.asgi" in code else "Falcon WSGI"


PROGRAMS = {name_of(framework, code): code for framework, code in SNIPPETS}


def test_every_snippet_is_run() -> None:
    assert PROGRAMS.keys() == DRIVERS.keys()
    assert len(PROGRAMS) == len(SNIPPETS)


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")  # Pyramid's WebOb
@pytest.mark.filterwarnings(
    "ignore::UserWarning:pyramid", "ignore::DeprecationWarning:pkg_resources"
)
@pytest.mark.parametrize("framework", DRIVERS)
def test_the_fingerprint_arrives(framework: str, fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[CLIENT] = P0fInfo(os_name="Linux")
    code = PROGRAMS[framework].replace("/run/p0f.sock", fake_p0f.socket_path)
    snippet: Namespace = {"__name__": "__main__"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), snippet)
    assert "Linux" in DRIVERS[framework](snippet)
    assert fake_p0f.queries == [CLIENT]
