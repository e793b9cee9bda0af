"""AsyncP0f shared by threads, each with event loops of its own that come and go."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from p0f_middleware import AsyncP0f, P0fInfo
from p0f_middleware.testing import FakeP0f

HOST = "192.0.2.1"


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Have threads interrupt each other wherever they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hurried_threads")
def test_loops_that_end_in_many_threads_do_not_disturb_each_other(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts[HOST] = P0fInfo(os_name="Linux")
    client = AsyncP0f(fake_p0f.socket_path, timeout=10)

    def ask(_: int) -> P0fInfo | None:
        return asyncio.run(client.lookup(HOST))

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(200))) == {fake_p0f.hosts[HOST]}
