"""Syn: fingerprints from the SYN of the request's own connection, without a p0f daemon.

Linux keeps the SYN of an accepted connection if its listener was armed (`save_syn`). What the
kernel does is in _saved_syn, how listeners are armed in _arming, where servers have the connection
in _servers, and what a SYN tells in _match; here they come together.

The fact a reader would get wrong: the connection's SYN is not always the client's. Behind a proxy
it is the proxy's, so it counts only if it comes from the address and port that the server gives
the client.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from .._address import client_address
from .._fields import STRING_SIZE, MatchQuality
from .._info import P0fInfo, seen_once
from .._log import logger
from .._outcome import NO_ADDRESS, Outcome, P0fStatus
from .._request.proxies import Trusted, TrustedProxies
from ._kernel import (
    ByConnection,
    is_armed,
    peer_name,
    save_syn,
    saved_syn,
    socket_cookie,
)
from ._listeners import armer
from ._match import Matcher, Verdict
from ._server_sockets import NoConnection, asgi_connection, wsgi_connection
from ._signatures import load

__all__ = ["Syn", "save_syn", "when_ready"]

Header: TypeAlias = Callable[[str], "str | None"]
"""Gives the request's header of that name, its repetitions joined; None if absent."""

SIGNATURES = Path(__file__).with_name("signatures.fp")
_LONGEST_HEADER = 1024
"""Characters of a header that may be a SYN in hexadecimal; the longest headers take 240."""
_HEADERS_REMEMBERED = 4096
_MOST_KINDS = 20
"""Kinds of failures to log, each once."""


def when_ready(server: Any) -> None:
    """Arm gunicorn's listeners before it starts workers, so that no connection comes too early.

    For gunicorn.conf.py: `from p0f_middleware.syn import when_ready`.
    """
    for listener in server.LISTENERS:
        try:
            save_syn(listener.sock)
        except OSError as error:
            logger().warning("the SYNs of connections to %s are not kept: %s", listener, error)


class _Seen(NamedTuple):
    """What is known of one SYN: who sent it and what that tells; or why there is none."""

    address: str | None
    port: int
    outcome: Outcome


_NO_SYN = _Seen(None, 0, Outcome(None, P0fStatus.NO_MATCH, "this is no SYN that p0f fingerprints"))


class Syn:
    """A source of fingerprints that reads the SYN Linux keeps of each connection.

        app = P0fWSGIMiddleware(app, Syn())
        app = P0fASGIMiddleware(app, Syn())

    Args:
        database: the path of a signature file in p0f's format; None for the package's own.
        arm: have Linux keep SYNs (see `save_syn`) on every TCP socket of this process that listens:
            now, as a thread finds them within 10 seconds, or 1 second after the last, and when a
            request's connection turns out to have none. With False you call `save_syn` yourself.
        header: the name of a header in which a trusted proxy sends the client's SYN: the IP header
            and the TCP header in hexadecimal, as HAProxy's fc_saved_syn gives them.
        trusted_proxies: addresses and networks (and 'unix:' for peers that come through a Unix
            socket) of the proxies. Of their own SYNs nothing is told.

    Raises:
        ValueError: an option makes no sense, or the signature file has an error.
        OSError: the signature file cannot be read.
    """

    def __init__(
        self,
        *,
        database: str | os.PathLike[str] | None = None,
        arm: bool = True,
        header: str | None = None,
        trusted_proxies: Trusted | Iterable[Trusted] = (),
    ) -> None:
        self._proxies = TrustedProxies(trusted_proxies)
        if header is not None and not self._proxies:
            raise ValueError("header is read from trusted_proxies only, and there are none")
        self._header = header
        self._matcher = _matcher(os.fspath(database or SIGNATURES))
        self._arm = arm
        self._connections: ByConnection[_Seen] = ByConnection()
        self._read_header = lru_cache(_HEADERS_REMEMBERED)(self._read_hex)
        self._said: set[str] = set()
        if arm:
            armer.start()

    def look_up_wsgi(self, environ: Mapping[str, Any]) -> Outcome:
        """p0f.info, p0f.status and p0f.reason of a WSGI request. Raises nothing, waits for nothing.

        The reason is one sentence: why p0f.info is None or, if it is not, what it rests on.
        """
        return self._look_up(
            environ.get("REMOTE_ADDR"),
            environ.get("REMOTE_PORT"),
            partial(wsgi_connection, environ),
            partial(_wsgi_header, environ),
        )

    def look_up_asgi(
        self, scope: Mapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> Outcome:
        """The same of an ASGI request. Wants the `receive` and `send` of the server itself."""
        address, port = scope.get("client") or (None, None)
        return self._look_up(
            address,
            port,
            partial(asgi_connection, scope, receive, send),
            partial(_asgi_header, scope),
        )

    def _look_up(
        self, peer: object, port: object, connection: Callable[[], int], header: Header
    ) -> Outcome:
        try:
            if self._proxies:
                outcome = self._from_proxy(peer, connection, header)
                if outcome is not None:
                    return outcome
            address = client_address(peer)
            if address is None:
                return NO_ADDRESS
            return self._from_connection(address, _number(port), connection())
        except NoConnection as error:
            return self._unavailable(str(error), str(error))
        except OSError as error:
            reason = f"the connection's SYN cannot be read: {error}"
            return self._unavailable(reason, reason)

    def _from_connection(self, address: str, port: int, fd: int) -> Outcome:
        cookie = socket_cookie(fd)
        seen = self._connections.get(cookie)
        if seen is None:
            syn = saved_syn(fd, cookie)
            seen = self._read(syn) if syn else self._missing(fd)
            self._connections.put(cookie, seen)
        if seen.address is None or (seen.address == address and port in (0, seen.port)):
            return seen.outcome
        return self._unavailable(
            "proxy",
            f"the peer is a proxy: the connection is from {seen.address} port {seen.port},"
            f" the request from {address} port {port or 'unknown'}",
        )

    def _missing(self, fd: int) -> _Seen:
        """A connection without SYN, which it will not get any more."""
        if is_armed(fd):
            reason = (
                "the kernel kept no SYN: the connection came just as its listener was armed, or"
                " with SYN cookies, or something else has read it"
            )
            return _Seen(None, 0, self._unavailable(reason, reason))
        reason = "the listener was not armed before this connection came"
        if self._arm:
            armer.look_again()
            return _Seen(None, 0, self._unavailable("armed", reason, logging.INFO))
        return _Seen(None, 0, self._unavailable("unarmed", f"{reason}: call save_syn"))

    def _from_proxy(
        self, peer: object, connection: Callable[[], int], header: Header
    ) -> Outcome | None:
        """What a trusted proxy says of its client; None if the request comes from none.

        The SYN has to be the client's by all else that is known: by what the server gives as the
        client if that is no longer the proxy, and by X-Forwarded-For and Forwarded if there are any
        (a SYN that came to this proxy from another proxy is none of the client's).
        """
        syn = header(self._header) if self._header else None
        if self._proxies.trusts(peer):
            if syn is None:
                return self._unavailable("proxy", "the peer is a proxy and sends no client's SYN")
            forwarding = header("X-Forwarded-For"), header("Forwarded")
            alone = forwarding == (None, None)
            client = None if alone else self._proxies.client(peer, lambda: forwarding)
        elif syn is not None and self._proxies.trusts(_peer_address(connection())):
            alone, client = False, client_address(peer)
        else:
            return None
        seen = self._read_header(syn) if len(syn) <= _LONGEST_HEADER else _NO_SYN
        if seen.address is None or seen.address == client:
            return seen.outcome
        if alone and not self._proxies.trusts(seen.address):
            return seen.outcome
        said = "that is a proxy too" if alone else f"the client is {client or 'unknown'}"
        return self._unavailable(
            "proxy", f"the SYN in {self._header} is from {seen.address}, but {said}"
        )

    def _read_hex(self, syn: str) -> _Seen:
        try:
            return self._read(bytes.fromhex(syn))
        except ValueError:
            return _NO_SYN

    def _read(self, syn: bytes) -> _Seen:
        match = self._matcher.match(syn)
        if match is None:
            return _NO_SYN
        host, reason = _told(match.verdict)
        info = seen_once(host, int(time.time()))
        return _Seen(str(ip_address(match.source)), match.port, Outcome(info, P0fStatus.OK, reason))

    def _unavailable(self, kind: str, reason: str, level: int = logging.WARNING) -> Outcome:
        """The outcome of a lookup that failed; the log says so for the first of its kind."""
        if kind not in self._said and len(self._said) < _MOST_KINDS:
            self._said.add(kind)
            logger().log(level, "no fingerprint for this request: %s (said once)", reason)
        return Outcome(None, P0fStatus.UNAVAILABLE, reason)


def fingerprint_syn(data: bytes, database: str | os.PathLike[str] | None = None) -> P0fInfo | None:
    """What the IP and TCP headers of a SYN tell; None if p0f would not fingerprint it."""
    match = _matcher(os.fspath(database or SIGNATURES)).match(data)
    return None if match is None else seen_once(_told(match.verdict)[0], int(time.time()))


@lru_cache(8)
def _matcher(database: str) -> Matcher:
    return Matcher(load(database))


@lru_cache(1024)
def _told(verdict: Verdict) -> tuple[P0fInfo, str]:
    """A verdict as a P0fInfo, but for the two moments in it, and in words."""
    fields: dict[str, Any] = {
        "raw_sig": verdict.raw_sig,
        "total_conn": 1,
        "link_type": _cut(verdict.link),
        "link_mtu": verdict.link_mtu,
    }
    if not verdict.random_ttl and not verdict.excess_distance:
        fields["distance"] = verdict.distance
    label = verdict.label
    if label is not None and not label.userland:
        fields["os_name"] = _cut(label.name)
        fields["os_flavor"] = _cut(label.flavor)
        fields["os_match_q"] = MatchQuality.FUZZY * verdict.fuzzy | (
            MatchQuality.GENERIC * verdict.generic
        )
    return P0fInfo(**fields), _words(verdict)


def _words(verdict: Verdict) -> str:
    """Which signature a verdict rests on, named by its label in p0f's notation."""
    label = verdict.label
    if label is None:
        return f"no signature matches {verdict.raw_sig}"
    name = f"{'g' if label.generic else 's'}:{label.os_class}:{label.name}:{label.flavor}"
    if label.userland:
        return f"the SYN is that of a program, which tells no system: {name}"
    return f"the SYN matches {name}{' but for a detail' if verdict.fuzzy else ''}"


def _cut(name: str | None) -> str | None:
    """As much of a name as P0fInfo has room for; other people's signature files may have longer."""
    return name.encode()[:STRING_SIZE].decode(errors="ignore") if name else None


def _number(port: object) -> int:
    """A port as servers give it: an int, a str, or nothing that could be one; then 0."""
    if isinstance(port, int):
        return port
    return int(port) if isinstance(port, str) and port.isdecimal() else 0


def _peer_address(fd: int) -> str | None:
    name = peer_name(fd)
    return name[0] if name else None


def _wsgi_header(environ: Mapping[str, Any], name: str) -> str | None:
    value: str | None = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    return value


def _asgi_header(scope: Mapping[str, Any], name: str) -> str | None:
    wanted = name.lower().encode("latin-1")
    values = [bytes(value) for key, value in scope["headers"] if key == wanted]
    return b",".join(values).decode("latin-1") if values else None
