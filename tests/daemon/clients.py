"""Both clients behind the same methods, for tests of behaviour that both share."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from p0f_middleware import AsyncP0f, P0f, P0fInfo, P0fStats
from p0f_middleware._daemon import connection
from p0f_middleware._daemon.protocol import P0F_3, write_answer
from p0f_middleware._outcome import Outcome
from p0f_middleware._visitor import Visitor


class Blocking:
    """P0f."""

    kind: Any = P0f

    def __init__(self, socket_path: str, **options: Any) -> None:
        self.client = self.kind(socket_path, **options)

    def result(self, called: Any) -> Any:
        """The result of a method that was called."""
        return called

    @property
    def stats(self) -> P0fStats:
        return cast("P0fStats", self.client.stats)

    def lookup(self, ip_address: Any) -> P0fInfo | None:
        return cast("P0fInfo | None", self.result(self.client.lookup(ip_address)))

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        return cast("Outcome", self.result(self.client.fingerprint(visitor, deadline)))

    def get_info(self, *args: Any) -> Any:
        return self.result(self.client.get_info(*args))

    def lookup_at_once(self, count: int, ip_address: str) -> list[Any]:
        """The results or errors of `count` lookups from as many threads, or tasks."""
        with ThreadPoolExecutor(count) as pool:
            lookups = [pool.submit(self.client.lookup, ip_address) for _ in range(count)]
        return [lookup.exception() or lookup.result() for lookup in lookups]

    def close(self) -> None:
        self.result(self.client.close())

    def end(self) -> None:
        self.close()


class InALoop(Blocking):
    """AsyncP0f; each method runs the event loop until it is done."""

    kind = AsyncP0f

    def __init__(self, socket_path: str, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        super().__init__(socket_path, **options)

    def result(self, called: Any) -> Any:
        return self.loop.run_until_complete(called)

    def lookup_at_once(self, count: int, ip_address: str) -> list[Any]:
        async def main() -> list[Any]:
            lookups = [self.client.lookup(ip_address) for _ in range(count)]
            return await asyncio.gather(*lookups, return_exceptions=True)

        return self.loop.run_until_complete(main())

    def end(self) -> None:
        self.close()
        self.loop.close()


def named_after(ip_address: str) -> bytes:
    """p0f's answer about a host whose os_name is its address."""
    return write_answer(P0fInfo(os_name=ip_address), P0F_3)


def os_name(client: P0f | Blocking, ip_address: str) -> str | None:
    info = client.lookup(ip_address)
    return info.os_name if info else None


async def async_os_name(client: AsyncP0f, ip_address: str) -> str | None:
    info = await client.lookup(ip_address)
    return info.os_name if info else None


def opened(*, in_use: bool = True) -> set[connection.Connection[Any]]:
    """This process's connections."""
    ours = (each for each in connection._connections.copy() if each.pid == os.getpid())
    return {each for each in ours if each.open == in_use}


def draining() -> set[connection.Connection[Any]]:
    """Those that were released and have answers pending."""
    return opened(in_use=False)
