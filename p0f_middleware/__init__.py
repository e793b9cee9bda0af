"""The client's passive TCP/IP fingerprint, as p0f v3 sees it, in every WSGI and ASGI request.

    app = P0fWSGIMiddleware(app, "/run/p0f.sock")    # environ["p0f.info"], environ["p0f.status"]
    app = P0fASGIMiddleware(app, "/run/p0f.sock")    # scope["p0f.info"], scope["p0f.status"]

The public names are here. What takes long to import, asyncio above all, comes when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._daemon.blocking import P0f
from ._daemon.health import P0fStats
from ._errors import (
    P0fBadQuery,
    P0fError,
    P0fException,
    P0fNoMatch,
    P0fProtocolError,
    P0fTimeout,
    P0fUnavailable,
)
from ._fields import BadSoftware, MatchQuality
from ._info import P0fInfo
from ._outcome import P0fStatus
from .claim import Claim, ClaimVerdict, check_claim
from .wsgi import P0fWSGIMiddleware

if TYPE_CHECKING:
    from ._daemon.aio import AsyncP0f
    from .asgi import P0fASGIMiddleware
    from .shared.aio import AsyncSharedSyn
    from .shared.blocking import SharedSyn
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
    "P0fStats",
    "P0fStatus",
    "P0fTimeout",
    "P0fUnavailable",
    "P0fWSGIMiddleware",
    "SharedSyn",
    "Syn",
    "check_claim",
    "save_syn",
]

__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    if name == "AsyncP0f":
        from ._daemon.aio import AsyncP0f

        return AsyncP0f
    if name == "P0fASGIMiddleware":
        from .asgi import P0fASGIMiddleware

        return P0fASGIMiddleware
    if name == "SharedSyn":
        from .shared.blocking import SharedSyn

        return SharedSyn
    if name == "AsyncSharedSyn":
        from .shared.aio import AsyncSharedSyn

        return AsyncSharedSyn
    if name in ("Syn", "save_syn"):
        from . import syn

        return getattr(syn, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
