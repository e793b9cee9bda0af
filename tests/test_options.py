"""Options that are numbers of seconds."""

from __future__ import annotations

from typing import Any

import pytest

from p0f_middleware._public import seconds


@pytest.mark.parametrize("value", [0.001, 1, 30.0, 1e9])
def test_a_number_of_seconds_is_itself(value: float) -> None:
    assert seconds("timeout", value) is value


def test_zero_is_one_where_it_means_something() -> None:
    assert seconds("hold", 0, zero=True) == 0


@pytest.mark.parametrize(
    "value",
    [0, -1, -0.001, float("nan"), float("inf"), "0.1", "", None, True, b"1", [1], object(), 1j],
    ids=str,
)
def test_anything_else_is_an_error_that_names_the_option(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^timeout is a number of seconds, above 0, not "):
        seconds("timeout", value)


@pytest.mark.parametrize("value", [-1, "0", None, False, float("nan")], ids=str)
def test_the_error_tells_whether_zero_is_one(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^hold is a number of seconds, 0 or more, not "):
        seconds("hold", value, zero=True)
