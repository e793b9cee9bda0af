"""Both sources behind one face, for tests of what they promise alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from p0f_middleware import AsyncSharedSyn, SharedSyn
from p0f_middleware._outcome import Outcome

LATER = float("inf")
LONG = 60.0  # a timeout that a busy machine does not use up


class Blocking:
    """SharedSyn, asked by threads."""

    def __init__(self, store: Any, timeout: float = LONG, **options: Any) -> None:
        self.source = SharedSyn(store, timeout=timeout, **options)

    def ask(self, visitor: Any, deadline: float = LATER) -> Outcome:
        return self.source.fingerprint(visitor, deadline)

    def together(self, visitors: list[Any]) -> list[Outcome]:
        with ThreadPoolExecutor(len(visitors)) as threads:
            return [*threads.map(self.ask, visitors)]

    def close(self) -> None:
        self.source.close()


class InALoop:
    """AsyncSharedSyn, asked by tasks of a loop."""

    def __init__(self, store: Any, timeout: float = LONG, **options: Any) -> None:
        self.source = AsyncSharedSyn(store, timeout=timeout, **options)
        self.store, self.loop = store, asyncio.new_event_loop()

    def ask(self, visitor: Any, deadline: float = LATER) -> Outcome:
        return self.loop.run_until_complete(self.source.fingerprint(visitor, deadline))

    def together(self, visitors: list[Any]) -> list[Outcome]:
        async def all_of_them() -> list[Outcome]:
            return await asyncio.gather(*(self.source.fingerprint(v, LATER) for v in visitors))

        return self.loop.run_until_complete(all_of_them())

    def close(self) -> None:
        self.loop.run_until_complete(self.source.close())
        if not isinstance(self.store, str):
            self.loop.run_until_complete(self.store.aclose())
        self.loop.close()


Kind: TypeAlias = "Blocking | InALoop"
Connect: TypeAlias = "Callable[..., Kind]"
