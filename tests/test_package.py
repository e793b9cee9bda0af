"""The package: its public names, and what importing it costs and drags in."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import p0f_middleware

PACKAGE = Path(p0f_middleware.__file__).parent
NOT_CORE = {"django", "apps", "testing", "_pytest", "__main__"}
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE = [path for path in MODULES if path.stem not in NOT_CORE]


def imported_by(statements: str) -> set[str]:
    """The modules that an interpreter has after these statements, beyond those it starts with."""
    script = f"import sys; old = set(sys.modules); {statements}; import json; " + (
        "print(json.dumps(sorted(set(sys.modules) - old - {'json'})))"
    )
    output = subprocess.check_output([sys.executable, "-I", "-c", script], text=True)
    return set(json.loads(output))


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports from elsewhere."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.add(node.module)
    return {module.partition(".")[0] for module in modules} - {"__future__", "_typeshed"}


@pytest.mark.parametrize("name", p0f_middleware.__all__)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(p0f_middleware, name).__name__ == name


@pytest.mark.parametrize("name", p0f_middleware.__all__)
def test_a_public_name_says_what_it_is(name: str) -> None:
    assert getattr(p0f_middleware, name).__doc__


def test_public_names_are_sorted_and_named_once() -> None:
    assert p0f_middleware.__all__ == sorted(set(p0f_middleware.__all__))


def test_every_public_exception_is_a_public_name() -> None:
    errors = importlib.import_module("p0f_middleware._errors")

    assert set(errors.__all__) <= set(p0f_middleware.__all__)


def test_everything_can_be_imported_with_a_star() -> None:
    names: dict[str, object] = {}
    exec("from p0f_middleware import *", names)

    assert set(p0f_middleware.__all__) <= names.keys()


def test_dir_lists_what_is_public() -> None:
    assert dir(p0f_middleware) == p0f_middleware.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'P0g'"):
        p0f_middleware.P0g  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    assert p0f_middleware.__version__ == version("p0f-middleware")


def test_it_tells_type_checkers_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_importing_the_package_brings_nothing_that_takes_long() -> None:
    modules = imported_by("import p0f_middleware")

    assert not modules & {
        "asyncio",
        "asgiref",
        "django",
        "argparse",
        "p0f_middleware._daemon.aio",
        "p0f_middleware.asgi",
        "p0f_middleware.django",
        "p0f_middleware.testing",
        "p0f_middleware.__main__",
    }


@pytest.mark.parametrize("name", ["AsyncP0f", "P0fASGIMiddleware"])
def test_what_needs_asyncio_brings_it_when_asked_for(name: str) -> None:
    assert "asyncio" in imported_by(f"from p0f_middleware import {name}")


@pytest.mark.parametrize("path", CORE, ids=str)
def test_the_core_needs_the_standard_library_and_asgiref_alone(path: Path) -> None:
    # trio is imported where it runs already, and by nobody else; redis-py is an extra of one folder
    extras = {"redis"} if path == PACKAGE / "shared" / "store.py" else set()
    assert imports_of(path) - sys.stdlib_module_names <= {"asgiref", "trio"} | extras


@pytest.mark.parametrize(
    "name",
    [
        "_daemon/protocol",
        "_address",
        "_info",
        "_errors",
        "_outage",
        "_outcome",
        "_visitor",
        "shared/bpf",
        "shared/resp",
        "_request/grace",
        "_request/proxies",
    ],
)
def test_what_does_no_io_imports_nothing_to_do_it_with(name: str) -> None:
    assert not imports_of(PACKAGE / f"{name}.py") & {
        "asyncio",
        "logging",
        "os",
        "select",
        "selectors",
        "socket",
        "threading",
        "time",
    }


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_opens_with_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
