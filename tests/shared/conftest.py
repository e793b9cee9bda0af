"""A store for the tests of this folder, each of which finds it empty and leaves it running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
import redis

from .asking import Blocking, Connect, InALoop
from .stores import RealStore


@pytest.fixture(scope="package")
def lasting_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStore]:
    with RealStore(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def contents(lasting_store: RealStore) -> Iterator[redis.Redis]:
    with redis.Redis(port=lasting_store.port) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(lasting_store: RealStore, contents: redis.Redis) -> RealStore:
    return lasting_store


@pytest.fixture
def stopped(store: RealStore) -> Iterator[None]:
    """The store does not answer."""
    store.stop()
    yield
    store.resume()


@pytest.fixture(params=[Blocking, InALoop])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a source, by the arguments of SharedSyn."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(
            closing(request.param(*arguments, **options))
        )
