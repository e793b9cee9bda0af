"""Makes IP addresses canonical, as servers and proxies write them.

An IPv4 client of an IPv6 socket has the address '::ffff:192.0.2.1' there, but 192.0.2.1 here, so
that it is the same client everywhere.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TypeAlias

CACHED = 4096
"""Addresses that each cache keeps."""
_LONGEST = 64  # longer text is never cached, so that a client cannot fill the cache with megabytes
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([0-9.]+))(?::([0-9]{1,5}))?\Z")

Endpoint: TypeAlias = "tuple[str | None, int | None]"


def endpoint(value: object) -> Endpoint:
    """The canonical IP address and the port in text such as '192.0.2.1' or '[2001:db8::1]:80'.

    Without zone; None if the text has no address, and for 0.0.0.0 and ::. The port is None if the
    text has none, 0 if it is out of range.
    """
    if isinstance(value, str) and len(value) <= _LONGEST:
        return _parse(value)
    return None, None


def client_address(value: object) -> str | None:
    """The canonical IP address in a server's value for the peer; None if there is none."""
    return endpoint(value)[0]


def port_number(value: object) -> int:
    """A port in a server's value, an int or decimal digits; 0 for anything that is not a port."""
    if isinstance(value, str) and len(value) <= 5 and value.isascii() and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 0 < value <= 65535 else 0


@lru_cache(CACHED)
def _parse(value: str) -> Endpoint:
    port = None
    match = _WITH_PORT.match(value)
    if match is not None and (match[1] is not None or match[3] is not None):
        value = match[1] or match[2] or ""
        port = None if match[3] is None else port_number(match[3])
    try:
        address = ip_address(value.partition("%")[0])
    except ValueError:
        return None, None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (None, None) if address.is_unspecified else (str(address), port)
