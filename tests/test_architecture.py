"""The house: which part may import which, how large it may grow, and what may not come back.

    adapters -> _request -> sources -> fingerprint -> ground    commands: for __main__ alone

An import inside a function counts as one at the top; one for type checkers alone does not.
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import p0f_middleware

PACKAGE = Path(p0f_middleware.__file__).parent
TESTS = Path(__file__).parent
MOST_LINES, MOST_LINES_OF_TESTS, MOST_MODULES = 8_500, 20_000, 70
LEAST_LINES_OF_A_MODULE = 20  # less is no concept of its own; an __init__ may be empty
MOST_LINES_OF_A_FUNCTION = 45
MOST_LINES_OF_NINE_FUNCTIONS_IN_TEN = 25


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
"""By their names inside the package; the package itself is ''."""
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
LAYERS = {
    "ground": set(),
    "fingerprint": {"fingerprint"},
    "sources": {"_daemon", "syn", "shared", "edge"},
    "_request": {"_request"},
    "adapters": {"wsgi", "asgi", "django", "apps"},
    "hall": {"", "__main__", "testing", "_pytest"},
    "commands": {"_commands"},
}
"""Each may import itself and those before it. What stands in none is the ground: single modules."""
DOORS = {("edge", "shared.keys")}
"""What a source may import of another: the edge writes what the shared sources read."""


def _part(name: str) -> str:
    return name.partition(".")[0]


def _layer(name: str) -> str:
    return next((layer for layer, parts in LAYERS.items() if _part(name) in parts), "ground")


GROUND = [name for name in MODULES if _layer(name) == "ground"]
named = pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "(root)")


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a node, also inside functions, but for what is for type checkers alone."""
    yield node
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def imported_by(name: str) -> set[str]:
    """The modules of this package that a module imports, at the top or in a function."""
    package = f"{PACKAGE.name}.{name}".rstrip(".")
    if MODULES[name].name != "__init__.py":
        package = package.rpartition(".")[0]
    found: set[str] = set()
    for node in _running(TREES[name]):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            inner = base.partition(".")[2]
            for alias in node.names:
                module = f"{inner}.{alias.name}".lstrip(".")
                found.add(
                    f"{PACKAGE.name}.{module}"
                    if _part(base) == PACKAGE.name and module in MODULES
                    else base
                )
    ours = {module.partition(".")[2] for module in found if _part(module) == PACKAGE.name}
    assert ours <= MODULES.keys()
    return ours - {name}


IMPORTS = {name: imported_by(name) for name in MODULES}


@named
def test_imports_run_one_way(name: str) -> None:
    layers = [*LAYERS]
    allowed = layers if name == "__main__" else layers[: layers.index(_layer(name)) + 1]
    for other in IMPORTS[name]:
        assert _layer(other) in allowed, other
        if _layer(name) == _layer(other) == "sources":
            assert _part(name) == _part(other) or (_part(name), other) in DOORS, other
        # Commands show what users import, and the version.
        assert other or _layer(name) in ("commands", "hall"), "the root"


def test_there_is_no_import_circle() -> None:
    TopologicalSorter({name: others - {""} for name, others in IMPORTS.items()}).prepare()


# Sizes


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_package_is_no_larger_than_its_promises_need() -> None:
    assert sum(map(_lines, MODULES.values())) <= MOST_LINES
    assert len(MODULES) <= MOST_MODULES
    assert sum(map(_lines, TESTS.rglob("*.py"))) <= MOST_LINES_OF_TESTS


@named
def test_a_module_is_a_concept_and_says_which(name: str) -> None:
    path = MODULES[name]
    assert path.name == "__init__.py" or _lines(path) >= LEAST_LINES_OF_A_MODULE
    assert ast.get_docstring(TREES[name])


def test_functions_fit_a_screen() -> None:
    lengths = {
        f"{name}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }

    assert not {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION}
    assert statistics.quantiles(lengths.values(), n=10)[-1] < MOST_LINES_OF_NINE_FUNCTIONS_IN_TEN


# Conditions that are dealt with in few places: CONTRIBUTING.md has the decisions


def _words(tree: ast.Module) -> str:
    """The names and strings of a module, without its docstrings."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    nodes = (node for node in ast.walk(tree) if id(node) not in prose)
    return " ".join(str(word) for node in nodes for word in vars(node).values())


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (r"\b(register_at_fork|getpid|fork)\b", 3),
        (r"\b(gevent|eventlet)\b", 3),
        (r"\bOrderedDict\b", 0),  # its steps are atomic only where Python has its lock
    ],
)
def test_a_condition_is_dealt_with_in_few_modules(words: str, most: int) -> None:
    modules = [name for name, tree in TREES.items() if re.search(words, _words(tree))]

    assert len(modules) <= most, modules
