"""Fixtures that start the real p0f on the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import RealP0f


@pytest.fixture
def real_p0f(tmp_path: Path) -> Iterator[RealP0f]:
    """A p0f for one test; it ends with the test."""
    p0f = RealP0f(tmp_path)
    try:
        yield p0f.start()
    finally:
        p0f.kill()
