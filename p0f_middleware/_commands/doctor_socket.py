"""The doctor's first checks: the file of p0f's API socket, without connecting to it.

This module knows files, mounts and p0f's command line, not p0f's API. The fact a reader would get
wrong: a path may name different files in different processes (containers, systemd's PrivateTmp), so
p0f may run even if its file is missing here.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from .doctor_finding import Finding
from .mounts import Mount, mount_at
from .p0f_process import Daemon, daemons

TEMPORARY = ("/tmp", "/var/tmp")
"""Folders that systemd's PrivateTmp replaces by private ones for a service."""


def check_file(socket_path: str) -> Finding:
    """Is there a socket, and may this process open it?"""
    user = _user()
    try:
        mode = os.stat(socket_path).st_mode
    except PermissionError:
        folder = _closed_folder(socket_path)
        return Finding(False, f"{user} may not enter {folder}: allow it (chmod o+x {folder})")
    except OSError:
        return Finding(False, _why_missing(socket_path))
    if not stat.S_ISSOCK(mode):
        kind = "directory" if stat.S_ISDIR(mode) else "file"
        return Finding(
            False, f"{socket_path} is a {kind}, not a socket: use the path given to p0f with -s"
        )
    permissions = stat.filemode(mode)
    if not os.access(socket_path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        return Finding(
            False,
            f"{user} may not write to {socket_path} ({permissions}):"
            " allow it with chmod, or give it the socket's group",
        )
    return Finding(True, f"{socket_path} is a socket ({permissions}) and open to {user}")


def check_mount(socket_path: str) -> Finding | None:
    """Is the socket's file itself a mount point? None if it is not, as it should be."""
    mount = mount_at(socket_path)
    if mount is None:
        return None
    if mount.deleted:
        return Finding(False, stale_mount(socket_path, mount))
    return Finding(
        None,
        f"{_mount_in_words(socket_path, mount)}: it works until p0f starts again and makes a new"
        f" file. {_remedy(mount)}",
    )


def stale_mount(socket_path: str, mount: Mount) -> str:
    """Why no p0f answers at a socket file that is itself a mount point, and what to do."""
    return (
        f"{_mount_in_words(socket_path, mount)} and still shows the socket of a p0f that has ended:"
        f" p0f makes a new file each time it starts. {_remedy(mount)}"
    )


def _mount_in_words(socket_path: str, mount: Mount) -> str:
    return f"{socket_path} is a bind mount of the single file {mount.root} (on {mount.device})"


def _remedy(mount: Mount) -> str:
    return f"Mount its folder instead, {os.path.dirname(mount.root)}"


def _why_missing(socket_path: str) -> str:
    path = os.path.abspath(socket_path)
    same_path = (daemon for daemon in daemons() if daemon.socket_path == path)
    for daemon in same_path:
        return _why_missing_though_p0f_runs(daemon, path)
    others = sorted({d.socket_path for d in daemons() if d.socket_path is not None})
    hint = f", or use the socket of a p0f that runs: {', '.join(others)}" if others else ""
    return f"there is no {socket_path}: start p0f with -s {socket_path}{hint}"


def _why_missing_though_p0f_runs(daemon: Daemon, path: str) -> str:
    """Why `path` does not exist here although p0f runs with -s `path`, and what to do."""
    runs = f"p0f (process {daemon.pid}) runs with -s {path}"
    in_its_view = daemon.own_socket_file is not None and os.path.exists(daemon.own_socket_file)
    if daemon.shares_mounts and not in_its_view:
        return f"{runs}, but the file {path} was deleted: restart p0f, which makes a new one"
    folder = next((f for f in TEMPORARY if path.startswith(f"{f}/")), None)
    if folder is None:
        return (
            f"{runs}, but there is no {path} here: p0f has other mounts, as in a container. Mount"
            f" p0f's folder {os.path.dirname(path)} into this process's file system"
        )
    return (
        f"{runs}, but there is no {path} here:"
        f" p0f and this process do not share {folder}. A service with systemd's PrivateTmp=yes (or"
        f" DynamicUser=yes) has a {folder} of its own. Move the socket to a folder that both see:"
        " start p0f with -s /run/p0f/p0f.sock"
    )


def _user() -> str:
    with contextlib.suppress(ImportError, KeyError):
        import pwd  # which Windows does not have

        return pwd.getpwuid(os.geteuid()).pw_name
    return f"user {os.geteuid()}"


def _closed_folder(path: str) -> Path:
    """The first folder on the way to `path` that this process may not enter."""
    folders = [*reversed(Path(path).absolute().parents)]
    effective = os.access in os.supports_effective_ids
    closed = (f for f in folders if not os.access(f, os.X_OK, effective_ids=effective))
    return next(closed, folders[-1])
