"""Reads from a header which machines a request came through (its hops), from right to left.

The last proxy writes at the right end, so its words are read before any that a client has sent, and
a client can neither break nor replace them.

A Forwarded header (RFC 7239) can be read from the right, quotes included: of the pieces that begin
after a comma, the shortest one that is a complete element is the last element, since a piece that
begins inside a quoted string has an odd number of quotes, which no complete element has.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .._address import endpoint

UNIX = "unix:"
"""How nginx names the client of a Unix socket; in `trusted_proxies`: peers on a Unix socket."""
MOST_HOPS = 100
"""Hops to read at most. No real chain of proxies is longer."""
_LONGEST_ELEMENT = 1024
"""Characters of one element of a Forwarded header."""
_LONGEST_HEADER = 8192
"""Characters to read of a Forwarded header, from the right; servers accept 8 to 64 kB of it."""
_MOST_COMMAS = 4
"""Commas inside the quoted strings of one element."""


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
