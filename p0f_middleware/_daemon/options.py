"""Checks of the clients' own options, so that an error names the option and the remedy.

The package's `_options` checks numbers of seconds. This module knows no client. The fact a reader
would get wrong: `True` is an int in Python, but no valid number here.
"""

from __future__ import annotations

import os


def count(name: str, value: object) -> int:
    """The option's value, which must be a whole number above 0.

    Raises:
        ValueError: it is anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError(f"{name} is a whole number above 0, not {value!r}")


def socket_path(value: object) -> str:
    """The path of p0f's socket as text.

    Raises:
        TypeError: `value` is neither text nor a path object of text.
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
        raise ValueError(f"socket_path contains a NUL character: {path!r}")
    scheme, colon, rest = path.partition(":")
    if colon and (scheme.lower() == "unix" or rest.startswith("//")):
        bare = "/" + rest.lstrip("/") if rest.startswith("/") else rest
        raise ValueError(f"socket_path is a plain path: use {bare!r}, not {path!r}")
    return path
