"""Makes a temporary folder whose path is short enough for a Unix socket in it.

The path of a Unix socket has a limit of its own, far below that of other files, and TMPDIR alone
may exceed it. Every process that connects must use a path within the limit, so a relative path
would work only in this one. So a shorter folder is used, as Python's multiprocessing does.
"""

from __future__ import annotations

import os
import tempfile

SOCKET_NAME = "p0f.sock"
LONGEST_PATH = 103
"""Bytes that the path of a Unix socket may have on every system; Linux allows four more."""
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def make_socket_folder(prefix: str) -> str:
    """Make a folder that only this user may enter, for a socket called `SOCKET_NAME`.

    Raises:
        OSError: no folder can be made, neither in the usual temporary folder nor in a shorter one.
    """
    usual = tempfile.gettempdir()
    problem: OSError | None = None
    for parent in (usual, *SHORT_FOLDERS):
        longest = os.path.join(parent, f"{prefix}12345678", SOCKET_NAME)  # as mkdtemp makes them
        if len(os.fsencode(longest)) <= LONGEST_PATH:
            try:
                return tempfile.mkdtemp(prefix=prefix, dir=parent)
            except OSError as error:
                problem = error
    raise OSError(
        f"no folder for a Unix socket: the path of {usual} is too long, and none can be made in"
        f" {', '.join(SHORT_FOLDERS)}; set TMPDIR to a shorter folder"
    ) from problem
