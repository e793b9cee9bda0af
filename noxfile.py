"""What people and CI both run: `nox` for all checks, `nox -s NAME` for one, `nox -l` for a list.

    .venv/bin/pip install -e '.[tests]' --group dev     # in a .venv with pip 25.1 or newer
    .venv/bin/nox -s tests -- tests/fingerprint -k matcher      # what follows -- goes to pytest

The sessions use the environment that nox itself is installed in, so nothing is installed twice.
Only `pythons` makes environments, one for each Python that it finds on this machine.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "docs", "tests"]
nox.options.default_venv_backend = "none"

PYTHON = sys.executable
OLDEST = (3, 10)
SYSTEMS = ("bookworm", "trixie")
PYRIGHT = (PYTHON, "-m", "pyright", "--pythonpath", PYTHON)
WITHOUT_TYPES = {"p0f_middleware.apps.P0fConfig"}  # its base class is Django's, which has no types


@nox.session
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.run(PYTHON, "-m", "ruff", "check")
    session.run(PYTHON, "-m", "ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """The code under mypy, typical user code under pyright too, and no public type unknown."""
    session.run(PYTHON, "-m", "mypy")
    session.run(*PYRIGHT, "tests/typed")
    unknown = find_unknown_types(session)
    if unknown:
        session.error(f"public names without a type that is known:\n{chr(10).join(unknown)}")


@nox.session
def docs(session: nox.Session) -> None:
    """The manual, as HTML in docs/_build; a warning is an error."""
    session.run(PYTHON, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", "docs/_build")


@nox.session
def tests(session: nox.Session) -> None:
    """The tests, or those that are named; all of them have to reach the coverage floor."""
    session.run(PYTHON, "-m", "coverage", "erase")
    session.run(PYTHON, "-m", "coverage", "run", "-m", "pytest", *session.posargs)
    if not session.posargs:
        coverage(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """What the last run of the tests covered; below the floor of pyproject.toml it fails."""
    session.run(PYTHON, "-m", "coverage", "combine", "-q")
    session.run(PYTHON, "-m", "coverage", "report")


@nox.session
def pythons(session: nox.Session) -> None:
    """The tests with each Python on this machine, in environments of their own."""
    found = find_pythons()
    session.log(f"found Python {', '.join('.'.join(map(str, version)) for version in found)}")
    for version, interpreter in found.items():
        folder = Path(".nox", "python" + ".".join(map(str, version)))
        if not (folder / "bin" / "python").exists():
            session.run(interpreter, "-m", "venv", str(folder))
        python = str(folder / "bin" / "python")
        session.run(python, "-m", "pip", "install", "-q", ".[tests]")
        session.run(python, "-m", "pytest", *session.posargs)


@nox.session
def systems(session: nox.Session) -> None:
    """README's two commands on a bare Debian, in folders made by debootstrap (as root)."""
    session.run(PYTHON, "-m", "tests.bare_debian", *(session.posargs or SYSTEMS))


@nox.session
def free_threaded(session: nox.Session) -> None:
    """The fast tests on a Python without the interpreter lock, built where it is missing."""
    session.run(PYTHON, "-m", "tests.free_threaded")
    printed = session.run(PYTHON, "-m", "tests.free_threaded", silent=True)
    interpreter = str(printed).strip()
    folder = Path(".nox", "free_threaded")
    session.run(interpreter, "-m", "venv", "--clear", str(folder))
    python = str(folder / "bin" / "python")
    session.run(python, "-m", "pip", "install", "-q", "--prefer-binary", ".[fast]")
    env = {"PYTHON_GIL": "0"}  # also where an extension asks for the lock
    session.run(python, "-m", "pytest", "--ignore=tests/real", *session.posargs, env=env)


def find_unknown_types(session: nox.Session) -> list[str]:
    """What `pyright --verifytypes` finds in the package as users install it."""
    folder = session.create_tmp()
    session.run(
        *(PYTHON, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", folder, ".")
    )
    report = session.run(
        *(*PYRIGHT, "--verifytypes", "p0f_middleware", "--ignoreexternal", "--outputjson"),
        env={"PYTHONPATH": str(Path(folder).absolute())},
        success_codes=[0, 1],
        silent=True,
    )
    symbols = json.loads(str(report))["typeCompleteness"]["symbols"]
    return [
        f"{symbol['name']}: {diagnostic['message']}"
        for symbol in symbols
        if not symbol["isTypeKnown"] and symbol["name"] not in WITHOUT_TYPES
        for diagnostic in symbol["diagnostics"]
    ]


def find_pythons() -> dict[tuple[int, int], str]:
    """The newest interpreter of each Python version: of those on PATH, and pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders = [*map(Path, os.get_exec_path()), *pyenv.glob("*/bin")]
    found: dict[tuple[int, ...], str] = {}
    for path in (path for folder in folders for path in folder.glob("python3*")):
        if re.fullmatch(r"python3(\.\d+)?", path.name) and "shims" not in path.parts:
            found.setdefault(_version(path), str(path))
    newest = {version[:2]: found[version] for version in sorted(found) if version >= OLDEST}
    return {(major, minor): path for (major, minor), path in newest.items()}


def _version(interpreter: Path) -> tuple[int, ...]:
    """Its version; () if it does not run."""
    script = "import sys; print(*sys.version_info[:3])"
    output = subprocess.run(
        [interpreter, "-c", script], capture_output=True, text=True, check=False
    )
    return tuple(map(int, output.stdout.split()))
