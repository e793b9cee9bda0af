"""What README and the manual name is there, and the reference has all of it."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import p0f_middleware
from p0f_middleware import (
    BadSoftware,
    ClaimVerdict,
    MatchQuality,
    P0fInfo,
    P0fStatus,
    P0fWSGIMiddleware,
)
from p0f_middleware.__main__ import COMMANDS

from .pages import PAGES, README, ROOT, SNIPPETS, text_of

REFERENCE, API = text_of("reference.md"), text_of("api.md")


def rows_under(heading: str, columns: str = r"`(\w+)` \|") -> list[Any]:
    """What stands in the first columns of a table of the reference."""
    section = REFERENCE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^\| {columns}", section, re.M)


VAGUE = re.compile(r"\b(accus\w+|held|told|mix(?:es|ed)? up|whose word)\b", re.I)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists_and_its_words_are_plain(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"/run/[\w./-]*\.sock", text)) <= {"/run/p0f/p0f.sock"}
    for name in re.findall(r"(?:tests|examples)/[\w/]+\.\w+", text):
        assert (ROOT / name).is_file(), name
    for module in re.findall(r"python -m\s+(tests[\w.]*\w)", text):
        assert importlib.util.find_spec(module), module
    for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", text):
        assert (page.parent / link).exists(), link
    if page.stem not in ("maintaining", "contributing"):  # which are not for users
        assert VAGUE.findall(re.sub(r"```[\s\S]*?```|`[^`]*`", "", text)) == []


def test_readme_says_what_its_programs_answer() -> None:
    """tests/real/test_examples.py runs the programs, and compares with the same answer."""
    text = README.read_text(encoding="utf-8")
    assert text.count('answers\n`{"system":"Linux","why not":null}`') == 2


def test_djangos_settings_keep_the_middleware_that_is_there() -> None:
    settings = [snippet.code for snippet in SNIPPETS if "MIDDLEWARE = [" in snippet.code]
    assert len(settings) > 3
    for code in settings:
        assert "*MIDDLEWARE]" in code or "*MIDDLEWARE,\n]" in code or "# ..." in code


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("program", ["p0f-middleware demo", "python -m pytest"])
def test_readme_has_each_of_its_two_commands_on_one_line(program: str) -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv ")]
    assert len([line for line in commands if line.endswith(program)]) == 1


def test_the_reference_has_every_public_name() -> None:
    assert set(re.findall(r":: p0f_middleware\.(\w+)$", API, re.M)) >= set(p0f_middleware.__all__)


def test_the_reference_has_every_field_status_and_command_in_order() -> None:
    assert rows_under("Fields of P0fInfo") == list(P0fInfo())
    assert rows_under("Statuses") == [str(status) for status in P0fStatus]
    assert re.findall(r"^\| `p0f-middleware (\w+)", text_of("commands.md"), re.M) == [*COMMANDS]


def test_the_reference_has_every_option_with_its_default() -> None:
    rows = rows_under("Options of the middleware", r"`(\w+)` \|(?: `?([^|]*?)`?)? \|")
    assert dict(rows) == {
        name: "" if parameter.default is parameter.empty else _shown(parameter.default)
        for name, parameter in inspect.signature(P0fWSGIMiddleware).parameters.items()
    }


def _shown(default: object) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)


@pytest.mark.parametrize("enumeration", [MatchQuality, BadSoftware, ClaimVerdict])
def test_the_reference_has_every_constant_with_its_value(enumeration: type[Enum]) -> None:
    rows = re.findall(rf"^\| `{enumeration.__name__}\.(\w+)` \| `?([^|`]*)`? \|", REFERENCE, re.M)
    members = enumeration.__members__.items()
    assert rows == [(name, _shown(member.value)) for name, member in members]


STRINGS = "\n".join(
    node.value
    for path in Path(p0f_middleware.__file__).parent.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
)
"""The texts in the package's code."""
ROWS = re.findall(r"^\| ([^|]*) \|", text_of("no-fingerprint.md").partition("## Messages")[2], re.M)
LINES = [row for row in ROWS if row not in ("line or reason", "---")]


def test_a_line_in_the_manual_is_one_that_the_package_writes() -> None:
    assert len(LINES) > 10
    pieces = {piece.strip() for line in LINES for piece in re.split(r"[\s:,;]*…[\s:,;]*", line)}
    assert {piece for piece in pieces if piece not in STRINGS} == set()
