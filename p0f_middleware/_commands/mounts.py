"""The mounts this process sees, as Linux's /proc/self/mountinfo lists them.

This module only reads, and knows nothing of p0f. The fact a reader would get wrong: a single file
can be a mount point too (`docker run -v FILE:FILE`). Such a mount keeps showing the file that was
there when it was made, even after a program has put another file in its place.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MOUNTINFO = Path("/proc/self/mountinfo")
_DELETED = "//deleted"


class Mount(NamedTuple):
    """One mount.

    Attributes:
        point: where it is mounted.
        root: the file or folder of the file system that the mount shows.
        device: the file system, as `mount` prints it: a device, or a name such as tmpfs.
        deleted: whether `root` has been deleted, or replaced, since it was mounted.
    """

    point: str
    root: str
    device: str
    deleted: bool


def mount_at(path: str) -> Mount | None:
    """The mount whose mount point is `path` itself; None if `path` is not a mount point."""
    real = os.path.realpath(path)
    found = [mount for mount in _mounts() if mount.point == real]
    return found[-1] if found else None  # a later mount hides an earlier one


def _mounts() -> Iterator[Mount]:
    with contextlib.suppress(OSError):
        for line in os.fsdecode(MOUNTINFO.read_bytes()).splitlines():
            before, _, after = line.partition(" - ")
            fields, file_system = before.split(" "), after.split(" ")
            if len(fields) > 4 and len(file_system) > 1:
                point, root, device = map(_unescaped, (fields[4], fields[3], file_system[1]))
                whole = root.removesuffix(_DELETED)
                yield Mount(point, whole, device, deleted=whole != root)


def _unescaped(field: str) -> str:
    """Undo the kernel's octal escapes of blanks, line breaks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda escape: chr(int(escape[1], 8)), field)
