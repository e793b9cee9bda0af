"""Where the demo's fingerprints come from: a p0f that runs, the SYN of each connection, a p0f of
the demo's own, or a sample host.

The sample is for those who have nothing else: it is not the visitor, and `Source.sample_because`
has to be shown wherever it is. A p0f started here sees the demo's own port only, and ends with it.
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

from ..syn import Syn, save_syn
from ..testing import SAMPLE, FakeP0f

P0F_FOLDERS = ("/usr/local/sbin", "/usr/sbin")
"""Where p0f is installed, which is on root's PATH only."""
STARTING = 10.0
"""Seconds that p0f may take to start. It takes some 20 milliseconds."""


@dataclass(frozen=True)
class Source:
    """Something to ask for fingerprints.

    Attributes:
        ask: the middleware's `source`.
        origin: what it is, for people.
        sample_because: why it is a sample; None if it is not.
    """

    ask: str | Syn
    origin: str
    sample_because: str | None = None


class CannotStart(Exception):
    """There are no fingerprints to be had in this way; the message says why and what to do."""


@contextlib.contextmanager
def open_source(
    listener: socket.socket, *, socket_path: str | None = None, kind: str | None = None
) -> Iterator[Source]:
    """The best source there is for visitors of `listener`, for as long as it is used.

    Args:
        socket_path: p0f's socket, if there is one to be asked.
        kind: the one of `WAYS` to use; None for the first that works.
    """
    if socket_path and kind is None:
        yield Source(socket_path, f"p0f at {socket_path}")
        return
    problems = []
    with contextlib.ExitStack() as stack:
        for way in WAYS.values() if kind is None else (WAYS[kind],):
            try:
                source = stack.enter_context(way(listener))
                break
            except CannotStart as error:
                problems.append(str(error))
        else:
            fake = stack.enter_context(FakeP0f(default=SAMPLE))
            because = "; ".join(problems)
            source = Source(fake.socket_path, "a sample host", sample_because=because)
        yield source


@contextlib.contextmanager
def saved_syns(listener: socket.socket) -> Iterator[Source]:
    """Have Linux keep the SYN of each connection.

    Raises:
        CannotStart: this is not Linux, or one that keeps none.
    """
    try:
        save_syn(listener)
    except OSError as error:
        raise CannotStart(str(error)) from error
    yield Source(Syn(arm=False), "the SYN that opened this connection, without p0f")


@contextlib.contextmanager
def own_p0f(listener: socket.socket) -> Iterator[Source]:
    """Run a p0f that watches the connections to `listener`.

    Raises:
        CannotStart: p0f is not installed, or may not capture packets.
    """
    host, port = listener.getsockname()[:2]
    folders = (*os.get_exec_path(), *P0F_FOLDERS)
    program = shutil.which("p0f", path=os.pathsep.join(folders))
    if program is None:
        raise CannotStart("p0f is not installed; try apt-get install p0f, then run this as root")
    interface = "lo" if host == "::1" or host.startswith("127.") else "any"
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


@contextlib.contextmanager
def no_source(listener: socket.socket) -> Iterator[Source]:
    """Nothing at all, for those who want to see the sample."""
    raise CannotStart("it was asked for")
    yield


WAYS = {"syn": saved_syns, "p0f": own_p0f, "sample": no_source}
"""Sources that need no p0f to be there, best first."""


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
