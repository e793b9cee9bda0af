"""The house: which part may import which, how large it may grow, and what may not come back.

    adapters -> _request -> sources -> fingerprint -> ground    commands: for __main__ alone

An import inside a function counts as one at the top; one for type checkers alone does not.
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import p0f_middleware

PACKAGE = Path(p0f_middleware.__file__).parent
TESTS = Path(__file__).parent
MOST_LINES, MOST_LINES_OF_TESTS, MOST_MODULES = 9600, 25_500, 72
LEAST_LINES_OF_A_MODULE = 20  # less is no concept of its own; an __init__ may be empty
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
PARTS = {
    "adapters": {"wsgi", "asgi", "django", "apps"},
    "_request": {"_request"},
    "sources": {"_daemon", "syn", "shared"},
    "fingerprint": {"fingerprint"},
    "commands": {"_commands"},
    "hall": {"", "__main__", "testing", "_pytest"},
}
"""Whatever stands in none of them is the ground: single modules that all may import."""
MAY_IMPORT = {
    "ground": {"ground"},
    "fingerprint": {"ground", "fingerprint"},
    "sources": {"ground", "fingerprint", "sources"},
    "_request": {"ground", "fingerprint", "sources", "_request"},
    "adapters": {"ground", "fingerprint", "sources", "_request", "adapters"},
    "hall": {"ground", "fingerprint", "sources", "_request", "adapters", "hall"},
    "commands": {"ground", "fingerprint", "sources", "_request", "adapters", "hall", "commands"},
}


def _layer(module: Module) -> str:
    return next((name for name, parts in PARTS.items() if module.part in parts), "ground")


GROUND = [module for module in MODULES if _layer(module) == "ground"]
named = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "(root)")


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


def test_every_import_of_this_package_was_understood() -> None:
    unknown = {(m.name, i.name) for m in MODULES for i in IMPORTS[m] if i not in MODULES}

    assert not unknown


@named
def test_imports_run_one_way(module: Module) -> None:
    allowed = MAY_IMPORT[_layer(module)] | ({"commands"} if module.name == "__main__" else set())
    wrong = {other.name for other in IMPORTS[module] if _layer(other) not in allowed}

    assert not wrong


def test_sources_never_import_one_another() -> None:
    across = {
        (module.name, other.name)
        for module in MODULES
        for other in IMPORTS[module]
        if _layer(module) == _layer(other) == "sources" and module.part != other.part
    }

    assert not across


@named
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


# Sizes


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_package_is_no_larger_than_its_promises_need() -> None:
    assert sum(_lines(module.path) for module in MODULES) <= MOST_LINES
    assert len(MODULES) <= MOST_MODULES
    assert sum(map(_lines, TESTS.rglob("*.py"))) <= MOST_LINES_OF_TESTS


@named
def test_a_module_is_a_concept_and_says_which(module: Module) -> None:
    assert module.path.name == "__init__.py" or _lines(module.path) >= LEAST_LINES_OF_A_MODULE
    assert ast.get_docstring(ast.parse(module.path.read_text()))


def test_functions_fit_a_screen() -> None:
    lengths = {
        f"{module.name}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in MODULES
        for node in ast.walk(ast.parse(module.path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }

    assert not {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION}
    assert statistics.quantiles(lengths.values(), n=10)[-1] < MOST_LINES_OF_NINE_FUNCTIONS_IN_TEN


# Conditions that are dealt with in few places: CONTRIBUTING.md has the decisions


def _code(module: Module) -> str:
    """The module without its comments and docstrings."""
    tree = ast.parse(module.path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                statement
                for statement in body
                if not isinstance(statement, ast.Expr)
                or not isinstance(statement.value, ast.Constant)
            ] or [ast.Pass()]
    return ast.unparse(tree)


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (r"\b(register_at_fork|getpid|fork)\b", 3),
        (r"\b(gevent|eventlet)\b", 3),
        (r"\bOrderedDict\b", 0),  # its steps are atomic only where Python has its lock
    ],
)
def test_a_condition_is_dealt_with_in_few_modules(words: str, most: int) -> None:
    modules = [module.name for module in MODULES if re.search(words, _code(module))]

    assert len(modules) <= most, modules
