"""Starts the real p0f on the loopback interface, and stops, continues and ends it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ..needs import find, unavailable

P0F = shutil.which("p0f")


class RealP0f:
    """A p0f process that listens on `lo`. `options` go to its command line.

    Args:
        interface: another interface to listen on.
        runner: a command that runs p0f in a place of its own, such as `own_network.COMMAND`.
    """

    def __init__(
        self, folder: Path, *options: str, interface: str = "lo", runner: Sequence[str] = ()
    ) -> None:
        self.socket_path = str(folder / "p0f.sock")
        self._output = folder / "p0f.out"
        self._options = options
        self._interface = interface
        self._runner = runner
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> RealP0f:
        """Start and wait until it captures and listens."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *(*self._runner, find("p0f"), "-i", self._interface, "-s", self.socket_path),
                    *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Stopped in a process group that other processes leave, it would be sent SIGHUP.
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while b"Entered main event loop" not in self._output.read_bytes():
            if not self.alive or time.monotonic() > deadline:
                unavailable(f"p0f may not capture here: {self._output.read_text()[-300:]}")
            time.sleep(0.01)
        return self

    def __enter__(self) -> RealP0f:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it and leave its socket file behind."""
        if self._process is not None:
            self.resume()
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # it takes a moment

    def resume(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """CPU time it has used, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def introduce(self, address: str) -> None:
        """Connect from a loopback address until p0f knows the host: on a busy machine it may miss
        a packet."""
        from p0f_middleware import P0f

        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        local = "::1" if ":" in address else "127.0.0.1"
        deadline = time.monotonic() + 10
        with (
            socket.create_server((local, 0), family=family) as server,
            P0f(self.socket_path, timeout=5) as client,
        ):
            while time.monotonic() < deadline:
                target = server.getsockname()[:2]
                with socket.create_connection(target, source_address=(address, 0)):
                    for _ in range(500):
                        if client.lookup(address) is not None:
                            return
                        time.sleep(0.002)
        raise AssertionError(f"p0f has not seen {address}")
