"""Fixtures that start the real p0f on the loopback interface."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import RealP0f

if importlib.util.find_spec("gunicorn") is None:
    collect_ignore_glob = ["test_*"]  # they need the servers of the extra "tests"


@pytest.fixture
def real_p0f(tmp_path: Path) -> Iterator[RealP0f]:
    """A p0f for one test; it ends with the test."""
    with RealP0f(tmp_path) as p0f:
        yield p0f
