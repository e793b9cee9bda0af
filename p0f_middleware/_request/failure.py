"""What becomes of an exception in the middleware: the one place that decides.

Whatever a stranger sends, a daemon answers or a server hands over, the request goes on, with status
`unavailable`; the log says so once for each kind of exception, with a traceback. What is not ours
is let pass: BaseExceptions such as KeyboardInterrupt, SystemExit, CancelledError and gevent's
Timeout are not caught at all, and a time limit that was raised into our code is raised on.

The fact a reader would get wrong: a time limit may be an ordinary Exception, raised by a signal
handler between any two lines (or by PyThreadState_SetAsyncExc). It is told by the handler's frame
in its traceback, or by a class that no code of ours can raise.
"""

from __future__ import annotations

import signal
import sys
from types import CodeType, TracebackType
from typing import Any

from .._errors import P0fError
from .._log import logger
from .._outcome import Outcome, unavailable

__all__ = ["failed"]

_OURS = frozenset({"p0f_middleware", "redis", "valkey", "greenlet", "gevent", "eventlet", "trio"})
"""Packages beside the standard library whose exceptions our own sources can raise."""
_MOST_SAID = 20
_said: set[type[Exception]] = set()


def failed(error: Exception, *, foreign_code: bool = False) -> Outcome:
    """The outcome of a lookup that raised `error`; call it in the `except` clause.

    Args:
        foreign_code: whether the source is the user's own, which may raise anything.

    Raises:
        Exception: `error` itself, if it is a time limit of somebody else's.
    """
    if isinstance(error, P0fError):  # our clients report their outages themselves, once
        return unavailable(str(error) or repr(error))
    if _from_signal_handler(error.__traceback__) or not (foreign_code or _can_be_ours(error)):
        raise error
    kind = type(error)
    if kind not in _said and len(_said) < _MOST_SAID:
        _said.add(kind)
        logger().error(
            "the lookup of a fingerprint raised %s; the request goes on without one (each kind of"
            " exception is logged once)",
            kind.__name__,
            exc_info=error,
        )
    return unavailable(f"the lookup failed: {kind.__name__}: {_short(error)}")


def _short(error: Exception) -> str:
    """The exception's words, cut; an exception that cannot even say what it is says nothing."""
    try:
        return ascii(str(error))[1:-1][:200]
    except Exception:
        return "it has no message"


def _can_be_ours(error: Exception) -> bool:
    package = type(error).__module__.partition(".")[0]
    return package in sys.stdlib_module_names or package in _OURS


def _from_signal_handler(traceback: TracebackType | None) -> bool:
    """Whether the function of a signal handler is among the frames that the exception came by."""
    handlers = {code for number in signal.valid_signals() if (code := _handler_code(number))}
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _handler_code(number: int) -> CodeType | None:
    handler: Any = signal.getsignal(number)
    while hasattr(handler, "func"):  # functools.partial
        handler = handler.func
    handler = getattr(handler, "__func__", handler)
    code = getattr(handler, "__code__", None)
    if code is None and callable(handler):
        code = getattr(vars(type(handler)).get("__call__"), "__code__", None)
    return code if isinstance(code, CodeType) else None
