"""The result of a request's lookup, whatever the source: `Outcome` inside, `P0fResult` for users.

    result = p0f_of(request)        # environ, scope, or the request object of a framework
    if result.info is not None:
        print(result.address, result.info.os_name, result.claim)

What middleware leaves in a request has no types in any framework, so one function reads it for all.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from ._info import P0fInfo
from ._public import public
from .claim import Claim


@public
class P0fStatus(str, Enum):
    """How a request's lookup has ended; equal to the plain strings."""

    OK = "ok"
    """There is a fingerprint. Its `os_name` is None if no signature matched it."""
    NO_MATCH = "no_match"
    """The source has not seen this client."""
    UNAVAILABLE = "unavailable"
    """The source could not be asked, did not answer in time, or cannot see this connection."""
    NO_ADDRESS = "no_address"
    """The request has no client address to ask about."""

    __hash__ = str.__hash__  # Enum's is Python code, and each request counts what it gets

    def __str__(self) -> str:
        return self.value

    def describe(self) -> str:
        """The status in words for people: what it means, and what to do."""
        return _STATUS_IN_WORDS[self]


_STATUS_IN_WORDS = {
    P0fStatus.OK: "There is a fingerprint of the client.",
    P0fStatus.NO_MATCH: (
        "The source has not seen the client. p0f knows clients that connected since it started,"
        " over the interface it captures on (its -i)."
    ),
    P0fStatus.UNAVAILABLE: (
        "The source could not be asked, or cannot see this connection. p0f.reason and the log of"
        " p0f_middleware say why; p0f-middleware doctor looks for the cause."
    ),
    P0fStatus.NO_ADDRESS: (
        "The request has no client address. If it came through a proxy, name the proxy in"
        " trusted_proxies and the header it writes in client_header."
    ),
}


class Outcome(NamedTuple):
    """The result of a source's lookup for one request."""

    info: P0fInfo | None
    status: P0fStatus
    reason: str | None  # why there is no fingerprint, in a sentence; None if there is one


NO_ADDRESS = Outcome(None, P0fStatus.NO_ADDRESS, "the request has no client address")


def unavailable(reason: str) -> Outcome:
    return Outcome(None, P0fStatus.UNAVAILABLE, reason)


@public
class P0fResult(NamedTuple):
    """What the middleware has found out about a request.

    Attributes:
        info: the fingerprint; None if there is none.
        status: how the lookup has ended.
        reason: why there is no fingerprint, in a sentence; None if there is one.
        claim: whether the User-Agent agrees; None if the middleware's option `claims` is False.
        address: the client's IP address as the middleware's options find it, in its canonical form;
            None if there is none.
    """

    info: P0fInfo | None
    status: P0fStatus
    reason: str | None
    claim: Claim | None
    address: str | None


_KEYS = [f"p0f.{field}" for field in P0fResult._fields]
_ATTRIBUTES = ["p0f", "p0f_status", "p0f_reason", "p0f_claim", "p0f_address"]


def p0f_of(request: object) -> P0fResult:
    """What the middleware has found out about a request.

    Args:
        request: a WSGI environ or an ASGI scope, or an object that has one: the request (or the
            websocket) of Django, Flask, Werkzeug, Starlette, FastAPI, Quart, Falcon and others.

    Raises:
        LookupError: no middleware of this package has seen the request.
    """
    for name in (None, "scope", "environ", "META", "env"):
        keys = request if name is None else getattr(request, name, None)
        if isinstance(keys, Mapping) and "p0f.status" in keys:
            return P0fResult._make(map(keys.get, _KEYS))
    if hasattr(request, "p0f_status"):  # P0fMiddleware for Django sets attributes alone
        return P0fResult._make(getattr(request, name, None) for name in _ATTRIBUTES)
    raise LookupError(
        f"no p0f middleware has seen this {type(request).__name__}: wrap the application in"
        " P0fWSGIMiddleware or P0fASGIMiddleware, or add P0fMiddleware to Django's MIDDLEWARE"
    )
