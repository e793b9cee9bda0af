"""P0fWSGIMiddleware: the client's fingerprint in `environ`, for any WSGI application (PEP 3333).

It adds two keys and steps aside: the application's iterable, headers and exceptions are its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ._daemon.base import TIMEOUT
from ._daemon.blocking import P0f
from ._outcome import Outcome
from ._request.grace import GRACE
from ._request.lookup import (
    Lookup,
    RequestSource,
    Source,
    default_source,
    refuse_trusted_proxies,
)
from ._request.proxies import Trusted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["P0fWSGIMiddleware"]


class P0fWSGIMiddleware:
    """Puts `p0f.info` (P0fInfo or None) and `p0f.status` (P0fStatus) into `environ`.

    No failure of a lookup gets out of it: `p0f.info` is then None, `p0f.reason` says why, and the
    log of `p0f_middleware` says what to do.

    Args:
        app: the application to wrap.
        source: the path of p0f's socket, a client such as `P0f`, or a `Syn`. If there is none, it
            is the path in P0F_SOCKET if the process's environment has one, or else `Syn()`.
        timeout: seconds a lookup may take, if `source` is a path.
        grace: seconds to go on asking about a client that p0f has not heard of yet; see README.
        trusted_proxies: addresses and networks (and 'unix:' for peers that come through a Unix
            socket) whose X-Forwarded-For or Forwarded header names the client.

    Raises:
        ValueError: an option makes no sense.
    """

    def __init__(
        self,
        app: WSGIApplication,
        source: str | os.PathLike[str] | Source | RequestSource | None = None,
        *,
        timeout: float = TIMEOUT,
        grace: float = GRACE,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
    ) -> None:
        self.app = app
        if source is None:
            source = default_source()
        if isinstance(source, (str, os.PathLike)):
            source = P0f(source, timeout=timeout)
        self.source = source
        self._look_up: Callable[[WSGIEnvironment], Outcome]
        if isinstance(source, RequestSource):
            refuse_trusted_proxies(trusted_proxies)
            self._look_up = source.look_up_wsgi
        else:
            lookup = Lookup(
                source, forwarding_headers, grace=grace, trusted_proxies=trusted_proxies
            )
            self._look_up = lambda environ: lookup.look_up(environ.get("REMOTE_ADDR"), environ)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["p0f.info"], environ["p0f.status"], environ["p0f.reason"] = self._look_up(environ)
        return self.app(environ, start_response)


def forwarding_headers(environ: WSGIEnvironment) -> tuple[str | None, str | None]:
    """X-Forwarded-For and Forwarded; None if absent. Servers join repetitions."""
    return environ.get("HTTP_X_FORWARDED_FOR"), environ.get("HTTP_FORWARDED")
