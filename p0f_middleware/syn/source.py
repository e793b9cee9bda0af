"""Syn: the source that reads the SYN of the request's own connection, without a p0f daemon.

Whose SYN a request gets is decided here. Behind a proxy the connection's SYN is the proxy's, so it
counts only if it comes from the address and port that the server reports as the client: the SYN
names the kernel's own peer, for TCP keeps it with the connection that it opens.

Theory of operation. The kernel hands out a SYN once, so what was read is kept for all sources of
the process: with the server's object of the connection, and gone when that goes; or, where there
is none, by the descriptor, for as long as it has the same socket. Two requests of one connection
may ask in two threads at once, so a lock is held from the look at what is kept until the SYN is.
Nothing in between waits, nor lets another greenlet run.
"""

import logging
import os
import re
import time
from functools import lru_cache, partial
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, inet_pton
from threading import Lock
from typing import Any, TypeAlias
from weakref import ref

from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._public import logger, public
from .._visitor import NoConnection, Visitor
from ..fingerprint import SignatureFile, fingerprinter
from . import listeners
from .kernel import LINUX, keeps_syns, peer_of, read_saved_syn, save_syn

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MOST_KINDS = 20  # of failures to log, each once
_LOCK_IS_LOST = 0.1  # seconds: its owner is gone, with a fork or an exception of a signal handler
_NOT_A_SYN = Outcome(None, P0fStatus.NO_MATCH, "this is not a SYN that p0f fingerprints")

SavedSyn: TypeAlias = tuple[int, bytes]  # when it was read (seconds since 1970), and the SYN

# By `id` of the server's object, a weak reference to it, and the SYN. By descriptor, as a negative
# number, the inode number of its socket, and the SYN.
_kept: dict[int, tuple[Any, SavedSyn]] = {}
_lock = Lock()


def when_ready(server: Any) -> None:
    """gunicorn's hook: enables TCP_SAVE_SYN before there are workers, so that no connection comes
    too early. For gunicorn.conf.py: `from p0f_middleware.syn import when_ready`."""
    for listener in server.LISTENERS:
        try:
            save_syn(listener.sock)
        except OSError as error:
            logger().warning("the SYNs of connections to %s are not kept: %s", listener, error)


@public
class Syn:
    """A source of fingerprints that reads the SYN Linux keeps of each connection::

        app = P0fASGIMiddleware(app, Syn(header="X-Client-SYN"), trusted_proxies=["10.0.0.1"])

    Args:
        database: the path of a signature file in p0f's format; None for the package's own.
        arm: turn TCP_SAVE_SYN on for all listeners of this process, also those it makes later, by a
            thread of at most 10 seconds. False: call `save_syn` yourself.
        header: the header in which one of the `trusted_proxies` sends its client's SYN: IP and TCP
            headers in hexadecimal, as HAProxy's fc_saved_syn gives them, or p0f's text of a SYN, as
            huginn-proxy does.

    Raises:
        ValueError: `header` is not the name of a header, or the signature file has an error.
        OSError: the signature file cannot be read.
    """

    answers_at_once = True
    """It never waits, so it serves ASGI too."""

    def __init__(
        self, *, database: SignatureFile = None, arm: bool = True, header: str | None = None
    ) -> None:
        if header is not None and not (isinstance(header, str) and _HEADER_NAME.fullmatch(header)):
            raise ValueError(f"header is the name of an HTTP header or None, not {header!r}")
        self.header = header
        reader = fingerprinter(database)
        self._read, self._read_text = reader.read, reader.read_text
        self._arm = arm
        self._logged: set[str] = set()
        if arm:
            listeners.search()

    def fingerprint(self, visitor: Visitor, _deadline: float, /) -> Outcome:
        """What the SYN of the visitor's connection tells. Never waits."""
        header = self.header
        try:
            if visitor.http_version == "3":
                return self._unavailable("HTTP/3 runs over QUIC, not TCP, so there is no SYN")
            if header is not None and (visitor.behind_proxy or _is_replaced(visitor, header)):
                return self._from_proxy(visitor, header)
            if not visitor.behind_proxy:
                return self._from_connection(visitor)
            return self._unavailable(
                "Syn() cannot see through a proxy. HAProxy 3.4: Syn(header=...). nginx, Caddy: the"
                " p0f daemon or SharedSyn"
            )
        except NoConnection as error:
            return self._unavailable(str(error))
        except OSError as error:
            return self._unavailable(
                f"the connection's SYN cannot be read: {error.strerror or error}"
            )

    def _from_connection(self, visitor: Visitor) -> Outcome:
        address, port = visitor.peer_address, visitor.peer_port
        if address is None:
            return NO_ADDRESS
        if not LINUX:
            return self._unavailable("only Linux keeps the SYN of a connection")
        syn = _saved_syn(visitor)
        if syn is None:
            return self._missing(visitor)
        seconds, packet = syn
        found = self._read(packet, seconds)
        if found is None or found.address is None:
            return _NOT_A_SYN
        if found.address == _packed(address) and (port is None or port == found.port != 0):
            return found.outcome
        return self._unavailable(
            f"the server reports {address} port {port or 'unknown'} as the client, but the"
            f" connection comes from {ip_address(found.address)} port {found.port}: a proxy's"
            " header was applied before this middleware. Have the server report the peer itself"
            " (uvicorn: --no-proxy-headers) and name the proxy in trusted_proxies",
            "replaced peer",
        )

    def _missing(self, visitor: Visitor) -> Outcome:
        if keeps_syns(visitor.socket()):
            return self._unavailable(
                "the kernel kept no SYN: the connection came just as TCP_SAVE_SYN was enabled, or"
                " with SYN cookies, or something else has read it"
            )
        reason = "TCP_SAVE_SYN was not enabled on the listener when this connection came"
        if not self._arm:
            return self._unavailable(f"{reason}: call save_syn")
        listeners.search_again()
        return self._unavailable(reason, level=logging.INFO)

    def _from_proxy(self, visitor: Visitor, header: str) -> Outcome:
        client = visitor.address
        text = (visitor.header(header) or "").strip()
        if text in ("", "-"):  # as proxies write a variable that is not set
            return self._unavailable(
                f"the trusted proxy sends no SYN in {header}. HAProxy: tcp-ss 1 on the bind line"
            )
        found = self._read_text(text, int(time.time()) if ":" in text else _first_time(text))
        if found is None:
            return _NOT_A_SYN
        if found.address is None:  # p0f's text names nobody: it is taken at the proxy's word
            return found.outcome
        sender = str(ip_address(found.address))
        # In the proxy's place, the client may have the port of either.
        if sender == client and (not visitor.behind_proxy or visitor.port in (None, found.port)):
            return found.outcome
        if client is None:
            # No header names a client, so the SYN alone says who it is.
            if not visitor.is_trusted(sender):
                return found.outcome
            return self._unavailable(
                f"the SYN in {header} is from {sender}, but that is a trusted proxy too",
                "proxy before proxy",
            )
        reason = f"the SYN in {header} is from {sender}, but the client is {client}"
        return self._unavailable(reason, "somebody else")

    def _unavailable(
        self, reason: str, kind: str | None = None, level: int = logging.WARNING
    ) -> Outcome:
        kind = kind or reason
        if kind not in self._logged and len(self._logged) < _MOST_KINDS:
            self._logged.add(kind)
            logger().log(level, "no fingerprint for this request: %s (logged once)", reason)
        return unavailable(reason)


def _is_replaced(visitor: Visitor, header: str) -> bool:
    """Whether the server reports the proxy's client as the peer: by the PROXY protocol, or by
    uvicorn's proxy headers."""
    return visitor.header(header) is not None and visitor.is_trusted(peer_of(visitor.socket())[0])


def _saved_syn(visitor: Visitor) -> SavedSyn | None:
    """The SYN of the visitor's connection, however often it is asked for; None if there is none."""
    connection = visitor.server_object()
    key = id(connection)
    kept = _kept.get(key)
    if kept is not None and kept[0]() is connection:
        return kept[1]
    sock = visitor.socket()
    mark: ref[object] | int
    try:
        # The reference's callback is C code: an exception of a signal handler in it would be lost.
        mark = ref(connection, partial(_kept.pop, key))
    except TypeError:  # there is no object, or one that takes no weak reference
        key = -1 - sock.fileno()
        mark = os.fstat(sock.fileno()).st_ino
    lock = _taken_lock()
    try:
        kept = _kept.get(key)
        if kept is not None and kept[0] == mark:
            return kept[1]
        packet = read_saved_syn(sock)
        if not packet:
            return None
        syn = int(time.time()), packet
        _kept[key] = mark, syn
        return syn
    finally:
        lock.release()


def _taken_lock() -> Lock:
    global _lock
    lock = _lock
    if not lock.acquire(timeout=_LOCK_IS_LOST):
        lock = _lock = Lock()
        lock.acquire()
    return lock


def _packed(address: str) -> bytes | None:
    try:
        return inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):  # not an address
        return None


@lru_cache(4096)
def _first_time(_text: str) -> int:
    # One in hexadecimal belongs to one connection, whose requests all get the same time.
    return int(time.time())
