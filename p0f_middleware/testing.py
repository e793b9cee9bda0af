"""FakeP0f: a p0f API server in a thread, for tests of what uses p0f.

    with FakeP0f() as p0f:
        p0f.hosts["192.0.2.1"] = P0fInfo(os_name="Linux", distance=3)
        app = P0fWSGIMiddleware(app, p0f.socket_path)

pytest has it as a fixture, in every project where p0f_middleware is installed:

    def test_linux_gets_the_penguin(fake_p0f):
        fake_p0f.hosts["192.0.2.1"] = P0fInfo(os_name="Linux")
        app = P0fWSGIMiddleware(app, fake_p0f.socket_path)

It speaks p0f's API as the real one does, and can be put into the states that a real one gets into.
It captures nothing: it knows the hosts it was told.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import selectors
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from types import TracebackType

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
"""A host as p0f describes many."""

_LOOK, _STOP = b"l", b"s"
"""What the thread is told: to look at its state again, or to end."""


class FakeP0f:
    """A p0f that knows the hosts it is told. Use it as a context manager, or `start` and `stop` it.

    Args:
        socket_path: where to listen; None for a place of its own, removed by `stop`.
        dialect: the daemon to imitate: "p0f 3.0x", "p0f-mtu" or "p0f-v3-api2".
        default: what to say of hosts that are not in `hosts`; None for 'no match'.
    """

    def __init__(
        self,
        socket_path: str | os.PathLike[str] | None = None,
        *,
        dialect: str = P0F_3.name,
        default: P0fInfo | None = None,
    ) -> None:
        self._folder = None if socket_path else tempfile.mkdtemp(prefix="fake-p0f-")
        self.socket_path: str = os.fspath(socket_path or f"{self._folder}/p0f.sock")
        self.hosts: dict[str, P0fInfo] = {}
        """What is known, by address."""
        self.default = default
        self.queries: list[str] = []
        """The addresses asked for, in order."""
        self.connections = 0
        """How many connections were accepted."""
        self._dialect = next(d for d in DIALECTS.values() if d.name == dialect)
        self._respond: Callable[[str], bytes] | None = None
        self._stalled = False
        self._full = False
        self._thread: threading.Thread | None = None

    def start(self) -> FakeP0f:
        """Listen. Replaces the socket file, as p0f does."""
        if self._folder:
            os.makedirs(self._folder, 0o700, exist_ok=True)  # `stop` has removed it
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
        """End as p0f does when it is killed: connections close, the file stays (if not our own)."""
        self._end()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def restart(self) -> None:
        """Stop and start again: connections end, hosts are forgotten, a new file is made."""
        self._end()
        self.hosts.clear()
        self.start()

    def refuse(self) -> None:
        """End and leave the socket file behind: connecting to it is refused."""
        self._end()

    def stall(self) -> None:
        """Answer nothing and accept nobody, like a stopped p0f, until `resume`."""
        self._stalled = True
        self._notify()

    def fill(self) -> None:
        """Accept nobody any more, like a p0f whose API connections are all taken."""
        self._full = True
        self._notify()

    def resume(self) -> None:
        """Be well again, after `stall` or `fill`; what was asked meanwhile is answered now."""
        self._stalled = self._full = False
        self._notify()

    def answer_with(self, respond: Callable[[str], bytes] | bytes | None) -> None:
        """Send these bytes to every query instead of an answer; None ends it.

        Args:
            respond: the bytes, or a function of the asked address that returns them. Empty bytes
                close the connection.
        """
        self._respond = (lambda _: respond) if isinstance(respond, bytes) else respond

    def __enter__(self) -> FakeP0f:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _notify(self) -> None:
        """Have the thread look at its state, and wait until it has."""
        if self._thread is not None:
            self._waker.send(_LOOK)
            self._waker.recv(1)

    def _end(self) -> None:
        if self._thread is not None:
            self._waker.send(_STOP)
            self._thread.join()
            self._thread = None
            self._waker.close()

    def _serve(self) -> None:
        connections: set[socket.socket] = set()
        told = _LOOK
        try:
            while told != _STOP:
                for sock in self._ready(connections):
                    if sock is self._wake:
                        told = self._wake.recv(1)
                        self._wake.send(told)
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
        """Wait for whatever the present state lets p0f take care of."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            if not self._stalled:
                for sock in connections if self._full else (self._listener, *connections):
                    selector.register(sock, selectors.EVENT_READ)
            return [key.fileobj for key, _ in selector.select()]  # type: ignore[misc]

    def _answer(self, sock: socket.socket) -> bool:
        """Answer one query. False if the connection is to be closed."""
        try:
            query = sock.recv(QUERY_SIZE)
            answer = self._make_answer(query) if len(query) == QUERY_SIZE else b""
            if answer:
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
