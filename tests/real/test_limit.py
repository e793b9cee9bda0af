"""p0f serves 20 API connections and spins when there is one more: how the clients live with it.

The connection too many stays in p0f's queue also when its client has left, and p0f spins until a
slot is free. Nobody can tell beforehand, so what the clients can do is to come seldom.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from p0f_middleware import AsyncP0f, P0f, P0fTimeout, P0fUnavailable
from p0f_middleware._daemon.protocol import make_query

from ..daemon.clients import opened
from .daemon import RealP0f

SLOTS = 20


def load(p0f: RealP0f, seconds: float) -> float:
    """The share of a CPU that p0f uses."""
    before, began = p0f.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (p0f.cpu_seconds() - before) / (time.monotonic() - began)


@contextlib.contextmanager
def slots_taken(p0f: RealP0f) -> Iterator[list[socket.socket]]:
    """Hold all of p0f's connections, each accepted: it has answered a query."""
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(SLOTS)]
        for sock in taken:
            sock.settimeout(5)
            sock.connect(p0f.socket_path)
            sock.sendall(make_query("127.0.0.1"))
            assert len(sock.recv(4096)) == 232
        yield taken


def test_a_full_p0f_is_left_alone_at_once_and_asked_again_when_a_slot_is_free(
    real_p0f: RealP0f, caplog: pytest.LogCaptureFixture
) -> None:
    client = P0f(real_p0f.socket_path)
    with slots_taken(real_p0f) as taken:
        began = time.monotonic()
        with pytest.raises(P0fTimeout, match="-S"):
            client.lookup("127.0.0.1")
        took = time.monotonic() - began
        assert client.connection is None, "the connection in vain was kept"
        with pytest.raises(P0fUnavailable, match="next try in"):
            client.lookup("127.0.0.1")
        taken[0].close()
        freed = time.monotonic()
        while True:
            with contextlib.suppress(P0fUnavailable):
                client.lookup("127.0.0.1")
                break
            assert time.monotonic() - freed < 5
            time.sleep(0.01)
        back = time.monotonic() - freed
        calm = load(real_p0f, 0.3)
    print(f"\nfull: failed in {took * 1000:.1f} ms; back {back:.2f} s after a slot was free")
    assert took < 0.5
    assert calm < 0.5, "a p0f that spins takes all of a processor"
    down, _ = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert "-S" in down
    assert "20" in down
    client.close()
    assert real_p0f.alive


def test_a_full_p0f_is_left_alone_by_the_asyncio_client_too(real_p0f: RealP0f) -> None:
    before = opened()  # other tests' clients may still be there

    async def main() -> list[object]:
        async with AsyncP0f(real_p0f.socket_path) as client:
            lookups = (client.lookup("127.0.0.1") for _ in range(100))
            results = await asyncio.gather(*lookups, return_exceptions=True)
            assert opened() <= before, "a connection of no use was kept"
            return list(results)

    with slots_taken(real_p0f):
        began = time.monotonic()
        results = asyncio.run(main())
        took = time.monotonic() - began
    calm = load(real_p0f, 0.3)
    print(f"\nfull: 100 tasks failed in {took * 1000:.1f} ms")
    assert all(isinstance(result, P0fUnavailable) for result in results)
    assert took < 0.5
    assert calm < 0.5, "a p0f that spins takes all of a processor"
