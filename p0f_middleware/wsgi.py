"""P0fWSGIMiddleware: the client's fingerprint in `environ`, for any WSGI application (PEP 3333).

It adds two keys and steps aside: the application's iterable, headers and exceptions are its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from ._address import Trusted, TrustedProxies, client_address
from ._base import TIMEOUT
from ._client import P0f
from ._grace import Grace
from ._info import P0fInfo, P0fStatus
from ._outage import lookup_failed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["P0fWSGIMiddleware"]


class Source(Protocol):
    """Where fingerprints come from: `P0f`, or anything with its `lookup`."""

    def lookup(self, ip_address: str, /) -> P0fInfo | None: ...


class P0fWSGIMiddleware:
    """Puts `p0f.info` (P0fInfo or None) and `p0f.status` (P0fStatus) into `environ`.

    No failure of a lookup gets out of it: `p0f.info` is then None, `p0f.status` says why, and the
    log of `p0f_middleware` says what to do.

    Args:
        app: the application to wrap.
        source: the path of p0f's socket, or a client such as `P0f`.
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
        source: str | os.PathLike[str] | Source,
        *,
        timeout: float = TIMEOUT,
        grace: float = 0.01,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
    ) -> None:
        self.app = app
        if isinstance(source, (str, os.PathLike)):
            source = P0f(source, timeout=timeout)
        self.source = source
        self._grace = Grace(grace)
        self._proxies = TrustedProxies(trusted_proxies)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["p0f.info"], environ["p0f.status"] = self._look_up(environ)
        return self.app(environ, start_response)

    def _look_up(self, environ: WSGIEnvironment) -> tuple[P0fInfo | None, P0fStatus]:
        address = self._client_address(environ)
        if address is None:
            return None, P0fStatus.NO_ADDRESS
        try:
            info = self.source.lookup(address)
            if info is None:
                for pause in self._grace.pauses(address, time.monotonic()):
                    time.sleep(pause)
                    info = self.source.lookup(address)
                    if info is not None:
                        break
        except Exception as error:
            lookup_failed(error)
            return None, P0fStatus.UNAVAILABLE
        return info, P0fStatus.NO_MATCH if info is None else P0fStatus.OK

    def _client_address(self, environ: WSGIEnvironment) -> str | None:
        peer = environ.get("REMOTE_ADDR")
        if not self._proxies:
            return client_address(peer)
        return self._proxies.client(
            peer, lambda: (environ.get("HTTP_X_FORWARDED_FOR"), environ.get("HTTP_FORWARDED"))
        )
