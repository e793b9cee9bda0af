"""What the benchmarks of shared SYNs have in common: rows of a table, and a store."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.shared.stores import RealStore


class Row(NamedTuple):
    """A line of a table; `bar` is the most that `value` may be."""

    what: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def missed(self) -> bool:
        return self.bar is not None and self.value > self.bar

    def __str__(self) -> str:
        bar = (
            ""
            if self.bar is None
            else f"  (at most {self.bar:g}{' MISSED' if self.missed else ''})"
        )
        return f"{self.what:<58} {self.value:10.2f} {self.unit}{bar}"


@contextlib.contextmanager
def running_store() -> Iterator[tuple[RealStore, Path]]:
    with tempfile.TemporaryDirectory(prefix="p0f-shared-") as name:
        store = RealStore(Path(name)).start()
        try:
            yield store, Path(name)
        finally:
            store.kill()


def microseconds(work: Callable[[], object], times: int = 300) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times * 1e6
