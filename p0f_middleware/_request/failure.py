"""Decides what happens to an exception that a lookup raises: it fails the lookup, or it passes.

Whatever a client sends, a daemon answers or a server hands over, the request continues with status
`unavailable`, and the log has a traceback, once for each kind of exception. Exceptions that are not
ours pass: BaseExceptions such as KeyboardInterrupt, SystemExit, CancelledError and gevent's Timeout
are not caught at all, and a time limit that was raised into our code is raised again.

The fact a reader would get wrong: a time limit may be an ordinary Exception, raised by a signal
handler between any two lines, or by PyThreadState_SetAsyncExc. A handler's is recognised by the
handler's frame in its traceback, even if a source has mistaken it for an error of its own (sockets
raise TimeoutError, too). The other is recognised by its class: the exception appears in our code or
the standard library's, but the class belongs to neither, so that code cannot have raised it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from functools import partial
from types import CodeType, TracebackType
from typing import Any

from .._errors import P0fError
from .._log import logger
from .._outcome import Outcome, unavailable

__all__ = ["failed"]

_OURS = frozenset({"p0f_middleware", "redis", "valkey", "greenlet", "gevent", "eventlet", "trio"})
"""Packages beside the standard library whose exceptions our own sources can raise."""
_MOST_KINDS_LOGGED = 20
_LONGEST_CHAIN = 10
_logged: set[type[Exception]] = set()


def failed(error: Exception, *, foreign_code: bool = False) -> Outcome:
    """The outcome of a lookup that raised `error`. Call it in the `except` clause.

    Args:
        foreign_code: whether the source is the user's own, which may raise anything.

    Raises:
        Exception: `error`, or what caused it, is a time limit that the application has set.
    """
    limit = _time_limit(error, foreign_code)
    if limit is not None:
        raise limit
    if isinstance(error, P0fError):  # our clients report their outages themselves, once
        return unavailable(str(error) or repr(error))
    kind = type(error)
    if kind not in _logged and len(_logged) < _MOST_KINDS_LOGGED:
        _logged.add(kind)
        logger().error(
            "the lookup of a fingerprint raised %s; the request continues without one (each kind of"
            " exception is logged once)",
            kind.__name__,
            exc_info=error,
        )
    # The application may show the reason to anyone, so it has nothing of the exception in it.
    return unavailable("the lookup failed; the log of p0f_middleware says how")


def _time_limit(error: Exception, foreign_code: bool) -> BaseException | None:
    """The exception to raise again; None if `error` is a failure of the lookup."""
    if isinstance(error, P0fError) and error.__context__ is None:
        return None  # by far the most frequent: p0f is down, and no retry is due
    handlers = _signal_handlers()
    for link in _chain(error):
        if any(code in handlers for code in _codes(link.__traceback__)):
            return link
    return None if foreign_code or _can_be_a_failure(error) else error


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, what has caused it, and so on."""
    link: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _codes(traceback: TracebackType | None) -> Iterator[CodeType]:
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


def _can_be_a_failure(error: Exception) -> bool:
    """Whether code that runs during a lookup can have raised it: ours, or code that ours called,
    such as a method of the server's object."""
    if _is_ours(type(error).__module__):
        return True
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and not _is_ours(traceback.tb_frame.f_globals.get("__name__"))


def _is_ours(module: object) -> bool:
    package = str(module).partition(".")[0]
    return package in sys.stdlib_module_names or package in _OURS


def _signal_handlers() -> set[CodeType]:
    """The code of each function that a signal calls."""
    handlers = map(signal.getsignal, signal.valid_signals())
    return {code for handler in handlers if (code := _code(handler))}


def _code(handler: Any) -> CodeType | None:
    while isinstance(handler, partial):
        handler = handler.func
    handler = getattr(handler, "__func__", handler)  # a method's function
    code = getattr(handler, "__code__", None)
    if not isinstance(code, CodeType):
        code = getattr(type(handler).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None
