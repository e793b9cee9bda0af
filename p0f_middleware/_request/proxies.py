"""Whose fingerprint to ask for: the transport peer's, or what a trusted proxy says of its client.

Knows addresses and headers, not how WSGI or ASGI carry them. A client writes what it likes into
X-Forwarded-For and Forwarded, so they are read only if the peer is a trusted proxy, and then from
the right, past hops that are trusted too: the first other hop is the client, and what stands left
of it is hearsay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from .._address import CACHED, client_address

Trusted: TypeAlias = str | IPv4Address | IPv6Address | IPv4Network | IPv6Network

UNIX = "unix:"
"""Stands in `trusted_proxies` for peers without an address: clients of a Unix socket."""
MOST_HOPS = 100
"""Hops to walk past at most. No chain of proxies is as long: what is longer was made up."""
LONGEST_FORWARDED = 8192
"""Characters of a Forwarded header to look at; 100 hops take fewer."""


class TrustedProxies:
    """The addresses and networks whose forwarding headers are believed; false if there are none.

    Args:
        trusted: addresses and networks, as text or as objects of `ipaddress`; `UNIX` for peers
            that come through a Unix socket.

    Raises:
        ValueError: an entry is none of these.
    """

    def __init__(self, trusted: Trusted | Iterable[Trusted]) -> None:
        entries = [trusted] if isinstance(trusted, Trusted) else list(trusted)
        self._unix = UNIX in entries
        self._networks = [_network(entry) for entry in entries if entry != UNIX]
        self._trusts = lru_cache(CACHED)(self._is_in_a_network)

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def trusts(self, peer: object) -> bool:
        """Whether what the server hands over as the peer's address is a trusted proxy's."""
        address = client_address(peer)
        return self._unix if address is None else self._trusts(address)

    def client(
        self, peer: object, forwarding_headers: Callable[[], tuple[str | None, str | None]]
    ) -> str | None:
        """The IP address of the client; None if there is none to be had.

        If both headers are there they have to agree: which of them the proxy wrote and which it
        passed on from the client cannot be told.

        Args:
            peer: what the server hands over as the peer's address.
            forwarding_headers: called only for a trusted peer; gives X-Forwarded-For and Forwarded,
                each None if absent.
        """
        address = client_address(peer)
        if not self.trusts(peer):
            return address
        x_forwarded_for, forwarded = forwarding_headers()
        said = set()
        if x_forwarded_for is not None:
            said.add(self._first_untrusted(_hops(x_forwarded_for), address))
        if forwarded is not None:
            said.add(self._first_untrusted(_forwarded_hops(forwarded), address))
        return said.pop() if len(said) == 1 else None if said else address

    def _first_untrusted(self, hops: Iterable[str | None], peer: str | None) -> str | None:
        """Walks hops that are named from the right; a hop that is no address ends the walk."""
        client = peer
        for client in hops:
            if client is None or not self._trusts(client):
                break
        return client

    def _is_in_a_network(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._networks)


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


def _hops(header: str) -> Iterator[str | None]:
    """The addresses of an X-Forwarded-For header, from the right; None for what is none."""
    for piece in reversed(header.rsplit(",", MOST_HOPS)):
        hop = piece.strip(" \t")
        if hop:
            yield _hop_address(hop)


def _forwarded_hops(header: str) -> Iterator[str | None]:
    """The addresses of a Forwarded header (RFC 7239), from the right; None for what is none.

    A header that breaks the grammar names nobody: an unclosed quote of the client's would swallow
    what the proxy has added.
    """
    elements = _parse_forwarded(header) if len(header) <= LONGEST_FORWARDED else None
    if elements is None:
        yield None
        return
    for element in reversed(elements):
        if element:
            yield _hop_address(element["for"]) if "for" in element else None


def _parse_forwarded(header: str) -> list[dict[str, str]] | None:
    """The header's elements as parameters by lower-case name; None if it breaks the grammar."""
    elements: list[dict[str, str]] = [{}]
    end = 0
    while match := _PARAMETER.match(header, end):
        name, value, separator = match.groups()
        if name:
            if name.lower() in elements[-1]:
                return None
            elements[-1][name.lower()] = _ESCAPED.sub(
                r"\1", value.removeprefix('"').removesuffix('"')
            )
        if not separator:
            return elements
        if separator == ",":
            elements.append({})
        end = match.end()
    return None


def _hop_address(hop: str) -> str | None:
    """A hop's address, without brackets and port."""
    match = _BRACKETED.match(hop) or _WITH_PORT.match(hop)
    return client_address(match[1] if match else hop)


_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?\Z")
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}\Z")
_PARAMETER = re.compile(
    r"""[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([^\s",;\\]+|"(?:[^"\\]|\\.)*")[ \t]*)?([;,]|\Z)"""
)
_ESCAPED = re.compile(r"\\(.)")
