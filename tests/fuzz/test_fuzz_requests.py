"""Whole requests, some hundred of each kind: P0F_FUZZ_REQUESTS examples (300)."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from p0f_middleware import _outage
from p0f_middleware._daemon.connection import close_drained

from .fuzz_requests import Sources, test_of

EXAMPLES = int(os.environ.get("P0F_FUZZ_REQUESTS", "300"))


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
    )(test_of(kind, sources))
    checked()
