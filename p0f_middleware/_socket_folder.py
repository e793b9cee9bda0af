"""Makes a temporary folder whose path is short enough for a Unix socket in it. It knows no p0f.

The fact a reader would get wrong: the path of a Unix socket has a limit of its own (107 bytes on
Linux, 103 on macOS), far below that of other files, and TMPDIR alone may exceed it. Every process
that connects must use a path within the limit, so a relative path or a detour through /proc/self/fd
would work only in this process. So this module uses a shorter folder, as Python's multiprocessing
does.
"""

from __future__ import annotations

import os
import tempfile

SOCKET_NAME = "p0f.sock"
LONGEST_PATH = 103
"""Bytes that the path of a Unix socket may have on every system."""
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def make_socket_folder(prefix: str) -> str:
    """Make a folder that only this user may enter, for a socket called `SOCKET_NAME`.

    Raises:
        OSError: no folder can be made, neither in the usual temporary folder nor in a shorter one.
    """
    usual = tempfile.gettempdir()
    problem: OSError | None = None
    for parent in (usual, *SHORT_FOLDERS):
        if _fits(parent, prefix):
            try:
                return tempfile.mkdtemp(prefix=prefix, dir=parent)
            except OSError as error:
                problem = error
    raise OSError(
        f"no folder for a Unix socket: the path of {usual} is too long, and none can be made in"
        f" {', '.join(SHORT_FOLDERS)}; set TMPDIR to a shorter folder"
    ) from problem


def _fits(parent: str, prefix: str) -> bool:
    longest = os.path.join(parent, f"{prefix}12345678", SOCKET_NAME)  # mkdtemp adds 8 characters
    return len(os.fsencode(longest)) <= LONGEST_PATH
