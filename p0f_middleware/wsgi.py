"""P0fWSGIMiddleware: the client's fingerprint in `environ`, for any WSGI application (PEP 3333).

It adds four keys and does nothing else: the application's iterable, headers and exceptions pass
unchanged. `_request` does the lookup.

The fact a reader would get wrong: the keys go into the server's own environ, not into a copy, since
PEP 3333 lets middleware change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._daemon.base import TIMEOUT
from ._daemon.blocking import P0f
from ._public import public
from ._request.grace import GRACE
from ._request.hold import HOLD
from ._request.lookup import Lookup
from ._request.proxies import CLIENT_HEADER, ProxyRules, Trusted
from ._request.source_option import resolve
from ._request.visitor import WSGIVisitor

if TYPE_CHECKING:
    import os

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ._visitor import Source, VisitorSource

__all__ = ["P0fWSGIMiddleware"]


@public
class P0fWSGIMiddleware:
    """Puts the client's fingerprint into `environ` and calls the application.

    `environ` gets `p0f.info` (P0fInfo or None), `p0f.status` (P0fStatus), `p0f.reason` (why there
    is no fingerprint, a sentence; None if there is one) and `p0f.claim` (Claim). A lookup that
    fails never reaches the application; the log of `p0f_middleware` says what to do.

    Args:
        app: the application to wrap.
        source: where fingerprints come from: the path of p0f's socket, a client such as `P0f`, a
            `Syn`, or an object of yours with `lookup(ip_address)`. None: the path in P0F_SOCKET if
            the process's environment has one, or else `Syn()`.
        timeout: seconds that one question may take, if `source` is a path.
        grace: seconds to go on asking about a client that the source has not heard of yet. A
            request never waits longer than `timeout` plus `grace`.
        trusted_proxies: addresses and networks (and 'unix:' for peers on a Unix socket) of the
            proxies whose `client_header` names the client.
        client_header: the one header in which they name it: X-Forwarded-For, Forwarded (RFC 7239),
            or one that holds an address, such as X-Real-IP. No other is read.
        client_port_header: the header in which they name the client's port; None for none.
        hold: seconds for which later requests of the same connection (the client's address and
            port) get what the first was told; 0 to ask each time.
        claims: whether to compare the User-Agent with the fingerprint; without, there is no key
            `p0f.claim`.

    Raises:
        ValueError: an option has an invalid value, or the given source would ignore it.
        TypeError: `source` is no source, or one that has to be awaited.
    """

    def __init__(
        self,
        app: WSGIApplication,
        source: str | os.PathLike[str] | Source | VisitorSource | None = None,
        *,
        timeout: float = TIMEOUT,
        grace: float = GRACE,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
        client_header: str = CLIENT_HEADER,
        client_port_header: str | None = None,
        hold: float = HOLD,
        claims: bool = True,
    ) -> None:
        self.app = app
        self._rules = ProxyRules(trusted_proxies, client_header, client_port_header)
        asked = resolve(source, P0f, self._rules, timeout=timeout, grace=grace, awaited=False)
        self.source: Any = asked.source
        """What is asked: the object given as `source`, or the client made of a path."""
        self._lookup = Lookup(asked, self._rules, grace=grace, hold=hold, claims=claims)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        visitor = WSGIVisitor(environ, self._rules)
        environ.update(self._lookup.held(visitor) or self._lookup.ask(visitor))
        return self.app(environ, start_response)
