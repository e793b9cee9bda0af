"""What P0f and AsyncP0f have in common: options, counters, and the outcome of a result."""

from __future__ import annotations

import os

from .._errors import P0fNoMatch
from .._info import P0fInfo
from .._options import seconds
from .._outcome import Outcome, P0fStatus
from .exchange import Exchange
from .protocol import ReadT
from .rules import Rules
from .stats import P0fStats

TIMEOUT = 0.1
NO_MATCH = Outcome(None, P0fStatus.NO_MATCH, "p0f has not seen this client")


class BaseClient:
    """What `P0f` and `AsyncP0f` have in common; `P0f` documents the options."""

    def __init__(self, socket_path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> None:
        self.socket_path: str = _checked_path(socket_path)
        self.timeout: float = seconds("timeout", timeout)
        self._rules = Rules(self.socket_path, self.timeout)
        self._exchange = Exchange(self._rules)

    @property
    def stats(self) -> P0fStats:
        """The current counters of this client's lookups, for monitoring."""
        return self._rules.counters.snapshot()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.socket_path!r}, timeout={self.timeout!r})"


def outcome(info: P0fInfo | None) -> Outcome:
    """The outcome of a request whose lookup has this result."""
    return NO_MATCH if info is None else Outcome(info, P0fStatus.OK, None)


def require_match(ip_address: str, result: ReadT | None) -> ReadT:
    """The result of a lookup, which must not be None.

    Raises:
        P0fNoMatch: it is None.
    """
    if result is None:
        raise P0fNoMatch(f"p0f knows nothing about {ip_address}")
    return result


def _checked_path(value: object) -> str:
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
