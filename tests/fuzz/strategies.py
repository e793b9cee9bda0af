"""Requests as servers could hand them over, as strategies of hypothesis; oddities included.

What each server gives was measured; here those are the seeds, beside anything of any type.
"""

from __future__ import annotations

import io
import struct
from typing import Any

from hypothesis import strategies as st

from ..shared.syns import WINDOWS, syn

PROXY, CLIENT = "10.0.0.1", "198.51.100.7"
SYN_HEADER = "X-Client-SYN"

ADDRESSES = [
    *f"127.0.0.1 ::1 ::ffff:127.0.0.1 {CLIENT} {PROXY} {CLIENT}:51008 [2001:db8::7]:51008".split(),
    *("0.0.0.0", "::", "::58cb:75d7:0:0%3611", "localhost", "None", "testclient", "unix:"),
    *("fe80::1%eth0", "/run/app.sock", "", "\ud800", "1" * 70),
]
PORTS: list[Any] = [50000, "50000", 0, "0", "", "None", None, 65536, -1, "9" * 5000, 1.5, True]

_plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
junk: st.SearchStrategy[Any] = st.recursive(
    _plain | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
addresses: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(ADDRESSES), st.just(PROXY), st.just(CLIENT), st.ip_addresses().map(str), junk
)
ports: st.SearchStrategy[Any] = st.sampled_from(PORTS) | st.integers(0, 65535) | junk

# Headers that clients and proxies write


SYNS = [syn(CLIENT, 50000), syn(CLIENT, 50000, WINDOWS), syn("2001:db8::7", 50000)]
syn_headers = st.sampled_from([packet.hex() for packet in SYNS]) | st.text(max_size=30)
_HOPS = f'{CLIENT} {PROXY} {CLIENT}:51008 unix: unknown for=1.2.3.4 for="[::1]:1" " ;'.split()
hops = st.sampled_from([*_HOPS, ""]) | st.text(max_size=10)
forwarded = st.lists(hops, max_size=5).map(",".join) | st.text(max_size=60)
_CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0"
agents = st.sampled_from([_CHROME, "Mozilla/5.0 (X11; Linux x86_64)", "curl/8"]) | st.text()
header_lists = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["X-Forwarded-For", "Forwarded", "x_forwarded_for"]), forwarded),
        st.tuples(st.just("X-Client-Port"), ports.map(str)),
        st.tuples(st.just(SYN_HEADER), syn_headers),
        st.tuples(st.sampled_from(["User-Agent", "Sec-CH-UA-Platform"]), agents),
        st.tuples(st.text(max_size=15), st.text(max_size=15)),
    ),
    max_size=6,
)

# Objects of servers


class Trouble(Exception):
    """Raised by an object of the server's."""


def _trouble(*_: Any) -> Any:
    raise Trouble


_METHODS = ("__getattr__", "__iter__", "__len__", "__eq__", "__hash__")
Raising: Any = type("Raising", (), dict.fromkeys(_METHODS, _trouble))
"""Raises whatever is done with it."""


def raising_after(values: list[Any]) -> Any:
    yield from values
    raise Trouble


def _environ(
    address: Any, port: Any, headers: list[tuple[str, str]], more: dict[str, Any], missing: set[str]
) -> dict[str, Any]:
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO()}
    environ |= {"REQUEST_METHOD": "GET", "REMOTE_ADDR": address, "REMOTE_PORT": port}
    for name, value in headers:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ |= more
    return {key: value for key, value in environ.items() if key not in missing}


_KEYS = "gunicorn.socket werkzeug.socket waitress.client_disconnected wsgi.input SERVER_SOFTWARE"
_keys = st.sampled_from([*_KEYS.split(), "HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "headers_raw"])
environs = st.builds(
    _environ,
    addresses,
    ports,
    header_lists,
    st.dictionaries(_keys, st.builds(Raising) | junk | header_lists, max_size=2),
    st.sets(st.sampled_from(["REMOTE_ADDR", "REMOTE_PORT", "wsgi.input"])),
)


def _raw(pairs: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in pairs
    ]


raw_headers = header_lists.map(_raw)
any_headers: st.SearchStrategy[Any] = st.one_of(
    raw_headers,
    raw_headers.map(tuple),
    raw_headers.map(lambda pairs: [tuple(map(bytearray, pair)) for pair in pairs]),
    raw_headers.map(lambda pairs: (iter(pair) for pair in pairs)),
    raw_headers.map(lambda pairs: dict(pairs).items()),
    raw_headers.map(raising_after),
    st.builds(Raising),
    junk,
)
_pairs = st.tuples(addresses, ports)
clients: st.SearchStrategy[Any] = st.one_of(
    *(_pairs, _pairs.map(list), _pairs.map(iter), _pairs.map(list).map(raising_after)),
    *(st.tuples(addresses), st.builds(Raising), st.none(), junk),
)
servers: st.SearchStrategy[Any] = st.tuples(junk, junk) | st.sampled_from(
    [("192.0.2.9", 80), ("/run/app.sock", None), ("/", "t"), None, (), ("", None), "x", 7]
)


def _scope(kind: str, client: Any, headers: Any, server: Any, missing: set[str]) -> dict[str, Any]:
    scope = {"type": kind, "client": client, "headers": headers, "server": server, "state": {}}
    return {key: value for key, value in scope.items() if key not in missing}


scopes = st.builds(
    _scope,
    st.sampled_from(["http", "websocket"]),
    clients,
    any_headers,
    servers,
    st.sets(st.sampled_from(["client", "headers", "server"])),
)

# Answers of p0f


def _answer(status: int, body: bytes, size: int) -> bytes:
    return (struct.pack("=II", 0x50304602, status) + body).ljust(size, b"\0")[:size]


_statuses = st.sampled_from([0x10, 0x10, 0x20, 0x00, 0x99])
_sizes = st.sampled_from([232, 232, 232, 234, 243, 231, 8])
answers = st.builds(_answer, _statuses, st.binary(max_size=224), _sizes) | st.binary(min_size=1)
