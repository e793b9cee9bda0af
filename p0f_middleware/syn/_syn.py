"""Syn: the source that reads the SYN of the request's own connection, without a p0f daemon.

Whose SYN a request gets is decided here. What the kernel does is in `_kernel`, how listeners are
found in `_listeners`, where servers keep the socket in `_server_sockets`, and what a SYN tells in
`_fingerprint`.

The fact a reader would get wrong: the connection's SYN is not always the client's. Behind a proxy
it is the proxy's, so it counts only if it comes from the address and port that the server reports
as the client.

The SYN names the kernel's own peer: TCP keeps it with the connection that it opens, whose peer is
the SYN's source. So it is compared with what the server reports, and `getpeername`, which would say
the same, is asked only where there is no SYN to compare.
"""

from __future__ import annotations

import logging
import re
import time
from functools import lru_cache
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from .._address import client_address
from .._log import logger
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._public import public
from .._visitor import NoConnection, Visitor
from ..fingerprint.fingerprinter import LONGEST_TEXT, Fingerprint, SignatureFile, fingerprinter
from ._kernel import is_armed, peer_name, read_syn_once, save_syn, socket_cookie
from ._listeners import armer

__all__ = ["Syn", "when_ready"]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXTS_REMEMBERED = 4096
_MOST_KINDS = 20
"""Kinds of failures to log, each once."""
_NOT_A_SYN = Outcome(None, P0fStatus.NO_MATCH, "this is not a SYN that p0f fingerprints")


def when_ready(server: Any) -> None:
    """Enable TCP_SAVE_SYN on gunicorn's listeners before it starts workers, so that no connection
    comes too early.

    For gunicorn.conf.py: `from p0f_middleware.syn import when_ready`.
    """
    for listener in server.LISTENERS:
        try:
            save_syn(listener.sock)
        except OSError as error:
            logger().warning("the SYNs of connections to %s are not kept: %s", listener, error)


@public
class Syn:
    """A source of fingerprints that reads the SYN Linux keeps of each connection::

        app = P0fWSGIMiddleware(app, Syn())
        app = P0fASGIMiddleware(app, Syn(header="X-Client-SYN"), trusted_proxies=["10.0.0.1"])

    Args:
        database: the path of a signature file in p0f's format; None for the package's own. A file
            that has changed is read again when the next `Syn` is made.
        arm: have Linux keep SYNs (see `save_syn`) on every TCP listener of this process: those
            there are, those that a thread finds within 10 seconds, or 1 second after the last, and
            when a request's connection turns out to have none. With False you call `save_syn`
            yourself.
        header: the name of a header in which a trusted proxy sends its client's SYN: IP and TCP
            headers in hexadecimal, as HAProxy's fc_saved_syn gives them, or p0f's text of a SYN, as
            huginn-proxy does. Only the middleware's `trusted_proxies` are believed.

    Raises:
        TypeError: `trusted_proxies` was given, which is the middleware's.
        ValueError: `header` is not the name of a header, or the signature file has an error.
        OSError: the signature file cannot be read.
    """

    answers_at_once = True
    """It never waits, so it serves ASGI too."""

    def __new__(cls, **options: Any) -> Syn:
        if "trusted_proxies" in options:
            raise TypeError(
                "Syn takes no trusted_proxies; give trusted_proxies to the middleware, as in"
                " P0fWSGIMiddleware(app, Syn(...), trusted_proxies=[...])"
            )
        return super().__new__(cls)

    def __init__(
        self, *, database: SignatureFile = None, arm: bool = True, header: str | None = None
    ) -> None:
        if header is not None and not (isinstance(header, str) and _HEADER_NAME.fullmatch(header)):
            raise ValueError(f"header is the name of an HTTP header or None, not {header!r}")
        self._header = header
        reader = fingerprinter(database)
        self._read, self._read_text = reader.read, reader.read_text
        self._arm = arm
        self._said: set[str] = set()
        if arm:
            armer.start()

    @property
    def header(self) -> str | None:
        """The header in which a trusted proxy sends its client's SYN; None if none does."""
        return self._header

    def fingerprint(self, visitor: Visitor, _deadline: float, /) -> Outcome:
        """What the SYN of the visitor's connection tells. Never waits."""
        try:
            if visitor.behind_proxy:
                return self._from_proxy(visitor)
            if self._header is not None and self._comes_through_proxy(visitor, self._header):
                return self._from_replaced_peer(visitor, self._header)
            return self._from_connection(visitor)
        except NoConnection as error:
            return self._unavailable(str(error), str(error))
        except OSError as error:
            reason = f"the connection's SYN cannot be read: {error.strerror or error}"
            return self._unavailable(reason, reason)

    def _from_connection(self, visitor: Visitor) -> Outcome:
        address, port = visitor.peer_address, visitor.peer_port
        if address is None:
            return NO_ADDRESS
        fd = visitor.connection()
        syn = read_syn_once(fd, socket_cookie(fd))
        if syn is None:
            return self._missing(fd)
        seconds, packet = syn
        found = self._read(packet, seconds)
        if found is None or found.address is None:
            return _NOT_A_SYN
        if found.address == _packed(address) and (port is None or port == found.port != 0):
            return found.outcome
        return self._unavailable(
            "replaced peer",
            f"the server reports {address} port {port or 'unknown'} as the client, but the"
            f" connection comes from {ip_address(found.address)} port {found.port}: a proxy's"
            " header was applied before this middleware. Have the server report the peer itself"
            " (uvicorn: --no-proxy-headers) and name the proxy in trusted_proxies",
        )

    def _missing(self, fd: int) -> Outcome:
        """The outcome for a connection without SYN, which it will not get any more."""
        if is_armed(fd):
            reason = (
                "the kernel kept no SYN: the connection came just as TCP_SAVE_SYN was enabled, or"
                " with SYN cookies, or something else has read it"
            )
            return self._unavailable(reason, reason)
        reason = "TCP_SAVE_SYN was not enabled on the listener when this connection came"
        if self._arm:
            armer.look_again()
            return self._unavailable("armed", reason, logging.INFO)
        return self._unavailable("unarmed", f"{reason}: call save_syn")

    # Behind a proxy. A SYN in hexadecimal names its sender, who has to be the client by all else
    # that is known: a SYN that came to this proxy from another proxy is not the client's. p0f's
    # text names nobody and is taken at the proxy's word.

    def _from_proxy(self, visitor: Visitor) -> Outcome:
        """What a trusted proxy says of its client."""
        if self._header is None:
            return self._unavailable(
                "proxy",
                "the peer is a trusted proxy, and its own SYN is not the client's: have it send its"
                " client's SYN and use Syn(header=...)",
            )
        text = visitor.header(self._header)
        if text is None:
            return self._unavailable(
                "no header", f"the peer is a trusted proxy and sends no {self._header} header"
            )
        found = self._read_header(text)
        if found is None:
            return _NOT_A_SYN
        if found.address is None:
            return found.outcome
        sender, client = str(ip_address(found.address)), visitor.address
        if sender == client and visitor.port in (None, found.port):
            return found.outcome
        if client != visitor.peer_address:
            return self._somebody_else(self._header, sender, client)
        # No header names a client, so the SYN alone says who it is.
        if visitor.is_trusted(sender):
            return self._unavailable(
                "proxy before proxy",
                f"the SYN in {self._header} is from {sender}, but that is a trusted proxy too",
            )
        return found.outcome

    def _comes_through_proxy(self, visitor: Visitor, header: str) -> bool:
        """Whether the connection is a trusted proxy's although the server reports its client as
        the peer: the PROXY protocol, or uvicorn's proxy headers."""
        if visitor.header(header) is None:
            return False
        peer = peer_name(visitor.connection())
        return peer is not None and visitor.is_trusted(client_address(peer[0]))

    def _from_replaced_peer(self, visitor: Visitor, header: str) -> Outcome:
        """The same, where the server has put the client in the proxy's place.

        Its port may still be the proxy's.
        """
        client = visitor.address
        if client is None:
            return NO_ADDRESS
        found = self._read_header(visitor.header(header) or "")
        if found is None:
            return _NOT_A_SYN
        if found.address is None or found.address == _packed(client):
            return found.outcome
        return self._somebody_else(header, str(ip_address(found.address)), client)

    def _read_header(self, text: str) -> Fingerprint | None:
        """What a proxy's text of a SYN tells; one in p0f's notation is that of many clients."""
        text = text.strip()
        if len(text) > LONGEST_TEXT:
            return None
        seconds = int(time.time()) if ":" in text else _first_time(text)
        return self._read_text(text, seconds)

    def _somebody_else(self, header: str, sender: str, client: str | None) -> Outcome:
        return self._unavailable(
            "somebody else",
            f"the SYN in {header} is from {sender}, but the client is {client or 'unknown'}",
        )

    def _unavailable(self, kind: str, reason: str, level: int = logging.WARNING) -> Outcome:
        """The outcome of a lookup that failed; the log says so for the first of its kind."""
        if kind not in self._said and len(self._said) < _MOST_KINDS:
            self._said.add(kind)
            logger().log(level, "no fingerprint for this request: %s (said once)", reason)
        return unavailable(reason)


def _packed(address: str) -> bytes | None:
    """An address as a SYN has it; None for text that is not an address."""
    try:
        return inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):
        return None


@lru_cache(_TEXTS_REMEMBERED)
def _first_time(_text: str) -> int:
    """When a text was met first. One in hexadecimal belongs to one connection, whose requests all
    get the same time."""
    return int(time.time())
