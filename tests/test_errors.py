"""The exceptions: what an `except` clause catches."""

from __future__ import annotations

import pytest

import p0f_middleware
from p0f_middleware import (
    P0fBadQuery,
    P0fError,
    P0fException,
    P0fNoMatch,
    P0fProtocolError,
    P0fTimeout,
    P0fUnavailable,
)


@pytest.mark.parametrize(
    ("raised", "caught"),
    [
        (P0fBadQuery, P0fException),
        (P0fUnavailable, P0fException),
        (P0fUnavailable, OSError),
        (P0fTimeout, P0fUnavailable),
        (P0fTimeout, TimeoutError),
        (P0fProtocolError, ValueError),
        (P0fNoMatch, KeyError),
    ],
)
def test_a_clause_for_the_kind_catches_it(raised: type[Exception], caught: type[Exception]) -> None:
    assert issubclass(raised, caught)


@pytest.mark.parametrize("error", [P0fNoMatch, P0fProtocolError])
def test_a_clause_for_a_failed_query_leaves_it_to_those_for_keyerror_and_valueerror(
    error: type[Exception],
) -> None:
    assert not issubclass(error, P0fException)


@pytest.mark.parametrize(
    "name", [name for name in p0f_middleware._errors.__all__ if name != "P0fError"]
)
def test_one_clause_catches_all(name: str) -> None:
    assert issubclass(getattr(p0f_middleware, name), P0fError)


@pytest.mark.parametrize("error", [P0fNoMatch, P0fUnavailable, P0fTimeout, P0fProtocolError])
def test_the_text_is_the_sentence_it_was_given(error: type[Exception]) -> None:
    assert str(error("p0f knows nothing about 192.0.2.1")) == "p0f knows nothing about 192.0.2.1"
