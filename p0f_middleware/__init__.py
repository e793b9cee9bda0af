"""Passive OS fingerprinting for web applications: which TCP/IP stack sent each request.

    app = P0fWSGIMiddleware(app, SOURCE)    # environ["p0f.info"], ["p0f.claim"], ["p0f.status"]
    app = P0fASGIMiddleware(app, SOURCE)    # the same keys of scope; p0f_of() reads both

SOURCE is the path of p0f's socket, a client of p0f (`P0f`, `AsyncP0f`), the SYN of the request's
own connection ("syn", `Syn`), a SYN that an edge machine has shared (the store's URL, `SharedSyn`,
`AsyncSharedSyn`), or an object of yours with `lookup(ip_address)`.

This module has the public names and nothing else. It imports slow modules, asyncio above all, only
when their names are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._daemon.blocking import P0f
from ._daemon.rules import P0fStats
from ._errors import (
    P0fBadQuery,
    P0fError,
    P0fException,
    P0fNoMatch,
    P0fProtocolError,
    P0fTimeout,
    P0fUnavailable,
)
from ._info import BadSoftware, MatchQuality, P0fInfo
from ._outcome import P0fResult, P0fStatus, p0f_of
from ._request.lookup import lookup_counts
from .claim import Claim, ClaimVerdict, check_claim
from .wsgi import P0fWSGIMiddleware

if TYPE_CHECKING:
    from ._daemon.aio import AsyncP0f
    from .asgi import P0fASGIMiddleware
    from .fingerprint import fingerprint_syn
    from .shared.source import AsyncSharedSyn, SharedSyn
    from .syn import Syn, save_syn

__all__ = [
    "AsyncP0f",
    "AsyncSharedSyn",
    "BadSoftware",
    "Claim",
    "ClaimVerdict",
    "MatchQuality",
    "P0f",
    "P0fASGIMiddleware",
    "P0fBadQuery",
    "P0fError",
    "P0fException",
    "P0fInfo",
    "P0fNoMatch",
    "P0fProtocolError",
    "P0fResult",
    "P0fStats",
    "P0fStatus",
    "P0fTimeout",
    "P0fUnavailable",
    "P0fWSGIMiddleware",
    "SharedSyn",
    "Syn",
    "check_claim",
    "fingerprint_syn",
    "lookup_counts",
    "p0f_of",
    "save_syn",
]

__version__ = "1.0.0.dev0"

_LATER = {  # names that are imported when they are first used, and their modules
    "AsyncP0f": "._daemon.aio",
    "AsyncSharedSyn": ".shared.source",
    "P0fASGIMiddleware": ".asgi",
    "SharedSyn": ".shared.source",
    "Syn": ".syn",
    "fingerprint_syn": ".fingerprint",
    "save_syn": ".syn",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
