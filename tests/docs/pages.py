"""README and the pages of the manual, and the blocks of code on them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MANUAL = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *MANUAL]


class Snippet(NamedTuple):
    """A block of code on a page: its language, and the heading it stands under."""

    page: str
    heading: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}: {self.heading}"


def snippets_of(page: Path) -> Iterable[Snippet]:
    """The fenced blocks of a page, in its order."""
    heading = ""
    blocks = r"^#+ (?P<heading>.*)|^```(?P<language>[^\s`{]+)\n(?P<code>[\s\S]*?)^```"
    for match in re.finditer(blocks, page.read_text(encoding="utf-8"), re.M):
        if match["heading"]:
            heading = match["heading"]
        else:
            yield Snippet(page.name, heading, match["language"], match["code"])


SNIPPETS = [snippet for page in PAGES for snippet in snippets_of(page)]


def code_on(page: str, heading: str, language: str = "python") -> list[str]:
    """The blocks in a language under a heading of a page, in its order."""
    found = [
        snippet.code
        for snippet in SNIPPETS
        if (snippet.page, snippet.heading, snippet.language) == (page, heading, language)
    ]
    assert found, f"{page} has no {language} under {heading!r}"
    return found


SOURCES = re.compile(
    r"""\b(?:Async)?(?:Shared)?Syn\((?:header=)?(?:"[^"]*")?(?:, \w+="[^"]*")*\)"""  # Syn(), SharedSyn("redis://...")
    r"""|(?<=: ")syn(?=")|(?<=")(?:redis|rediss)://[^"]+(?=")"""
    r"""|(?<=")/run/p0f/p0f\.sock(?=")"""
)
"""The sources that programs on the pages name."""


def with_source(code: str, text: str) -> str:
    """The program with another source in place of the ones it names."""

    def other(match: re.Match[str]) -> str:
        return repr(text) if match[0].endswith(")") else text

    return SOURCES.sub(other, code)


def answer(
    app: Any,
    peer: str,
    headers: Mapping[str, str],
    path: str = "/",
    data: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Status and text of an application's answer to a request from `peer`; with `data`, to a POST
    (of WSGI)."""
    if inspect.iscoroutinefunction(type(app).__call__):
        testclient = pytest.importorskip("starlette.testclient")
        client = testclient.TestClient(app, client=(peer, 40000), raise_server_exceptions=False)
        response = client.get(path, headers=headers)
    else:
        environ = {"REMOTE_ADDR": peer}
        client = pytest.importorskip("werkzeug.test").Client(app)
        method = "POST" if data else "GET"
        response = client.open(
            path, method=method, data=data, headers=headers, environ_base=environ
        )
    return response.status_code, response.text


def nginx_conf(folder: Path, http: str) -> str:
    """A whole configuration of nginx, which writes to a folder only."""
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    start = f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
    return f"{start}http {{\naccess_log off;\n{temporary}{http}}}\n"


def text_of(name: str) -> str:
    """A page of the manual."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")
