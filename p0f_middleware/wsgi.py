"""P0fWSGIMiddleware: the client's fingerprint in `environ`, for any WSGI application (PEP 3333).

It adds keys to the server's own environ, which PEP 3333 lets middleware change, and does nothing
else: the application's iterable, headers and exceptions pass unchanged. `_request` does the lookup.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._daemon.blocking import TIMEOUT
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
    is no fingerprint, a sentence; None if there is one), `p0f.claim` (Claim) and `p0f.address` (the
    client's address as these options find it; None if there is none). `p0f_of(environ)` reads them
    with their types. A failed lookup never raises in the application; the log of `p0f_middleware`
    says what to do.

    Args:
        app: the application to wrap.
        source: where fingerprints come from: the path of p0f's socket; "syn", the SYN of the
            request's own connection; the URL of a store of shared SYNs; an object such as `P0f`,
            `Syn` or `SharedSyn`; or an object of yours with `lookup(ip_address)`. None: what
            P0F_SOURCE or P0F_SOCKET of the process's environment says, or else "syn".
        timeout: seconds that one question may take, if `source` is text.
        grace: extra seconds to wait for a client that the source has not heard of yet. A request
            never waits longer than `timeout` plus `grace`.
        trusted_proxies: addresses and networks (and 'unix:' for peers on a Unix socket) of the
            proxies whose `client_header` names the client.
        client_header: the one header in which they name it: X-Forwarded-For, Forwarded (RFC 7239),
            or one that holds an address, such as X-Real-IP. No other is read.
        client_port_header: the header in which they name the client's TCP port, or say 'h3' for a
            client of HTTP/3; None for none.
        hold: seconds for which later requests of a connection get the first one's answer; 0 to ask
            each time.
        claims: whether to compare the User-Agent with the fingerprint; without, there is no key
            `p0f.claim`.

    Raises:
        ValueError: an option has an invalid value, or the given source would ignore it.
        TypeError: `source` is no source, or one that has to be awaited.
        ImportError: `source` is the URL of a store, and redis-py is not installed.
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
        asked = resolve(source, self._rules, timeout=timeout, grace=grace, awaited=False)
        self.source: Any = asked.source
        """What is asked: the object given as `source`, or what was made of a text."""
        self._lookup = Lookup(asked, self._rules, grace=grace, hold=hold, claims=claims)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        visitor = WSGIVisitor(environ, self._rules)
        environ.update(self._lookup.held(visitor) or self._lookup.ask(visitor))
        return self.app(environ, start_response)
