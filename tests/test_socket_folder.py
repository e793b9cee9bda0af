"""The folder for a Unix socket: the temporary one, or a shorter one if its path is too long."""

from __future__ import annotations

import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p0f_middleware import _socket_folder
from p0f_middleware._socket_folder import LONGEST_PATH, SOCKET_NAME, make_socket_folder

LONG = 107


@pytest.fixture
def make() -> Iterator[Callable[[], Path]]:
    """Make such a folder; it is removed after the test."""
    folders: list[Path] = []

    def make() -> Path:
        folders.append(Path(make_socket_folder("a-test-")))
        return folders[-1]

    yield make
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Path]]:
    """Have another temporary folder, whose path has that many bytes."""
    base = tempfile.mkdtemp(dir="/tmp")

    def have(length: int) -> Path:
        folder = Path(base, "x" * (length - len(base) - 1))
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        return folder

    yield have
    shutil.rmtree(base)


def bind(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(folder / SOCKET_NAME))


def test_it_is_in_the_temporary_folder_where_that_is_short(
    temporary_folder: Callable[[int], Path], make: Callable[[], Path]
) -> None:
    folder = temporary_folder(60)
    made = make()
    assert made.parent == folder
    bind(made)


def test_only_its_owner_may_enter_it(make: Callable[[], Path]) -> None:
    assert stat.S_IMODE(make().stat().st_mode) == 0o700


def test_it_is_elsewhere_where_the_temporary_folder_has_a_long_path(
    temporary_folder: Callable[[int], Path], make: Callable[[], Path]
) -> None:
    folder = temporary_folder(LONG)
    assert len(str(folder)) == LONG
    made = make()
    assert folder not in made.parents
    bind(made)


@pytest.mark.parametrize("length", range(LONGEST_PATH - 30, LONGEST_PATH))
def test_the_path_of_the_socket_is_never_too_long(
    length: int, temporary_folder: Callable[[int], Path], make: Callable[[], Path]
) -> None:
    temporary_folder(length)
    made = make()
    assert len(str(made / SOCKET_NAME)) <= LONGEST_PATH
    bind(made)


def test_where_no_folder_will_do_it_says_what_to_set(
    temporary_folder: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary_folder(LONG)
    monkeypatch.setattr(_socket_folder, "SHORT_FOLDERS", ("/nowhere",))
    with pytest.raises(OSError, match="set TMPDIR to a shorter folder"):
        make_socket_folder("a-test-")
