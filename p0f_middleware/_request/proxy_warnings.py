"""Warns, each time once, of proxies whose visitors cannot be told from the proxy.

- A peer that is not in `trusted_proxies` sends a forwarding header: behind a proxy that nobody has
  named, every visitor has the proxy's own fingerprint, with status ok. A visitor can send such a
  header as well. So a warning says what was seen and asks for the proxy's address, and it never
  advises to trust a public address, which may be a visitor's.
- A trusted proxy sends no `client_header`, or a proxy that nobody has named connects through a Unix
  socket: its visitors have no address.
- The server has put the address of a header in the peer's place (uvicorn does by default): then
  `trusted_proxies` has no effect, and the visitor's port is lost.
"""

from ipaddress import ip_address, ip_network

from .._public import logger
from .proxies import NAMING_HEADERS, ProxyRules
from .visitor import BaseVisitor

_MOST_LOOKS = 10_000
"""Lookups to look at: a proxy shows in the first of them."""
_SHARED_SPACE = ip_network("100.64.0.0/10")  # RFC 6598; cloud networks use it for load balancers


class ProxyWarnings:
    """Looks at the first requests that a middleware looks up."""

    def __init__(self, rules: ProxyRules) -> None:
        self._rules = rules
        self._headers = tuple(dict.fromkeys((rules.client_header, *NAMING_HEADERS)))
        self._warned: set[str] = set()
        self._left = _MOST_LOOKS

    def check(self, visitor: BaseVisitor) -> None:
        """Warn if the request came through a proxy that it should not have come through so."""
        if self._left <= 0:
            return
        self._left -= 1
        address = visitor.address
        if address is None and (visitor.behind_proxy or visitor.on_unix_socket()):
            kind = "silent" if visitor.behind_proxy else "on a Unix socket"
            self._warn(kind, visitor.why_no_client())
        if address is None or visitor.behind_proxy:
            return
        header = next((name for name in self._headers if visitor.header(name) is not None), None)
        if header is None:
            return
        if visitor.peer()[1] == 0 or address in (visitor.header(header) or ""):
            if self._rules.active:
                self._warn("replaced", _REPLACED, header)
        elif _is_local(address):
            self._warn("local", _LOCAL, address, header, address, address)
        else:
            self._warn("public", _PUBLIC, address, header, address)

    def _warn(self, kind: str, message: str, *values: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            logger().warning(f"{message} (logged once)", *values)


_LOCAL = (
    "a request from %s has the header %s, but %s is not in trusted_proxies. If that is the address"
    " of a proxy of yours, all its visitors now get the proxy's fingerprint: set"
    " trusted_proxies=[%r]."
)
_PUBLIC = (
    "a request from %s has the header %s, but %s is not in trusted_proxies. A visitor may have sent"
    " it. But if a load balancer or CDN stands in front of this site, all visitors now get its"
    " fingerprint: set trusted_proxies to the networks that its documentation lists."
)
_REPLACED = (
    "the server has put an address from the header %s in the place of the proxy's, so"
    " trusted_proxies has no effect and the visitor's port is not known: switch that off (uvicorn:"
    " --no-proxy-headers)."
)


def _is_local(address: str) -> bool:
    parsed = ip_address(address)
    return parsed.is_loopback or parsed.is_private or parsed in _SHARED_SPACE
