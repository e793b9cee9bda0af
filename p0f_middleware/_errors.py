"""The exceptions for a query that fails.

`P0fError` is the base of all of them. `P0fException` is the 2014 package `p0f`'s name for "the
query failed"; its documentation catches it *before* KeyError ("no data") and ValueError ("invalid
constants"). So that these clauses still catch the same errors, P0fNoMatch and P0fProtocolError are
not subclasses of P0fException.
"""

from ._public import public


@public
class P0fError(Exception):
    """Base of all exceptions of this package about a query."""


@public
class P0fException(P0fError):
    """The query could not be sent, or got no answer."""


@public
class P0fBadQuery(P0fException):
    """Invalid IP address, so no query was sent. Or: p0f refused the query as bad."""


@public
class P0fUnavailable(P0fException, OSError):
    """p0f cannot be asked: no socket, no listener, a lost connection, or it is down and no retry is
    due."""

    skipped: bool = False
    """Whether no query was sent because p0f is down and no retry was due."""


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
