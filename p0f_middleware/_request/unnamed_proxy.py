"""Warns, once, of a proxy that is not in `trusted_proxies`: fingerprints may be the proxy's.

Behind a proxy on the same machine or network and without `trusted_proxies`, every visitor has the
proxy's own fingerprint, with status ok. A client on the same network that sends such a header
itself looks the same, so there is a warning and nothing more.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from .._address import CACHED
from .._log import logger
from .proxies import CLIENT_HEADER
from .visitor import BaseVisitor

__all__ = ["UnnamedProxy"]

_HEADERS = (CLIENT_HEADER, "Forwarded", "X-Real-IP")


class UnnamedProxy:
    """Watches for forwarding headers from a local peer that is not trusted, until it finds one."""

    def __init__(self, client_header: str) -> None:
        self._headers = tuple(dict.fromkeys((client_header, *_HEADERS)))
        self._warned = False

    def look(self, visitor: BaseVisitor) -> None:
        """Warn, once, if the visitor is one."""
        if self._warned or visitor.behind_proxy:
            return
        address = visitor.address
        if address is None or not _is_local(address):
            return
        name = visitor.first_header(self._headers)
        if name is None:
            return
        self._warned = True
        logger().warning(
            "a request from %s has the header %s, and %s is not in trusted_proxies. If it is your"
            " proxy, its own fingerprint is taken for each visitor's: name it,"
            " trusted_proxies=[%r]. (logged once)",
            address,
            name,
            address,
            address,
        )


@lru_cache(CACHED)
def _is_local(address: str) -> bool:
    parsed = ip_address(address)
    return parsed.is_loopback or parsed.is_private
