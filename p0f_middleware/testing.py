"""FakeP0f: a p0f API server in a thread, for tests of code that uses p0f.

    with FakeP0f() as p0f:
        p0f.hosts["192.0.2.1"] = P0fInfo(os_name="Linux", distance=3)
        app = P0fWSGIMiddleware(app, p0f.socket_path)

A test can put it into the states of a real p0f (stopped, full, restarted).

Theory of operation: one thread serves all connections with a selector. The test's thread changes
plain attributes, which the serving thread reads once for each query. Methods that change which
sockets are served (`stall`, `fill`, `resume`, `stop`) send a byte through a socket pair, and wait
until the serving thread sends it back: then the change is in effect.
"""

import contextlib
import ipaddress
import os
import selectors
import shutil
import socket
import tempfile
import threading
from collections import UserDict
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ._address import client_address
from ._daemon.protocol import DIALECTS, P0F_3, QUERY_SIZE, write_answer
from ._info import P0fInfo

__all__ = ["SAMPLE", "FakeP0f"]

SAMPLE = P0fInfo(
    first_seen=1767225600,
    last_seen=1767229200,
    total_conn=7,
    uptime_min=4321,
    up_mod_days=49,
    distance=9,
    os_name="Linux",
    os_flavor="3.11 and newer",
    http_name="Firefox",
    http_flavor="10.x or newer",
    link_type="Ethernet or modem",
    language="English",
)

_WAKE, _STOP = b"w", b"s"  # orders to the serving thread: check the state again, or end


def _make_folder() -> str:
    # The path of a Unix socket has at most 103 bytes on some systems, and TMPDIR may be longer.
    parent = tempfile.gettempdir()
    fits = len(os.fsencode(f"{parent}/fake-p0f-12345678/p0f.sock")) <= 103
    return tempfile.mkdtemp(prefix="fake-p0f-", dir=parent if fits else "/tmp")


class _Hosts(UserDict[Any, P0fInfo]):
    def __setitem__(self, address: object, info: P0fInfo) -> None:
        self.data[self._key(address)] = info

    def __getitem__(self, address: object) -> P0fInfo:
        return self.data[self._key(address)]

    def __delitem__(self, address: object) -> None:
        del self.data[self._key(address)]

    def __contains__(self, address: object) -> bool:
        return client_address(str(address)) in self.data

    @staticmethod
    def _key(address: object) -> str:
        canonical = client_address(str(address))
        if canonical is None:
            raise ValueError(f"hosts has IP addresses of hosts as keys; {address!r} is not one")
        return canonical


class FakeP0f:
    """A p0f that knows the hosts in `hosts`. Use it as a context manager, or `start` and `stop` it.

    Args:
        socket_path: where to listen; None for a temporary folder, which `stop` removes.
        dialect: the daemon to imitate: "p0f 3.0x", "p0f-mtu" or "p0f-v3-api2".
        default: the answer for hosts that are not in `hosts`; None for "no match".
    """

    def __init__(
        self,
        socket_path: str | os.PathLike[str] | None = None,
        *,
        dialect: str = P0F_3.name,
        default: P0fInfo | None = None,
    ) -> None:
        self._folder = None if socket_path else _make_folder()
        self.socket_path: str = os.fspath(socket_path or f"{self._folder}/p0f.sock")
        self._hosts = _Hosts()
        self.default = default
        self.queries: list[str] = []
        """The addresses of the queries so far, in order."""
        self.connections: int = 0
        """How many connections it has accepted."""
        self._dialect = next(d for d in DIALECTS.values() if d.name == dialect)
        self._respond: Callable[[str], bytes] | None = None
        self._stalled = self._full = False
        self._thread: threading.Thread | None = None

    @property
    def hosts(self) -> MutableMapping[Any, P0fInfo]:
        """The hosts it knows, by IP address: text in any spelling, or an object of `ipaddress`.
        Other keys raise ValueError. It can be set to another mapping, which is copied."""
        return self._hosts

    @hosts.setter
    def hosts(self, hosts: Mapping[Any, P0fInfo]) -> None:
        self._hosts = _Hosts(hosts)

    def start(self) -> "FakeP0f":
        """Listen. Replaces the socket file, as p0f does."""
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("FakeP0f needs Unix sockets, which Python does not have on this system")
        if self._folder:
            os.makedirs(self._folder, 0o700, exist_ok=True)  # `stop` removes it
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket_path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.socket_path)
        self._listener.listen()
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End as a killed p0f does: connections close; the file of a given `socket_path` stays."""
        self.refuse()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def restart(self) -> None:
        """Stop and start again: connections close, `hosts` is cleared, the socket file is new."""
        self.refuse()
        self.hosts.clear()
        self.start()

    def refuse(self) -> None:
        """End and leave the socket file behind, so that the kernel refuses connections to it."""
        if self._thread is not None:
            self._waker.send(_STOP)
            self._thread.join()
            self._thread = None
            self._waker.close()

    def stall(self) -> None:
        """Answer no query and accept no connection, like a stopped p0f, until `resume`."""
        self._stalled = True
        self._notify()

    def fill(self) -> None:
        """Accept no more connections, like a p0f whose API connections are all in use."""
        self._full = True
        self._notify()

    def resume(self) -> None:
        """Work again after `stall` or `fill`, and answer the queries that arrived meanwhile."""
        self._stalled = self._full = False
        self._notify()

    def answer_with(self, respond: Callable[[str], bytes] | bytes | None) -> None:
        """Answer every query with these bytes, or with what this function of the query's address
        returns. Empty bytes close the connection. None: send p0f's answers again."""
        self._respond = (lambda _: respond) if isinstance(respond, bytes) else respond

    def __enter__(self) -> "FakeP0f":
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _notify(self) -> None:
        if self._thread is not None:
            self._waker.send(_WAKE)
            self._waker.recv(1)

    def _serve(self) -> None:
        connections: set[socket.socket] = set()
        order = _WAKE
        try:
            while order != _STOP:
                for sock in self._ready(connections):
                    if sock is self._wake:
                        order = self._wake.recv(1)
                        self._wake.send(order)
                    elif sock is self._listener:
                        self.connections += 1
                        connections.add(self._listener.accept()[0])
                    elif not self._answer(sock):
                        connections.discard(sock)
                        sock.close()
        finally:
            for sock in (self._listener, self._wake, *connections):
                sock.close()

    def _ready(self, connections: set[socket.socket]) -> list[socket.socket]:
        """Those of the sockets that p0f serves in its present state which can be read."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            if not self._stalled:
                for sock in connections if self._full else (self._listener, *connections):
                    selector.register(sock, selectors.EVENT_READ)
            return [key.fileobj for key, _ in selector.select()]  # type: ignore[misc]

    def _answer(self, sock: socket.socket) -> bool:
        """Answer one query; whether the connection stays open."""
        try:
            query = sock.recv(QUERY_SIZE)
            answer = self._make_answer(query) if len(query) == QUERY_SIZE else b""
            sock.sendall(answer)
        except OSError:
            return False
        return bool(answer)

    def _make_answer(self, query: bytes) -> bytes:
        version, packed = query[4], query[5:]
        ip_address = str(ipaddress.ip_address(packed[:4] if version == 4 else packed))
        self.queries.append(ip_address)
        if self._respond is not None:
            return self._respond(ip_address)
        return write_answer(self.hosts.get(ip_address, self.default), self._dialect)
