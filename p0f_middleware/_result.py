"""P0fResult and `p0f_of`: what a request carries, with its types.

    result = p0f_of(request)        # environ, scope, or the request object of a framework
    if result.info is not None:
        print(result.address, result.info.os_name, result.claim)

What middleware leaves in a request has no types in any framework, so one function reads it for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ._info import P0fInfo
from ._outcome import P0fStatus
from ._public import public
from .claim import Claim


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
