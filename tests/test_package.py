"""The package: its public names, and what importing it costs and drags in."""

from __future__ import annotations

import ast
import json
import pickle
import re
import runpy
import subprocess
import sys
import typing
from importlib.metadata import metadata, version
from pathlib import Path
from types import ModuleType

import pytest

import p0f_middleware

from .test_architecture import GROUND

PACKAGE = Path(p0f_middleware.__file__).parent
NOT_CORE = {"django", "apps", "testing", "_pytest", "__main__"}
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE = [path for path in MODULES if path.stem not in NOT_CORE]


def imported_by(statements: str) -> set[str]:
    """The modules that an interpreter has after these statements, beyond those it starts with."""
    script = f"import sys; old = set(sys.modules); {statements}; print(*set(sys.modules) - old)"
    output = subprocess.check_output([sys.executable, "-I", "-c", script], text=True)
    return set(output.split())


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports from elsewhere."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.add(node.module)
    return {module.partition(".")[0] for module in modules} - {"__future__", "_typeshed"}


def test_public_names_are_there_documented_sorted_and_all_that_a_star_and_dir_have() -> None:
    names: dict[str, object] = {}
    exec("from p0f_middleware import *", names)
    values = {name: names[name] for name in p0f_middleware.__all__}

    assert p0f_middleware.__all__ == sorted(values) == dir(p0f_middleware)
    assert [getattr(value, "__name__", None) for value in values.values()] == list(values)
    assert all(value.__doc__ for value in values.values())
    with pytest.raises(AttributeError, match="has no attribute 'P0g'"):
        p0f_middleware.P0g  # noqa: B018


ROOT = PACKAGE.parent


def test_version_classifier_and_changelog_agree_on_what_is_released() -> None:
    status = next(
        c for c in metadata("p0f-middleware").get_all("Classifier") or () if "Status" in c
    )
    newest = re.search(r"^## (\S+) \((.*)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    released = newest[2] != "not released yet"
    assert p0f_middleware.__version__ == version("p0f-middleware")
    assert p0f_middleware.__version__ == newest[1] + ("" if released else ".dev0")
    assert ("Production/Stable" in status) <= released


def test_readmes_links_get_the_repositorys_address(monkeypatch: pytest.MonkeyPatch) -> None:
    interface = ModuleType("hatchling.metadata.plugin.interface")
    interface.MetadataHookInterface = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    build = runpy.run_path(str(ROOT / "hatch_build.py"))
    text = "[a](docs/a.md#b) ![b](docs/b.svg) [c](https://c.example/) [d](#d)"
    assert build["absolute"](text, "") == text
    assert build["absolute"](text, "https://h/o/n") == (
        "[a](https://h/o/n/blob/main/docs/a.md#b) ![b](https://h/o/n/raw/main/docs/b.svg)"
        " [c](https://c.example/) [d](#d)"
    )


def test_the_workflow_runs_what_ci_runs_and_each_python_of_the_classifiers() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    readme = (ROOT / "README.md").read_text()
    classifiers = metadata("p0f-middleware").get_all("Classifier") or []
    pythons = [match[1] for c in classifiers if (match := re.search(r":: (3\.\d+)$", c))]
    assert "- run: .ci/run\n" in workflow
    assert re.search(r"^python3 -m venv .*pytest$", readme, re.M)[0] in workflow  # type: ignore[index]
    assert f"python: {json.dumps(pythons)}" in workflow


def test_the_core_needs_the_standard_library_and_asgiref_alone() -> None:
    # trio is imported where it runs already, and by nobody else; redis-py is an extra
    for path in CORE:
        shares = path.parent.name in ("shared", "edge") or path.name == "_store.py"
        extras = {"redis"} if shares else set()
        assert imports_of(path) - sys.stdlib_module_names <= {"asgiref", "trio"} | extras, path


@pytest.mark.parametrize(
    "name",
    [
        *("_address", "_errors", "_info", "_outcome", "_user_agent", "claim"),
        *("_daemon/protocol", "_request/proxies"),
        *("fingerprint/matcher", "fingerprint/packet", "fingerprint/raw_sig"),
    ],
)
def test_what_does_no_io_imports_nothing_to_do_it_with(name: str) -> None:
    assert not imports_of(PACKAGE / f"{name}.py") & {
        *("asyncio", "ctypes", "logging", "os", "select", "selectors"),
        *("socket", "threading", "time"),
    }


HEAVY = {
    *("asgiref", "asyncio", "concurrent.futures", "ctypes", "dataclasses", "django", "email"),
    *("argparse", "http", "inspect", "json", "logging", "redis", "ssl", "subprocess", "tempfile"),
    *("trio", "typing_extensions", "unittest", "urllib"),
}
OURS = {*GROUND, "_daemon", "_request", "claim", "syn", "wsgi"}


def test_importing_the_package_brings_the_daemons_client_and_nothing_that_takes_long() -> None:
    modules = imported_by("import p0f_middleware")

    assert not modules & HEAVY
    assert not modules & {"p0f_middleware._daemon.aio", "p0f_middleware.asgi"}
    ours = {name.split(".")[1] for name in modules if name.startswith("p0f_middleware.")}
    assert ours <= OURS


# Public classes are the root package's, wherever they live


@pytest.mark.parametrize("name", [name for name in p0f_middleware.__all__ if name[0].isupper()])
def test_a_public_class_names_the_root_package_and_its_types_can_be_read(name: str) -> None:
    kind = getattr(p0f_middleware, name)

    assert kind.__module__ == "p0f_middleware"
    # FastAPI reads them, for a route that returns one
    assert typing.get_type_hints(kind).keys() >= vars(kind).get("__annotations__", {}).keys()


@pytest.mark.parametrize(
    "value",
    [
        p0f_middleware.P0fInfo(os_name="Linux"),
        p0f_middleware.P0fStatus.OK,
        p0f_middleware.MatchQuality.FUZZY,
        p0f_middleware.BadSoftware.MISMATCH,
        p0f_middleware.ClaimVerdict.AGREE,
        p0f_middleware.check_claim(None, None),
        p0f_middleware.P0fNoMatch("nothing"),
        p0f_middleware.P0fTimeout("too slow"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_pickle_names_the_root_package(value: object) -> None:
    data = pickle.dumps(value)

    assert b"p0f_middleware._" not in data
    assert b"p0f_middleware.claim" not in data
    copy = pickle.loads(data)
    assert type(copy) is type(value)
    assert repr(copy) == repr(value)
