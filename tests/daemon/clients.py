"""Both clients behind the same methods, for tests of behaviour that both share."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from p0f_middleware import AsyncP0f, P0f, P0fInfo, P0fStats
from p0f_middleware._daemon.protocol import P0F_3, write_answer
from p0f_middleware._outcome import Outcome
from p0f_middleware._visitor import Visitor


class Blocking:
    """P0f."""

    def __init__(self, socket_path: str, **options: Any) -> None:
        self.client = P0f(socket_path, **options)

    @property
    def stats(self) -> P0fStats:
        return self.client.stats

    def lookup(self, ip_address: Any) -> P0fInfo | None:
        return self.client.lookup(ip_address)

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        return self.client.fingerprint(visitor, deadline)

    def get_info(self, *args: Any) -> Any:
        return self.client.get_info(*args)

    def lookup_at_once(self, count: int, ip_address: str) -> list[Any]:
        """The results or errors of `count` lookups from as many threads."""
        with ThreadPoolExecutor(count) as pool:
            lookups = [pool.submit(self.client.lookup, ip_address) for _ in range(count)]
        return [lookup.exception() or lookup.result() for lookup in lookups]

    def close(self) -> None:
        self.client.close()

    def end(self) -> None:
        self.client.close()


class InALoop:
    """AsyncP0f; each blocking method runs the event loop until it is done."""

    def __init__(self, socket_path: str, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = AsyncP0f(socket_path, **options)

    @property
    def stats(self) -> P0fStats:
        return self.client.stats

    def lookup(self, ip_address: Any) -> P0fInfo | None:
        return self.loop.run_until_complete(self.client.lookup(ip_address))

    def fingerprint(self, visitor: Visitor, deadline: float) -> Outcome:
        return self.loop.run_until_complete(self.client.fingerprint(visitor, deadline))

    def get_info(self, *args: Any) -> Any:
        return self.loop.run_until_complete(self.client.get_info(*args))

    def lookup_at_once(self, count: int, ip_address: str) -> list[Any]:
        """The results or errors of `count` lookups from as many tasks."""

        async def main() -> list[Any]:
            lookups = [self.client.lookup(ip_address) for _ in range(count)]
            return await asyncio.gather(*lookups, return_exceptions=True)

        return self.loop.run_until_complete(main())

    def close(self) -> None:
        self.loop.run_until_complete(self.client.close())

    def end(self) -> None:
        self.close()
        self.loop.close()


Client = Blocking | InALoop


def named_after(ip_address: str) -> bytes:
    """p0f's answer about a host whose os_name is its address."""
    return write_answer(P0fInfo(os_name=ip_address), P0F_3)
