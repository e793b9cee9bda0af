"""The fixture `fake_p0f`, for every project that has p0f_middleware and pytest.

pytest imports this module in every run of every project where p0f_middleware is installed. So
FakeP0f is imported only when a test uses the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import FakeP0f


@pytest.fixture
def fake_p0f() -> Iterator["FakeP0f"]:
    """A p0f that knows the hosts in `fake_p0f.hosts` (p0f_middleware.testing.FakeP0f)."""
    from .testing import FakeP0f

    with FakeP0f() as p0f:
        yield p0f
