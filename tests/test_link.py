"""Letting a connection go."""

from __future__ import annotations

import select
import time

import pytest

from p0f_middleware import P0f, P0fTimeout
from p0f_middleware.testing import FakeP0f


def test_closing_takes_no_longer_than_the_answers_that_are_owed() -> None:
    with FakeP0f() as p0f:
        client = P0f(p0f.socket_path, timeout=0.05)
        client.lookup("192.0.2.1")
        p0f.stall()
        with pytest.raises(P0fTimeout):
            client.lookup("192.0.2.2")
        p0f.resume()
        link = client._turn_here().link
        assert link is not None
        select.select([link.sock], (), (), 5)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 0.5
