"""Where the demo's fingerprints come from: a p0f that runs, the SYN of each connection, a p0f of
the demo's own, or a sample host.

This module knows no request and no page. The fact a reader would get wrong: the sample does not
describe the visitor. It is for people who have no other source, and the demo must show
`DemoSource.sample_because` wherever it shows the sample. A p0f started here sees only the demo's
port, and ends with the demo.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .._info import P0fInfo
from .._socket_folder import SOCKET_NAME, make_socket_folder
from .._visitor import Source, VisitorSource
from ..syn import Syn, save_syn
from ..testing import SAMPLE

P0F_FOLDERS = ("/usr/local/sbin", "/usr/sbin")
"""Where p0f is installed; only root has these folders in PATH."""
START_TIMEOUT = 10.0
"""Seconds to wait for p0f to start, which takes about 20 milliseconds."""


class SampleHost:
    """A source with the same fingerprint for every address: `SAMPLE`."""

    def lookup(self, ip_address: str) -> P0fInfo:
        return SAMPLE


@dataclass(frozen=True)
class DemoSource:
    """The source of the demo's fingerprints.

    Attributes:
        source: the middleware's option `source`.
        origin: where its fingerprints come from, in words.
        sample_because: why its fingerprints are a sample; None if they are the visitors' own.
    """

    source: str | Source | VisitorSource
    origin: str
    sample_because: str | None = None


class CannotStart(Exception):
    """A source cannot be used here; the message says why and what to do."""


@contextlib.contextmanager
def open_source(
    listener: socket.socket, *, socket_path: str | None = None, kind: str | None = None
) -> Iterator[DemoSource]:
    """The best available source for the visitors of `listener`; closes it at the end.

    Args:
        socket_path: the path of p0f's socket; None if there is no p0f to ask.
        kind: a key of `SOURCE_MAKERS`; None for `socket_path` or, without one, the first source
            that works.
    """
    if socket_path and kind is None:
        yield DemoSource(socket_path, f"p0f at {socket_path}")
        return
    problems = []
    with contextlib.ExitStack() as stack:
        for maker in SOURCE_MAKERS.values() if kind is None else (SOURCE_MAKERS[kind],):
            try:
                source = stack.enter_context(maker(listener))
                break
            except CannotStart as error:
                problems.append(str(error))
        else:
            source = DemoSource(SampleHost(), "a sample host", sample_because="; ".join(problems))
        yield source


@contextlib.contextmanager
def saved_syns(listener: socket.socket) -> Iterator[DemoSource]:
    """Make Linux keep the SYN of each connection to `listener`.

    Raises:
        CannotStart: this system does not keep SYNs.
    """
    try:
        save_syn(listener)
    except OSError as error:
        raise CannotStart(str(error)) from error
    yield DemoSource(Syn(arm=False), "the SYN that opened this connection, without p0f")


@contextlib.contextmanager
def own_p0f(listener: socket.socket) -> Iterator[DemoSource]:
    """Run a p0f that watches the connections to `listener`.

    Raises:
        CannotStart: p0f is not installed, or has no permission to capture packets.
    """
    host, port = listener.getsockname()[:2]
    folders = (*os.get_exec_path(), *P0F_FOLDERS)
    program = shutil.which("p0f", path=os.pathsep.join(folders))
    if program is None:
        raise CannotStart("p0f is not installed; try apt-get install p0f, then run this as root")
    interface = "lo" if host == "::1" or host.startswith("127.") else "any"
    with _socket_folder() as folder:
        socket_path, errors = str(folder / SOCKET_NAME), folder / "errors"
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [program, "-i", interface, "-s", socket_path, f"tcp port {port}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            _wait_until_it_listens(process, socket_path, errors)
            yield DemoSource(socket_path, f"a p0f of the demo's own, on interface {interface}")
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def no_source(listener: socket.socket) -> Iterator[DemoSource]:
    """Stands for no source at all, for people who want to see the sample.

    Raises:
        CannotStart: always.
    """
    raise CannotStart("you chose it with --source sample")
    yield


SOURCE_MAKERS = {"syn": saved_syns, "p0f": own_p0f, "sample": no_source}
"""The sources that need no running p0f, best first, by their name for --source."""


@contextlib.contextmanager
def _socket_folder() -> Iterator[Path]:
    try:
        folder = make_socket_folder("p0f-demo-")
    except OSError as error:
        raise CannotStart(str(error)) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_listens(
    process: subprocess.Popen[bytes], socket_path: str, errors: Path
) -> None:
    """Wait for p0f's socket. p0f opens it after its interface, so then it misses no connection."""
    deadline = time.monotonic() + START_TIMEOUT
    while not _listens(socket_path):
        if process.poll() is not None:
            raise CannotStart(_why_it_ended(errors.read_text(errors="replace")))
        if time.monotonic() > deadline:
            raise CannotStart(f"p0f did not start in {START_TIMEOUT:g} s")
        time.sleep(0.01)


def _listens(socket_path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(socket_path) == 0


def _why_it_ended(errors: str) -> str:
    if "permi" in errors:
        return "p0f has no permission to capture packets; run this as root"
    return f"p0f did not start: {' '.join(errors.split()) or 'it gave no reason'}"
