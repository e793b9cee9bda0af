"""What becomes of an exception in the middleware."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from functools import partial
from types import FrameType
from unittest.mock import Mock

import pytest

from p0f_middleware import P0fStatus, P0fTimeout, P0fUnavailable
from p0f_middleware._request import failure
from p0f_middleware._request.failure import failed


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure, "_logged", set())


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "p0f_middleware")
    return caplog


class TimeLimit(Exception):
    """A time limit of somebody else's, as Celery's SoftTimeLimitExceeded is."""


def test_each_kind_of_failure_is_logged_once_with_its_traceback(
    log: pytest.LogCaptureFixture,
) -> None:
    for error in (KeyError("a"), KeyError("b"), RuntimeError("c"), RuntimeError("d")):
        failed(error)

    assert [record.exc_info[1].args[0] for record in log.records if record.exc_info] == ["a", "c"]  # type: ignore[union-attr]


@pytest.mark.parametrize("error", [P0fUnavailable("no socket"), P0fTimeout("too slow")])
def test_what_a_client_of_ours_has_logged_is_not_logged_again(
    log: pytest.LogCaptureFixture, error: Exception
) -> None:
    failed(error)

    assert not log.records


def test_the_reason_of_a_clients_error_is_its_message() -> None:
    assert failed(P0fUnavailable("no socket")) == (None, P0fStatus.UNAVAILABLE, "no socket")


def test_the_reason_of_another_error_shows_nothing_of_it() -> None:
    reason = failed(ValueError("connecting to redis://user:secret@store")).reason
    assert reason == "the lookup failed; the log of p0f_middleware says how"


def test_an_exception_that_cannot_be_shown_is_a_failure_like_others() -> None:
    class Mute(ValueError):
        def __str__(self) -> str:
            raise RuntimeError

    assert failed(Mute(), foreign_code=True).status is P0fStatus.UNAVAILABLE


def test_a_class_that_no_code_of_ours_raises_is_let_pass() -> None:
    with pytest.raises(TimeLimit):
        failed(TimeLimit())


def raised_by_called_code(error: Exception) -> None:
    """Raises as a server's object or a watchdog would: this module is no part of the package."""
    raise error


def raised_out_of_the_blue(error: Exception) -> None:
    """Raises between two lines of the package's own code, as PyThreadState_SetAsyncExc does."""
    code = compile("raise error", "lookup.py", "exec")
    exec(code, {"__name__": "p0f_middleware._request.lookup", "error": error})


def test_what_code_that_we_called_has_raised_is_a_failure() -> None:
    with pytest.raises(TimeLimit) as raised:
        raised_by_called_code(TimeLimit())

    assert failed(raised.value).status is P0fStatus.UNAVAILABLE


def test_what_nobody_at_hand_can_have_raised_is_let_pass() -> None:
    def lookup() -> None:
        try:
            raised_out_of_the_blue(TimeLimit("the time is up"))
        except TimeLimit as error:
            failed(error)

    with pytest.raises(TimeLimit, match="the time is up"):
        lookup()


def test_a_users_own_source_may_raise_any_class() -> None:
    assert failed(TimeLimit(), foreign_code=True).status is P0fStatus.UNAVAILABLE


def _handler(error: Exception, _number: int, _frame: FrameType | None) -> None:
    raise error


class CallableHandler:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, number: int, frame: FrameType | None) -> None:
        raise self.error


class Inheriting(CallableHandler):
    """Its class has no `__call__` of its own."""


class WithMethod(CallableHandler):
    def handle(self, number: int, frame: FrameType | None) -> None:
        raise self.error


@pytest.fixture
def restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR2)
    yield
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    "handler",
    [
        partial(_handler, TimeoutError("the time is up")),
        CallableHandler(TimeoutError("the time is up")),
        Inheriting(TimeoutError("the time is up")),
        WithMethod(TimeoutError("the time is up")).handle,
        lambda *_: _handler(OSError("the time is up"), *_),
    ],
)
@pytest.mark.parametrize("foreign_code", [False, True])
def test_what_a_signal_handler_raised_is_let_pass(handler: object, foreign_code: bool) -> None:
    signal.signal(signal.SIGUSR2, handler)  # type: ignore[arg-type]

    def lookup() -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
        except OSError as error:
            failed(error, foreign_code=foreign_code)

    with pytest.raises(OSError, match="the time is up"):
        lookup()


@pytest.mark.usefixtures("restored")
def test_a_time_limit_that_a_source_took_for_its_own_error_is_let_pass() -> None:
    signal.signal(signal.SIGUSR2, partial(_handler, TimeoutError("the time is up")))

    def lookup() -> None:
        try:
            try:
                os.kill(os.getpid(), signal.SIGUSR2)
            except OSError as error:
                raise P0fTimeout("p0f did not answer") from error
        except P0fTimeout as error:
            failed(error)

    with pytest.raises(TimeoutError, match="the time is up"):
        lookup()


@pytest.mark.usefixtures("restored")
def test_a_handler_that_has_any_attribute_is_a_handler() -> None:
    signal.signal(signal.SIGUSR2, Mock())

    assert failed(ValueError()).status is P0fStatus.UNAVAILABLE
