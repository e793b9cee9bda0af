"""The errors for a p0f that cannot be asked; each names its cause and its remedy.

A client cannot tell a stopped p0f from one whose API connections are all in use, because the kernel
accepts connections for both.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import Any

from .._errors import P0fError, P0fProtocolError, P0fTimeout, P0fUnavailable
from .protocol import Pipeline

_USE_THE_PATH = "use the path given to p0f with -s"
_FULL = (
    "all of p0f's API connections may be in use (20, or the number given with -S: raise it, at"
    " most 100), or p0f is stopped"
)
_MAX_PATH = 103  # bytes of a Unix socket's path on every system; Linux allows four more
_REMEDIES = {
    errno.ENOENT: f"there is no socket {{path}}: start p0f with -s {{path}}, or {_USE_THE_PATH}",
    errno.EACCES: (
        "no permission to open {path}: give this process's user permission to write to the socket"
        " and to search the folders above it"
    ),
    errno.ECONNREFUSED: "nothing listens on {path}: p0f has ended; start it again",
    errno.EAGAIN: "p0f accepts no connection on {path}: " + _FULL,
    errno.EPROTOTYPE: "{path} is a socket of another kind: " + _USE_THE_PATH,
    errno.EAFNOSUPPORT: (
        "this process may not open Unix sockets: add AF_UNIX to RestrictAddressFamilies= of its"
        " systemd unit"
        if sys.platform.startswith("linux")
        else "Python has no Unix sockets on this system, and p0f's API needs them"
    ),
    errno.EMFILE: (
        "no file descriptor is left for a connection to {path}: raise the limit of open files"
        " (ulimit -n, or LimitNOFILE= of the systemd unit)"
    ),
}
_ALIKE = {errno.ENOTDIR: errno.ENOENT, errno.EPERM: errno.EACCES, errno.ENFILE: errno.EMFILE}


def explain(error: OSError, socket_path: str) -> P0fUnavailable:
    if error.errno != errno.EAFNOSUPPORT:
        with contextlib.suppress(OSError, ValueError):
            if not stat.S_ISSOCK(os.stat(socket_path).st_mode):
                return P0fUnavailable(f"{socket_path} is not a socket: {_USE_THE_PATH}")
    if error.errno is None and len(os.fsencode(socket_path)) > _MAX_PATH:
        return P0fUnavailable(
            f"the path {socket_path} is too long for a Unix socket (at most {_MAX_PATH} bytes are"
            " safe): give p0f a shorter one with -s"
        )
    remedy = _REMEDIES.get(_ALIKE.get(error.errno or 0, error.errno or 0))
    if remedy is None:
        return P0fUnavailable(f"cannot connect to p0f at {socket_path}: {error}")
    return P0fUnavailable(remedy.format(path=socket_path))


def not_p0f(error: P0fProtocolError, socket_path: str) -> P0fProtocolError:
    return P0fProtocolError(f"the server on {socket_path} is not p0f v3: {_USE_THE_PATH} ({error})")


def closed(socket_path: str, error: OSError) -> str:
    detail = "" if isinstance(error, ConnectionError) else f": {error}"
    return f"p0f closed its connection on {socket_path}{detail}"


def no_answer(pipeline: Pipeline[Any], socket_path: str, seconds: float) -> P0fError:
    if pipeline.dialect is not None:
        return P0fTimeout(
            f"p0f at {socket_path} did not answer within {seconds:.3g} s: it is stopped or busy"
        )
    if pipeline.mid_answer:
        return P0fProtocolError(
            f"the server on {socket_path} sends answers of an unknown size; p0f 3.0x, p0f-mtu and"
            " p0f-v3-api2 are known"
        )
    return P0fTimeout(
        f"p0f at {socket_path} did not read the query within {seconds:.3g} s: {_FULL}"
    )
