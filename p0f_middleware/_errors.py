"""What can go wrong in asking p0f, as exceptions.

`P0fError` is above them all. `P0fException` is the name the 2014 package `p0f` gave to "the query
failed"; its documentation catches it *before* KeyError ("no data") and ValueError ("invalid
constants"). For those clauses to go on catching what they caught, P0fNoMatch and P0fProtocolError
are not kinds of P0fException.
"""

from __future__ import annotations

from ._public import public

__all__ = [
    "P0fBadQuery",
    "P0fError",
    "P0fException",
    "P0fNoMatch",
    "P0fProtocolError",
    "P0fTimeout",
    "P0fUnavailable",
]


@public
class P0fError(Exception):
    """Base of everything this package raises about a query."""


@public
class P0fException(P0fError):
    """The query could not be asked or was not answered."""


@public
class P0fBadQuery(P0fException):
    """Invalid IP address; nothing was sent. Also: p0f refused the query as bad."""


@public
class P0fUnavailable(P0fException, OSError):
    """p0f cannot be asked: no socket, nobody listening, connection lost, or a retry is not due."""

    skipped: bool = False
    """Whether p0f was not even asked, since it is down and no retry was due."""


@public
class P0fTimeout(P0fUnavailable, TimeoutError):
    """p0f did not answer within the timeout."""


@public
class P0fProtocolError(P0fError, ValueError):
    """p0f's answer is not what its API documents: wrong size, magic, status or constant."""


@public
class P0fNoMatch(P0fError, KeyError):
    """p0f knows nothing about the address. `args[0]` is the message."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError shows the repr of its key; ours is a sentence
