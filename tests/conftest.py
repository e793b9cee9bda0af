"""Fixtures that many modules use: a fake p0f, and outages that are over at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from p0f_middleware import _outage
from p0f_middleware.testing import FakeP0f


@pytest.fixture
def fake_p0f() -> Iterator[FakeP0f]:
    """A p0f that knows nobody until told."""
    with FakeP0f() as p0f:
        yield p0f


@pytest.fixture
def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every lookup may try again while p0f is down: for tests of what comes after an outage."""
    monkeypatch.setattr(_outage, "FIRST_DELAY", 0.0)
