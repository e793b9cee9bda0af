"""Where the demo's fingerprints come from: a p0f that runs, one of its own, or a sample host.

The sample is for those who have no p0f yet: it is not the visitor, and `Source.sample_because` has
to be shown wherever it is. A p0f started here sees the demo's own port only, and ends with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .testing import SAMPLE, FakeP0f

P0F_FOLDERS = ("/usr/local/sbin", "/usr/sbin")
"""Where p0f is installed, which is on root's PATH only."""
STARTING = 10.0
"""Seconds that p0f may take to start. It takes some 20 milliseconds."""


@dataclass(frozen=True)
class Source:
    """Something that speaks p0f's API.

    Attributes:
        socket_path: where to ask.
        origin: what it is, for people.
        sample_because: why it is a sample and no p0f; None if it is p0f.
    """

    socket_path: str
    origin: str
    sample_because: str | None = None


class CannotStart(Exception):
    """p0f cannot be started; the message says why and what to do."""


@contextlib.contextmanager
def open_source(socket_path: str | None, host: str, port: int) -> Iterator[Source]:
    """The best source there is for visitors of `host` and `port`, for as long as it is used."""
    with contextlib.ExitStack() as stack:
        if socket_path:
            yield Source(socket_path, f"p0f at {socket_path}")
            return
        try:
            source = stack.enter_context(own_p0f(host, port))
        except CannotStart as error:
            fake = stack.enter_context(FakeP0f(default=SAMPLE))
            source = Source(fake.socket_path, "a sample host", sample_because=str(error))
        yield source


@contextlib.contextmanager
def own_p0f(host: str, port: int) -> Iterator[Source]:
    """Run a p0f that watches the connections to `port`.

    Raises:
        CannotStart: p0f is not installed, or may not capture packets.
    """
    folders = (*os.get_exec_path(), *P0F_FOLDERS)
    program = shutil.which("p0f", path=os.pathsep.join(folders))
    if program is None:
        raise CannotStart("p0f is not installed; try apt-get install p0f, then run this as root")
    interface = "lo" if host in ("localhost", "::1") or host.startswith("127.") else "any"
    with tempfile.TemporaryDirectory(prefix="p0f-demo-") as folder:
        socket_path, errors = f"{folder}/p0f.sock", Path(folder, "errors")
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [program, "-i", interface, "-s", socket_path, f"tcp port {port}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            _wait_until_it_listens(process, socket_path, errors)
            yield Source(socket_path, f"a p0f of the demo's own, on interface {interface}")
        finally:
            process.terminate()
            process.wait()


def _wait_until_it_listens(
    process: subprocess.Popen[bytes], socket_path: str, errors: Path
) -> None:
    """p0f opens its socket after the interface, so from then on it misses no connection."""
    deadline = time.monotonic() + STARTING
    while not _listens(socket_path):
        if process.poll() is not None:
            raise CannotStart(_why_it_ended(errors.read_text(errors="replace")))
        if time.monotonic() > deadline:
            raise CannotStart(f"p0f did not start in {STARTING:g} s")
        time.sleep(0.01)


def _listens(socket_path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(socket_path) == 0


def _why_it_ended(errors: str) -> str:
    if "permi" in errors:
        return "p0f may not capture packets; run this as root"
    return f"p0f did not start: {' '.join(errors.split()) or 'it gave no reason'}"
