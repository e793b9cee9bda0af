"""Checks of the clients' own options, so that an error names the option and the remedy.

Seconds are checked by the package's `_options`. It knows no client. The fact a reader would get
wrong: `True` is an int in Python; it is refused as a number.
"""

from __future__ import annotations

import os


def count(name: str, value: object) -> int:
    """The option's value, if it is a whole number above 0.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError(f"{name} is a whole number above 0, not {value!r}")


def socket_path(value: object) -> str:
    """The path of p0f's socket as text.

    Raises:
        TypeError: it is neither text nor a path object of text.
        ValueError: it cannot be the path of a socket.
    """
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if isinstance(path, bytes):
        raise TypeError(f"socket_path is text, not bytes: use os.fsdecode({path!r})")
    if not isinstance(path, str):
        raise TypeError(f"socket_path is the path given to p0f with -s, not {value!r}")
    if not path:
        raise ValueError("socket_path is empty: use the path given to p0f with -s")
    if "\0" in path:
        raise ValueError(f"socket_path has a NUL in it: {path!r}")
    scheme, colon, rest = path.partition(":")
    if colon and (scheme.lower() == "unix" or rest.startswith("//")):
        bare = "/" + rest.lstrip("/") if rest.startswith("/") else rest
        raise ValueError(f"socket_path is a plain path: use {bare!r}, not {path!r}")
    return path
