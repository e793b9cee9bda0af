"""The fixture `fake_p0f`, for every project that has p0f_middleware and pytest.

pytest imports this module, and with it the package, whenever it runs, in projects that never use
the fixture too; the imitation itself comes when the fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import FakeP0f


@pytest.fixture
def fake_p0f() -> Iterator[FakeP0f]:
    """A p0f that knows the hosts it is told (p0f_middleware.testing.FakeP0f)."""
    from .testing import FakeP0f

    with FakeP0f() as p0f:
        yield p0f
