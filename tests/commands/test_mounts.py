"""The mounts of this process, from a mountinfo that is imitated and from Linux's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware._commands import mounts
from p0f_middleware._commands.mounts import Mount, mount_at

MOUNTINFO = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
30 27 254:0 /run/p0f/p0f.sock /srv/p0f.sock rw shared:1 - ext4 /dev/vda rw
31 27 254:0 /run/old.sock//deleted /srv/old.sock rw shared:1 master:2 - ext4 /dev/vda rw
32 27 0:44 /a /srv/twice rw - tmpfs first rw
33 27 0:45 /b /srv/twice rw - tmpfs second rw
34 27 0:46 /with\\040blank /srv/with\\040blank\\134 rw - tmpfs none rw
a line that is cut
"""


@pytest.fixture(autouse=True)
def _imitated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    monkeypatch.setattr(mounts, "MOUNTINFO", tmp_path / "mountinfo")


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/srv/p0f.sock", Mount("/srv/p0f.sock", "/run/p0f/p0f.sock", "/dev/vda", False)),
        ("/srv/../srv/p0f.sock", Mount("/srv/p0f.sock", "/run/p0f/p0f.sock", "/dev/vda", False)),
        ("/srv/old.sock", Mount("/srv/old.sock", "/run/old.sock", "/dev/vda", True)),
        ("/srv/twice", Mount("/srv/twice", "/b", "second", False)),
        ("/srv/with blank\\", Mount("/srv/with blank\\", "/with blank", "none", False)),
    ],
    ids=["file", "other spelling", "deleted", "the later one", "escapes"],
)
def test_a_mount_is_found_by_its_mount_point(path: str, mount: Mount) -> None:
    assert mount_at(path) == mount


def test_a_path_inside_a_mount_is_no_mount_point() -> None:
    assert mount_at("/proc/self") is None


def test_where_there_is_no_mountinfo_there_is_no_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "MOUNTINFO", tmp_path / "none")

    assert mount_at("/proc") is None
