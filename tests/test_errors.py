"""The exceptions: what an `except` clause catches, and what an option that makes no sense says."""

from __future__ import annotations

from typing import Any

import pytest

from p0f_middleware import (
    P0fBadQuery,
    P0fError,
    P0fException,
    P0fNoMatch,
    P0fProtocolError,
    P0fTimeout,
    P0fUnavailable,
)
from p0f_middleware._public import seconds


@pytest.mark.parametrize(
    ("raised", "caught"),
    [
        (P0fException, P0fError),
        (P0fBadQuery, P0fException),
        (P0fUnavailable, P0fException),
        (P0fUnavailable, OSError),
        (P0fTimeout, P0fUnavailable),
        (P0fTimeout, TimeoutError),
        (P0fProtocolError, P0fError),
        (P0fProtocolError, ValueError),
        (P0fNoMatch, P0fError),
        (P0fNoMatch, KeyError),
    ],
)
def test_a_clause_for_the_kind_catches_it(raised: type[Exception], caught: type[Exception]) -> None:
    assert issubclass(raised, caught)


def test_a_clause_for_a_failed_query_leaves_the_others_to_keyerror_and_valueerror() -> None:
    assert not issubclass(P0fNoMatch, P0fException)
    assert not issubclass(P0fProtocolError, P0fException)


@pytest.mark.parametrize("error", [P0fNoMatch, P0fUnavailable, P0fTimeout, P0fProtocolError])
def test_the_text_is_the_sentence_it_was_given(error: type[Exception]) -> None:
    assert str(error("p0f knows nothing about 192.0.2.1")) == "p0f knows nothing about 192.0.2.1"


@pytest.mark.parametrize(("value", "zero"), [(0.001, False), (1, False), (1e9, False), (0, True)])
def test_a_number_of_seconds_is_itself(value: float, zero: bool) -> None:
    assert seconds("timeout", value, zero=zero) is value


@pytest.mark.parametrize(
    "value", [-1, -0.001, float("nan"), float("inf"), "0.1", "", None, True, False, b"1", [1], 1j]
)
def test_anything_else_is_an_error_that_names_the_option_and_its_least(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^timeout is a number of seconds, above 0, not "):
        seconds("timeout", value or 0)
    with pytest.raises(ValueError, match=r"^hold is a number of seconds, 0 or more, not "):
        seconds("hold", value, zero=True)
