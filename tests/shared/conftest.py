"""A store for the tests of this folder, each of which finds it empty and leaves it running."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from .asking import Blocking, Connect, InALoop, Kind
from .stores import RealStore


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStore]:
    with RealStore(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def contents(store: RealStore) -> Iterator[redis.Redis]:
    with redis.Redis(port=store.port) as client:
        client.flushall()
        yield client


@pytest.fixture
def stopped(store: RealStore, contents: redis.Redis) -> Iterator[None]:
    """The store does not answer."""
    store.stop()
    yield
    store.resume()


@pytest.fixture(params=[Blocking, InALoop])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a source, by the arguments of SharedSyn."""
    made: list[Kind] = []

    def connect(*arguments: Any, **options: Any) -> Kind:
        made.append(request.param(*arguments, **options))
        return made[-1]

    yield connect
    for source in made:
        source.close()
