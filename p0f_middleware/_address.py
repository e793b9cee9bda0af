"""IP addresses as servers and proxies write them, made canonical. No I/O, no headers, no trust.

The fact a reader would get wrong: an IPv4 client of an IPv6 socket arrives as '::ffff:192.0.2.1'
and is 192.0.2.1 here, so that it is the same client everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

CACHED = 4096
_LONGEST_ADDRESS = 64
"""With zone; longer text is not kept in a cache, lest a client fill it with megabytes."""


def client_address(value: object) -> str | None:
    """The IP address in what a server hands over as the peer's; None if there is none.

    An IPv4 client of an IPv6 socket has its IPv4 address ('::ffff:192.0.2.1' is 192.0.2.1), a zone
    is dropped, and the address of nobody (0.0.0.0, ::) is none.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_ADDRESS:
        return _parse(value)
    return None


@lru_cache(CACHED)
def _parse(value: str) -> str | None:
    try:
        address = ip_address(value.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return None if address.is_unspecified else str(address)
