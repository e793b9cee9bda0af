"""The house: which part may import which, and how long modules and functions may be.

    adapters -> _request -> sources -> ground        commands: imported by __main__ alone

An import inside a function counts as one at the top; one for type checkers alone does not.
"""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import p0f_middleware

PACKAGE = Path(p0f_middleware.__file__).parent
MOST_LINES_OF_A_FUNCTION = 45
MOST_LINES_OF_NINE_FUNCTIONS_IN_TEN = 25


class Module(NamedTuple):
    """A module by its dotted name inside the package; the package itself is ''."""

    name: str

    @property
    def part(self) -> str:
        return self.name.partition(".")[0]

    @property
    def path(self) -> Path:
        path = PACKAGE.joinpath(*self.name.split(".")) if self.name else PACKAGE
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _module(path: Path) -> Module:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return Module(".".join(part for part in parts if part != "__init__"))


MODULES = sorted(map(_module, PACKAGE.rglob("*.py")))
SOURCES = {"_daemon", "syn", "shared"}
ADAPTERS = {"wsgi", "asgi", "django", "apps"}
COMMANDS = {"_commands"}
HALL = {"", "__main__", "testing", "_pytest"}
"""Above everything but the commands, which __main__ alone imports."""
GROUND = [
    module
    for module in MODULES
    if module.part not in SOURCES | ADAPTERS | COMMANDS | HALL | {"_request"}
]
"""Single modules that all may import, and which import one another alone."""


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement of a module that runs, also inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from (found for other in child.orelse for found in _statements_of(other))
            continue
        yield from _statements_of(child)


def _statements_of(node: ast.AST) -> Iterator[ast.stmt]:
    if isinstance(node, ast.stmt):
        yield node
    yield from _statements(node)


def imported_by(module: Module) -> set[Module]:
    """The modules of this package that a module imports, at the top or in a function."""
    found: set[Module] = set()
    for node in _statements(ast.parse(module.path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.update(_imported_from(module, node))
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            ours = [name for name in names if name.partition(".")[0] == PACKAGE.name]
            found.update(Module(name.partition(".")[2]) for name in ours)
    return found - {module}


def _imported_from(module: Module, node: ast.ImportFrom) -> Iterator[Module]:
    if node.level:
        is_package = module.path.name == "__init__.py"
        here = [part for part in module.name.split(".") if part]
        base = here[: len(here) - node.level + is_package]
    elif (node.module or "").partition(".")[0] == PACKAGE.name:
        base = []
    else:
        return
    text = node.module or ""
    parts = [*base, *(text.split(".") if text else [])]
    if not node.level:
        parts = parts[1:]
    for alias in node.names:
        inner = Module(".".join([*parts, alias.name]))
        yield inner if inner in MODULES else Module(".".join(parts))


IMPORTS = {module: imported_by(module) for module in MODULES}


def _layer(module: Module) -> str:
    part = module.part
    if part in SOURCES:
        return "sources"
    if part in ADAPTERS:
        return "adapters"
    if part in COMMANDS:
        return "commands"
    if part == "_request":
        return "_request"
    return "hall" if part in HALL else "ground"


MAY_IMPORT = {
    "ground": {"ground"},
    "sources": {"ground", "sources"},
    "_request": {"ground", "sources", "_request"},
    "adapters": {"ground", "sources", "_request", "adapters"},
    "hall": {"ground", "sources", "_request", "adapters", "hall"},
    "commands": {"ground", "sources", "_request", "adapters", "hall", "commands"},
}


def test_every_import_of_this_package_was_understood() -> None:
    unknown = {(m.name, i.name) for m in MODULES for i in IMPORTS[m] if i not in MODULES}

    assert not unknown


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "(root)")
def test_imports_run_one_way(module: Module) -> None:
    allowed = MAY_IMPORT[_layer(module)] | ({"commands"} if module.name == "__main__" else set())
    wrong = {other.name for other in IMPORTS[module] if _layer(other) not in allowed}

    assert not wrong


@pytest.mark.parametrize("module", [m for m in MODULES if m.part in SOURCES], ids=lambda m: m.name)
def test_sources_never_import_one_another(module: Module) -> None:
    others = {other.name for other in IMPORTS[module] if other.part in SOURCES - {module.part}}

    assert not others


@pytest.mark.parametrize("module", [m for m in MODULES if m.name], ids=lambda m: m.name)
def test_nothing_imports_the_root(module: Module) -> None:
    # commands show what users import, and the version
    assert Module("") not in IMPORTS[module] or _layer(module) in {"commands", "hall"}


def test_there_is_no_import_circle() -> None:
    done: set[Module] = set()

    def visit(module: Module, above: list[Module]) -> None:
        circle = [m.name for m in above[above.index(module) :]] if module in above else None
        assert circle is None, f"circle: {' -> '.join(circle or [])} -> {module.name}"
        if module not in done:
            for other in IMPORTS[module] - {Module("")}:
                visit(other, [*above, module])
            done.add(module)

    for module in MODULES:
        visit(module, [])


# Lengths


def _functions() -> Iterator[tuple[str, int]]:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{module.name}.{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_function_is_too_long() -> None:
    too_long = {name: n for name, n in _functions() if n > MOST_LINES_OF_A_FUNCTION}

    assert not too_long


def test_nine_functions_in_ten_are_short() -> None:
    lengths = [n for _, n in _functions()]

    assert statistics.quantiles(lengths, n=10)[-1] < MOST_LINES_OF_NINE_FUNCTIONS_IN_TEN


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "(root)")
def test_a_module_opens_with_what_it_is_for(module: Module) -> None:
    assert ast.get_docstring(ast.parse(module.path.read_text()))
