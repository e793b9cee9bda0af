"""The invariants on random inputs: P0F_FUZZ seconds (2), P0F_FUZZ_REQUESTS examples (300)."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import threading
import time
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from p0f_middleware import _outage
from p0f_middleware._daemon.connection import close_drained

from .protocol import check
from .requests import Sources, prop

SECONDS = float(os.environ.get("P0F_FUZZ", "2"))
EXAMPLES = int(os.environ.get("P0F_FUZZ_REQUESTS", "300"))
TOKENS = [
    *(b"\x02\x46\x30\x50\x10\0\0\0", b"\x02\x46\x30\x50\x20\0\0\0", b" ", b'"', b"\\"),
    *b"10.0.0.1 203.0.113.9 ::ffff:192.0.2.1 fe80::1%eth0 [2001:db8::1]:443 for= , ;".split(),
]


def random_input(random: random.Random) -> bytes:
    """Bytes with pieces in them that a reader takes for something."""
    pieces = [
        random.choice(TOKENS) if random.random() < 0.5 else random.randbytes(random.randrange(40))
        for _ in range(random.randrange(30))
    ]
    return random.randbytes(1) + b"".join(pieces)


def test_no_input_breaks_an_invariant() -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    ends = time.monotonic() + SECONDS
    inputs = 0
    while time.monotonic() < ends:
        data = random_input(source)
        inputs += 1
        try:
            check(data)
        except BaseException as error:
            pytest.fail(f"seed {seed}, input {inputs}: {data!r}: {type(error).__name__} {error}")
    print(f"\nrandom inputs: {inputs} in {SECONDS:g} s, seed {seed}")


def open_sockets() -> set[str]:
    """Sockets by their inodes; the descriptor that lists them is none."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return {target for target in found if target.startswith(("socket:", "pipe:", "anon_inode:"))}


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """Ends with the assertion that nothing is left open."""
    monkeypatch.setattr(_outage, "FIRST_DELAY", _outage.FIRST_DELAY)  # which Sources changes
    gc.collect()
    sockets, threads = open_sockets(), set(threading.enumerate())
    sources = Sources()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield sources
        sources.close()
        close_drained()  # a connection with half an answer is kept until its server has gone
        gc.collect()
    assert open_sockets() <= sockets
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_no_request_breaks_or_leaks(sources: Sources, kind: str) -> None:
    checked = settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck)
    )(prop(kind, sources))
    checked()
