"""Visitors: what a source may know of a request, read from environ or scope when it is asked for.

No other module reads environ and scope. `_visitor` says what a visitor is for, `proxies` who is
believed, `syn/servers` where a server keeps a connection.

The fact a reader would get wrong: WSGI has one key for X-Forwarded-For and X_Forwarded_For, so a
client may send the latter. If the server leaves the raw headers in environ, those are read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from .._address import Endpoint, endpoint, port_number
from .._outcome import NO_ADDRESS
from .._user_agent import Headers, header_text, read_headers
from .._visitor import NoConnection, Visitor
from ..syn import servers
from ..syn.kernel import Socket, is_unix
from .proxies import NAMING_HEADERS, Client, ProxyRules

_SCHEMES = {"http": "http", b"http": "http", "https": "https", b"https": "https"}
_HEADERS = (
    "User-Agent",
    "Sec-CH-UA-Platform",
    "Via",
    "Sec-Purpose",
    "X-Forwarded-Proto",
    *NAMING_HEADERS,
)
_UNIX_PEER = (
    f"{NO_ADDRESS.reason}: it came through a Unix socket. If that is how your proxy connects, set"
    " trusted_proxies=['unix:']"
)


class BaseVisitor(Visitor):
    """What visitors of both kinds have in common."""

    __slots__ = ("_client", "_peer", "_rules")

    # Each kind has a method for:
    _read_peer: Callable[[], Endpoint]  # `peer`, worked out
    _peer_key: Callable[[], object]  # the peer as environ or scope has it, cheaper than `peer`
    named_systems: Callable[[], tuple[Any, Any]]
    """User-Agent and Sec-CH-UA-Platform, on which alone most verdicts depend."""
    raw_claims: Callable[[], Sequence[Any]]
    """What `claims` are made of: `_HEADERS`, the scheme as the server gives it, and whether
    browsers send no client hints with such a request (a CORS preflight, a WebSocket's handshake).
    """
    _server_http_version: Callable[[], str | None]
    _server_says_unix: Callable[[], bool]  # that the peer came through a Unix socket

    def __init__(self, rules: ProxyRules) -> None:
        self._rules = rules
        self._client: Client | None = None
        self._peer: Endpoint | None = None

    @property
    def client(self) -> Client:
        """Whose request it is, by the middleware's options on proxies, of which there are some."""
        client = self._client
        if client is None:
            address, port = self.peer()
            client = self._rules.client(address, port, self.on_unix_socket, self.header)
            self._client = client
        return client

    # Most sites have no proxy to name, and their requests need not pay for the question.
    @property
    def address(self) -> str | None:
        return self.client.address if self._rules.active else self.peer_address

    @property
    def port(self) -> int | None:
        return (self.client.port if self._rules.active else self.peer_port) or None

    @property
    def behind_proxy(self) -> bool:
        return self._rules.active and self.client.behind_proxy

    @property
    def peer_address(self) -> str | None:
        return self.peer()[0]

    @property
    def peer_port(self) -> int | None:
        return self.peer()[1]

    @property
    def http_version(self) -> str | None:
        if self.behind_proxy:
            return "3" if self.client.http3 else None
        return self._server_http_version()

    def connection_key(self) -> tuple[object | None, object]:
        """What tells a connection from others: the server's object, None if it shows none; and
        address and port, in whatever form the server gives them.

        Behind a trusted proxy there is no object, and address and port are those that it names;
        None if it does not name the port.
        """
        if self._rules.active and self.client.behind_proxy:
            address, port, *_ = self.client
            # A direct connection from the same address and port is another one, with another key.
            return None, ("behind a proxy", address, port) if address and port else None
        return self.server_object(), self._peer_key()

    def why_no_client(self) -> str:
        """Why a request has no client address, for `p0f.reason`."""
        if not self.behind_proxy:
            return _UNIX_PEER if self.on_unix_socket() else str(NO_ADDRESS.reason)
        proxy, header = self.peer_address or "on the Unix socket", self._rules.client_header
        if self.header(header) is None:
            return (
                f"the trusted proxy {proxy} sent no {header}: let it send one, or name the header"
                " that it sends in client_header (waitress removes it, unless it is started with"
                " --no-clear-untrusted-proxy-headers)"
            )
        return f"the trusted proxy {proxy} names no IP address in {header}"

    def is_trusted(self, address: str | None) -> bool:
        return self._rules.trusted.trusts(address)

    def peer(self) -> Endpoint:
        """The peer's canonical address and its port, as the server gives them. The port is None if
        the server gives none, 0 if it gives something that is no port."""
        peer = self._peer
        if peer is None:
            peer = self._peer = self._read_peer()
        return peer

    def is_last(self) -> bool:
        """Whether the client ends its connection after this request (RFC 9112, section 9.6)."""
        value = self.header("Connection")
        return value is not None and value.strip().lower() == "close"

    def claims(self) -> Headers:
        """What the request says of itself and of its way here."""
        *headers, scheme, without_hints = self.raw_claims()
        user_agent, platform, via, purpose, proxy_scheme, *named = headers
        forwarded = next(filter(self._names_another, named), None)
        if self.behind_proxy:
            # The proxy may have written these two itself, and alone knows how the client came.
            via = forwarded = None
            scheme = _SCHEMES.get(proxy_scheme)
        if platform is None and scheme == "https" and without_hints:
            scheme = None
        return read_headers(user_agent, platform, scheme, via, forwarded, purpose)

    def _names_another(self, forwarded: object) -> bool:
        # The server may have put the header's address in the peer's place.
        return (
            bool(forwarded)
            and self.peer_address not in header_text(forwarded).replace(",", " ").split()
        )

    def on_unix_socket(self) -> bool:
        """Whether the peer is known to have come through a Unix socket.

        The socket's own family decides; the server's words count only where it shows no socket.
        """
        try:
            known = is_unix(self.socket())
        except NoConnection:
            known = None
        return self._server_says_unix() if known is None else known


class WSGIVisitor(BaseVisitor):
    """The sender of a WSGI request."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any], rules: ProxyRules) -> None:
        self._rules = rules
        self._client = None
        self._peer = None
        self._environ = environ

    def _read_peer(self) -> Endpoint:
        environ = self._environ
        address, port = endpoint(environ.get("REMOTE_ADDR"))
        if port is None and "REMOTE_PORT" in environ:
            port = port_number(environ["REMOTE_PORT"])
        return address, port

    def _peer_key(self) -> object:
        environ = self._environ
        return environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT")

    def header(self, name: str) -> str | None:
        raw = self._environ.get("headers_raw")  # eventlet
        if raw is not None:
            values = [value for key, value in raw if key.lower() == name.lower()]
            return ",".join(values) if values else None
        value = self._environ.get(_environ_key(name))
        return value if isinstance(value, str) else None

    def socket(self) -> Socket:
        return servers.wsgi_socket(self._environ)

    def server_object(self) -> object | None:
        return servers.wsgi_object(self._environ)

    def named_systems(self) -> tuple[Any, Any]:
        environ = self._environ
        return environ.get("HTTP_USER_AGENT"), environ.get("HTTP_SEC_CH_UA_PLATFORM")

    def raw_claims(self) -> Sequence[Any]:
        environ = self._environ
        without_hints = "HTTP_UPGRADE" in environ or environ.get("REQUEST_METHOD") == "OPTIONS"
        return [*map(environ.get, _CLAIM_KEYS), without_hints]

    def _server_http_version(self) -> str | None:
        protocol = self._environ.get("SERVER_PROTOCOL")
        # Servers write HTTP/3 or HTTP/3.0; the others are HTTP/1.1 and HTTP/2.
        return protocol.partition("/")[2].removesuffix(".0") if isinstance(protocol, str) else None

    def _server_says_unix(self) -> bool:
        # gunicorn, cheroot and granian give '' for the client of a Unix socket, and for nobody else
        return bool(self._environ.get("REMOTE_ADDR") == "")


class ASGIVisitor(BaseVisitor):
    """The sender of an ASGI request. `receive` and `send` are the server's own."""

    __slots__ = ("_receive", "_scope", "_send")

    def __init__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[..., Any] | None,
        send: Callable[..., Any] | None,
        rules: ProxyRules,
    ) -> None:
        self._rules = rules
        self._client = None
        self._peer = None
        self._scope = scope
        self._receive = receive
        self._send = send

    def _read_peer(self) -> Endpoint:
        client = self._scope.get("client")
        if not isinstance(client, (tuple, list)) or not client:
            return None, None
        address, port = endpoint(client[0])
        if port is None and len(client) > 1:
            port = port_number(client[1])
        return address, port

    def _peer_key(self) -> object:
        client = self._scope.get("client")
        return tuple(client) if isinstance(client, list) else client

    def header(self, name: str) -> str | None:
        wanted = name.lower().encode()
        values = [bytes(value) for key, value in self._headers() if key == wanted]
        return b",".join(values).decode("latin-1") if values else None

    def socket(self) -> Socket:
        return servers.asgi_socket(self._scope, self._receive, self._send)

    def server_object(self) -> object | None:
        return servers.asgi_object(self._receive, self._send)

    def named_systems(self) -> tuple[Any, Any]:
        user_agent = platform = None
        for name, value in self._headers():
            if name == b"user-agent":
                user_agent = value
            elif name == b"sec-ch-ua-platform":
                platform = value
        return user_agent, platform

    def raw_claims(self) -> Sequence[Any]:
        found = [*_NOT_SENT, self._scope.get("scheme"), self._scope.get("method") == "OPTIONS"]
        for name, value in self._headers():
            if name in _PLACES:
                found[_PLACES[name]] = value
        return found

    def _headers(self) -> Iterable[tuple[Any, Any]]:
        return self._scope.get("headers") or ()

    def _server_http_version(self) -> str | None:
        version = self._scope.get("http_version")
        return version if isinstance(version, str) else None

    def _server_says_unix(self) -> bool:
        client, server = self._scope.get("client"), self._scope.get("server")
        if isinstance(client, (tuple, list)) and client and client[0] == "":  # granian
            return True
        path = server[0] if isinstance(server, (tuple, list)) and server else None
        return isinstance(path, str) and path.startswith(("/", "@", "\0"))


@cache
def _environ_key(name: str) -> str:
    """The key of a header in environ (PEP 3333, CGI). Names come from options, so they are few."""
    return f"HTTP_{name.upper().replace('-', '_')}"


_CLAIM_KEYS = *map(_environ_key, _HEADERS), "wsgi.url_scheme"
_PLACES = {name.lower().encode(): place for place, name in enumerate(_HEADERS)}
_NOT_SENT = [None] * len(_HEADERS)
