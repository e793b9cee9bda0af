"""The doctor's look at the socket's file, with a /proc and mounts that are imitated."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware._commands import doctor_socket, mounts
from p0f_middleware._commands.doctor import examine
from p0f_middleware._commands.doctor_socket import check_file, check_mount
from p0f_middleware.testing import FakeP0f

from .imitated_proc import add_process


def test_an_open_socket_is_well(fake_p0f: FakeP0f) -> None:
    found = check_file(fake_p0f.socket_path)
    assert found.ok
    assert found.text.startswith(f"{fake_p0f.socket_path} is a socket (srw")


@pytest.mark.parametrize(("make", "kind"), [("mkdir", "directory"), ("touch", "file")])
def test_what_is_not_a_socket_is_a_fault(tmp_path: Path, make: str, kind: str) -> None:
    getattr(tmp_path / "p0f.sock", make)()
    found = check_file(str(tmp_path / "p0f.sock"))
    assert found == (
        False,
        f"{tmp_path}/p0f.sock is a {kind}, not a socket: use the path given to p0f with -s",
    )


def test_a_missing_file_is_a_fault_with_the_paths_that_there_are(proc: Path) -> None:
    for pid in (7, 8):
        add_process(proc, pid, "-s", "/run/b.sock")
    add_process(proc, 9, "-s", "/run/a.sock")
    found = check_file("/nowhere/p0f.sock")
    assert found.ok is False
    assert found.text.endswith("or use the socket of a p0f that runs: /run/a.sock, /run/b.sock")


def a_process(proc: Path, path: str, *, own: Path | None, shares: bool | None) -> None:
    """A p0f with -s `path`.

    Args:
        own: what it sees as its root folder; None if that cannot be read.
        shares: whether it has this process's mounts; None if that cannot be read.
    """
    process = add_process(proc, 7, "-s", path)
    if own is not None:
        (process / "root").symlink_to(own)
    if shares is not None:
        for folder, number in ((process, 1), (proc / "self", 1 if shares else 2)):
            (folder / "ns").mkdir(parents=True)
            (folder / "ns/mnt").symlink_to(f"mnt:[{number}]")


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
@pytest.mark.parametrize("shares", [False, None])
def test_a_temporary_folder_that_is_not_shared_is_private_tmp(
    proc: Path, folder: str, shares: bool | None
) -> None:
    path = f"{folder}/no-such-folder/p0f.sock"
    a_process(proc, path, own=None, shares=shares)
    found = check_file(path)
    assert found.ok is False
    assert f"p0f (process 7) runs with -s {path}, but there is no {path} here" in found.text
    assert f"do not share {folder}" in found.text
    assert "PrivateTmp=yes" in found.text
    assert "-s /run/p0f/p0f.sock" in found.text
    assert "start p0f with -s /tmp" not in found.text


def test_a_file_that_only_p0f_sees_is_private_tmp_whatever_else_is_known(
    proc: Path, tmp_path: Path
) -> None:
    path = "/tmp/no-such-folder/p0f.sock"
    (tmp_path / "own/tmp/no-such-folder").mkdir(parents=True)
    (tmp_path / "own" / path.lstrip("/")).touch()
    a_process(proc, path, own=tmp_path / "own", shares=None)
    assert "PrivateTmp=yes" in check_file(path).text


def test_a_file_in_another_container_is_said_to_be_there(proc: Path) -> None:
    a_process(proc, "/nowhere/p0f.sock", own=None, shares=False)
    found = check_file("/nowhere/p0f.sock")
    assert found.ok is False
    assert "has other mounts, as in a container" in found.text
    assert "p0f's folder /nowhere " in found.text


def test_a_file_that_was_deleted_is_said_to_be_that(proc: Path, tmp_path: Path) -> None:
    path = "/tmp/no-such-folder/p0f.sock"
    a_process(proc, path, own=tmp_path, shares=True)
    found = check_file(path)
    assert found.ok is False
    assert "was deleted: restart p0f" in found.text


@pytest.fixture
def mounted(fake_p0f: FakeP0f, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mountinfo that says that the socket is a mount of /srv/p0f/p0f.sock."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        f"30 27 254:0 /srv/p0f/p0f.sock {fake_p0f.socket_path} rw - ext4 /dev/vda rw\n"
    )
    monkeypatch.setattr(mounts, "MOUNTINFO", mountinfo)
    return mountinfo


def test_a_socket_that_is_no_mount_is_not_spoken_of(fake_p0f: FakeP0f) -> None:
    assert check_mount(fake_p0f.socket_path) is None


def test_a_socket_that_is_mounted_by_itself_is_a_question_while_it_works(
    fake_p0f: FakeP0f, mounted: Path
) -> None:
    found = check_mount(fake_p0f.socket_path)
    assert found is not None
    assert found.ok is None
    assert "bind mount of the single file /srv/p0f/p0f.sock (on /dev/vda)" in found.text
    assert "Mount its folder instead, /srv/p0f" in found.text


def test_a_mount_of_a_replaced_socket_is_a_fault(fake_p0f: FakeP0f, mounted: Path) -> None:
    mounted.write_text(mounted.read_text().replace("p0f.sock ", "p0f.sock//deleted ", 1))
    found = check_mount(fake_p0f.socket_path)
    assert found is not None
    assert found.ok is False
    assert "still shows the socket of a p0f that has ended" in found.text


def test_where_nobody_listens_on_a_mounted_socket_the_mount_is_the_cause(
    fake_p0f: FakeP0f, mounted: Path, proc: Path
) -> None:
    fake_p0f.refuse()
    *_, found = examine(fake_p0f.socket_path)
    assert found.ok is False
    assert "still shows the socket of a p0f that has ended" in found.text
    assert "Mount its folder instead, /srv/p0f" in found.text


def test_the_folders_of_private_tmp_are_those_of_systemd() -> None:
    assert doctor_socket.TEMPORARY == ("/tmp", "/var/tmp")
