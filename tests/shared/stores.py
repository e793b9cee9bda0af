"""Redis servers for tests, each in a folder of its own, and a stand-in with scripted answers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import free_port, is_listening

SERVER = os.environ.get("STORE_SERVER", "redis-server")  # or valkey-server


class RealStore:
    """A server on the loopback interface that saves nothing; its log and socket are in a folder.
    With `tls`, its port accepts only TLS."""

    def __init__(self, folder: Path, options: tuple[str, ...] = (), *, tls: bool = False):
        self._folder = folder
        self._options = options
        self._tls = tls
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def unix_url(self) -> str:
        return f"unix://{self._folder}/store.sock"

    def start(self) -> RealStore:
        if shutil.which(SERVER) is None:
            pytest.skip(f"{SERVER} is missing")
        ports = ["--port", "0", "--tls-port"] if self._tls else ["--port"]
        command = [SERVER, *ports, str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--unixsocket", f"{self._folder}/store.sock", "--dir", str(self._folder)]
        command += self._options
        with (self._folder / "store.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not is_listening(f"{self._folder}/store.sock"):
            said = (self._folder / "store.log").read_text()
            if "Failed finding TLS support" in said:
                pytest.skip(f"{SERVER} was built without TLS")
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(said)
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Stop it with SIGSTOP: the kernel still accepts connections, but gets no answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it. It can be started again, on the same port and socket."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> RealStore:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


@contextlib.contextmanager
def stand_in(answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """The URL of a server that answers each piece of data with `answer`; None hangs up."""

    def talk(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            while (data := sock.recv(65536)) and (reply := answer(data)) is not None:
                sock.sendall(reply)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
