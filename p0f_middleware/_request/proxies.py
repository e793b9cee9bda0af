"""Decides whose request it is: the peer's, or that of the client that a trusted proxy names.

A client can write anything into a forwarding header. So only the header that the proxy writes
(`client_header`) is read, and only if the peer is a trusted proxy. It is read from the right, where
the last proxy writes, so that a client can neither break nor replace its words: hops that are
trusted too are passed over, the first other hop is the client, nothing to the left of it counts.
Without that header there is no client: the proxy itself is nobody's visitor.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeAlias

from .._address import CACHED, endpoint, port_number

Trusted: TypeAlias = str | IPv4Address | IPv6Address | IPv4Network | IPv6Network
Header: TypeAlias = Callable[[str], "str | None"]
"""Returns the request's header of that name, repetitions joined; None if it was not sent."""

UNIX = "unix:"
"""How nginx names the client of a Unix socket; in `trusted_proxies`: peers on a Unix socket."""
MOST_HOPS = 100  # to read; no real chain of proxies is longer
_LONGEST_ELEMENT = 1024  # characters of one element of a Forwarded header
_LONGEST_HEADER = 8192  # characters to read of it, from the right; servers accept 8 to 64 kB
_MOST_COMMAS = 4  # inside the quoted strings of one element
CLIENT_HEADER = "X-Forwarded-For"
NAMING_HEADERS = CLIENT_HEADER, "Forwarded", "X-Real-IP"  # those in which proxies name clients
_HTTP3 = "h3", "http/3", "http/3.0"
"""What a proxy writes in place of a port for a client of HTTP/3, whose port is one of UDP: the
names that ALPN, Caddy and nginx have for it."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, section 5.1


class TrustedProxies:
    """The peers whose forwarding header is believed: addresses and networks, as text or as objects
    of `ipaddress`, and `UNIX` for peers on a Unix socket. False if there are none."""

    def __init__(self, trusted: Trusted | Iterable[Trusted]) -> None:
        entries = _entries(trusted)
        self.unix: bool = UNIX in entries
        self._networks = [_network(entry) for entry in entries if entry != UNIX]
        self._trusts = lru_cache(CACHED)(self._is_in_a_network)

    def __bool__(self) -> bool:
        return self.unix or bool(self._networks)

    def trusts(self, address: str | None) -> bool:
        return address is not None and self._trusts(address)

    def _is_in_a_network(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._networks)


class Client(NamedTuple):
    """Whose request it is; None for what is not known."""

    address: str | None
    port: int | None
    behind_proxy: bool = False  # then the connection is the proxy's
    http3: bool = False  # as the proxy says


class ProxyRules:
    """The middleware's options on proxies, checked once and applied to each request."""

    def __init__(
        self,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
        client_header: str = CLIENT_HEADER,
        client_port_header: str | None = None,
    ) -> None:
        self.trusted: TrustedProxies = TrustedProxies(trusted_proxies)
        self.active: bool = bool(self.trusted)
        self.client_header: str = header_name("client_header", client_header)
        self._hops = hops_reader(client_header)
        self.client_port_header = client_port_header
        if client_port_header is not None:
            header_name("client_port_header", client_port_header)

    def client(
        self,
        peer_address: str | None,
        peer_port: int | None,
        is_unix: Callable[[], bool],
        header: Header,
    ) -> Client:
        """Whose request it is; calls `is_unix` and `header` only where that depends on them."""
        if peer_address is None:
            # Not every peer without an address is on a Unix socket: a server may have lost that of
            # a client that has reset its TCP connection.
            trusted = self.trusted.unix and is_unix()
        else:
            trusted = self.trusted.trusts(peer_address)
        if not trusted:
            return Client(peer_address, peer_port)
        value = header(self.client_header)
        if value is None:  # the proxy's own address would be no better than a guess
            return Client(None, None, behind_proxy=True)
        address, port = self._first_untrusted(value, peer_address)
        if self.client_port_header is None or address is None:
            return Client(address, port or None, behind_proxy=True)
        last = _last_of(header(self.client_port_header))
        if last.lower() in _HTTP3:
            return Client(address, None, behind_proxy=True, http3=True)
        return Client(address, port_number(last) or port or None, behind_proxy=True)

    def _first_untrusted(
        self, value: str, peer_address: str | None
    ) -> tuple[str | None, int | None]:
        """The rightmost hop that is not trusted, or else the leftmost one. A hop without an address
        ends the search: then no client is named."""
        address, port = peer_address, None
        for hop in self._hops(value):
            if hop.unix and self.trusted.unix:
                continue
            address, port = hop.address, hop.port
            if not self.trusted.trusts(address):
                break
        return address, port


def header_name(option: str, name: object) -> str:
    """The value of an option that is the name of a header. Raises ValueError if it is not."""
    if isinstance(name, str) and _HEADER_NAME.match(name):
        return name
    raise ValueError(f"{option} is the name of a header, such as 'X-Real-IP', not {name!r}")


def _last_of(value: str | None) -> str:
    # The nearest proxy wrote it.
    return "" if value is None else value[-32:].rpartition(",")[2].strip(" \t")


def _entries(trusted: Trusted | Iterable[Trusted]) -> list[Trusted]:
    if isinstance(trusted, Trusted):
        return [trusted]
    if isinstance(trusted, (bytes, bytearray)) or not isinstance(trusted, Iterable):
        raise ValueError(
            "trusted_proxies is an address, a network or a list of them, and () for none;"
            f" not {trusted!r}"
        )
    return list(trusted)


def _network(entry: Trusted) -> IPv4Network | IPv6Network:
    try:
        if not isinstance(entry, Trusted):  # ip_network takes numbers and bytes, too
            raise ValueError(f"it is a {type(entry).__name__}")
        network = ip_network(entry)
    except ValueError as error:
        raise ValueError(
            f"trusted_proxies takes IP addresses, networks such as '10.0.0.0/8', and {UNIX!r};"
            f" not {entry!r}: {error}"
        ) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network


# Reading a header's hops, from right to left. A Forwarded header (RFC 7239) can be read from the
# right, quotes included: of the pieces that begin after a comma, the shortest complete element is
# the last element, since a piece that begins inside a quoted string has an odd number of quotes.


class Hop(NamedTuple):
    """One machine. `address` is None if the header has no IP address for it ('unknown', an
    obfuscated name); `port` is None if none is given; `unix` tells the client of a Unix socket."""

    address: str | None
    port: int | None = None
    unix: bool = False


Hops = Callable[[str], Iterator[Hop]]

_NOBODY = Hop(None)


def hops_reader(header: str) -> Hops:
    """What reads the header of that name."""
    return _forwarded if header.lower() == "forwarded" else _listed


def _listed(value: str) -> Iterator[Hop]:
    for piece in reversed(value.rsplit(",", MOST_HOPS)):
        text = piece.strip(" \t")
        if text:
            yield _hop(text)


def _forwarded(value: str) -> Iterator[Hop]:
    # Text that is not a complete element is a hop without an address, and reading ends there.
    end = len(value)
    least = end - _LONGEST_HEADER
    for _ in range(MOST_HOPS):
        start = _start_of_element(value, end)
        if start is None or start < least:
            yield _NOBODY
            return
        node = _node(value[start:end])
        if node is not None:
            yield node
        if start == 0:
            return
        end = start - 1  # the comma


def _start_of_element(value: str, end: int) -> int | None:
    """Where the element that ends at `end` begins; None if no complete element ends there."""
    comma = end
    floor = max(0, end - _LONGEST_ELEMENT)
    for _ in range(_MOST_COMMAS):
        comma = value.rfind(",", floor, comma)
        start = comma + 1
        if comma < 0 and floor > 0:
            return None
        if _ELEMENT.match(value, start, end):
            return start
        if comma < 0:
            return None
    return None


def _node(element: str) -> Hop | None:
    # None for an empty element
    named: list[str] = []
    empty = True
    for match in _PAIR.finditer(element):
        empty = False
        if match[1].lower() == "for":
            named.append(match[2])
    if empty:
        return None
    if len(named) != 1:
        return _NOBODY
    [node] = named
    if node.startswith('"'):
        node = _ESCAPED.sub(r"\1", node[1:-1])
    return _hop(node)


def _hop(text: str) -> Hop:
    return Hop(None, unix=True) if text == UNIX else Hop(*endpoint(text))


# RFC 7239, section 4: forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] ), with a
# pair = token "=" ( token / quoted-string ). Values may also have the characters of an address in
# brackets without quotes, which many proxies leave out.
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|[^\s",;\\]+)"""
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf"({_TOKEN})=({_VALUE})")
_ELEMENT = re.compile(
    rf"[ \t]*(?:{_TOKEN}={_VALUE}[ \t]*)?(?:;[ \t]*(?:{_TOKEN}={_VALUE}[ \t]*)?)*\Z"
)
_ESCAPED = re.compile(r"\\(.)")
