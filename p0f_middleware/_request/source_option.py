"""Checks the middlewares' option `source` and turns it into something that can be asked.

It serves WSGI and ASGI. A wrong value is an error when the middleware is made, one that names the
option and the remedy, so that it does not show up at each request in `p0f.reason`.

The fact a reader would get wrong: an object's class decides by which method it is asked, not the
object itself. A wrapper that passes on every attribute, a subclass of `P0f` that overrides `lookup`
and a Mock (which is also a path) all seem to have `fingerprint`, but their authors wrote `lookup`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from .._daemon.base import TIMEOUT
from .._outcome import NO_ADDRESS, Outcome, P0fStatus
from .._visitor import AsyncSource, AsyncVisitorSource, Source, Visitor, VisitorSource
from .grace import GRACE
from .proxies import ProxyRules

__all__ = ["AnySource", "Asked", "resolve"]

AnySource = (
    str | os.PathLike[str] | Source | AsyncSource | VisitorSource | AsyncVisitorSource | None
)
_NOT_SEEN = Outcome(None, P0fStatus.NO_MATCH, "the source has not seen this client")
_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE; `inspect` takes milliseconds to import


class Asked(NamedTuple):
    """A source as the middlewares use it.

    Attributes:
        source: the value of `middleware.source`: the client made for a path, or the given object.
        fingerprint: the method to call; for ASGI its result is awaited, if the source waits.
        timeout: seconds that one question may take.
        waits: whether the source waits for something, so that timeout and grace apply.
        foreign: whether it is the user's own object.
    """

    source: Any
    fingerprint: Callable[[Visitor, float], Any]
    timeout: float
    waits: bool
    foreign: bool


def resolve(
    source: AnySource,
    client: Callable[..., Any],
    rules: ProxyRules,
    *,
    timeout: float,
    grace: float,
    awaited: bool,
) -> Asked:
    """The source to ask, from the option `source`.

    Args:
        source: the option; None for the path in P0F_SOCKET, or else `Syn()`.
        client: makes a client of the daemon, from a path and `timeout`.
        rules: the options on proxies.
        timeout, grace: the options; an error if they are given and the source ignores them.
        awaited: whether the source is for ASGI.

    Raises:
        TypeError: `source` is not a source, or one for the other kind of middleware.
        ValueError: an option has an invalid value.
    """
    option = "source"
    if source is None:
        option, source = "P0F_SOCKET", os.environ.get("P0F_SOCKET") or _syn()
    method = _method(source)
    if isinstance(source, (str, bytes)) or (method is None and isinstance(source, os.PathLike)):
        made = client(_path(option, source), timeout=timeout)
        return Asked(made, made.fingerprint, made.timeout, waits=True, foreign=False)
    if method is not None and isinstance(source, type):
        raise TypeError(f"source is an instance, {source.__name__}(...), not the class itself")
    if method == "fingerprint":
        if getattr(source, "answers_at_once", False):
            return _at_once(source, rules, timeout, grace)
        return _waiting(source, timeout, awaited)
    if method == "lookup":
        return _foreign(source, timeout, awaited)
    raise TypeError(
        "source is the path of p0f's socket, a client such as P0f or AsyncP0f, a Syn, or an object"
        f" with a method lookup(ip_address); not {_shown(source)}"
    )


def _method(source: object) -> str | None:
    """The method by which to ask: the one that the most derived class has, `fingerprint` if it has
    both. If the class has neither, a method of the object itself, `lookup` first."""
    kind = source if isinstance(source, type) else type(source)
    for cls in kind.__mro__:
        for method in ("fingerprint", "lookup"):
            if callable(vars(cls).get(method)):
                return method
    for method in ("lookup", "fingerprint"):
        if callable(getattr(source, method, None)):
            return method
    return None


def _at_once(source: Any, rules: ProxyRules, timeout: float, grace: float) -> Asked:
    """A source that never waits, such as `Syn`. It serves ASGI too, and is not awaited."""
    name = type(source).__name__
    # The default is recognised by its identity, so that an equal number, when given, is refused.
    options = (
        ("timeout", timeout is TIMEOUT),
        ("grace", grace is GRACE or grace == 0),
    )
    for option, left_out in options:
        if not left_out:
            raise ValueError(
                f"{option} is for sources that wait, and {name} answers at once: leave it out"
            )
    if getattr(source, "header", None) is not None and not rules.active:
        raise ValueError(
            f"{name}(header=...) is read from trusted_proxies alone, and there are none: name the"
            " proxy that writes it, trusted_proxies=[...]"
        )
    return Asked(source, source.fingerprint, TIMEOUT, waits=False, foreign=False)


def _waiting(source: Any, timeout: float, awaited: bool) -> Asked:
    """One of our own sources that wait, or one with the same methods."""
    _refuse_timeout(timeout, source)
    _require_kind(source, "fingerprint", awaited)
    patience = getattr(source, "timeout", TIMEOUT)
    return Asked(source, source.fingerprint, patience, waits=True, foreign=False)


def _foreign(source: Any, timeout: float, awaited: bool) -> Asked:
    """A user's own object."""
    _refuse_timeout(timeout, source)
    _require_kind(source, "lookup", awaited)
    look_up: Any = _look_up_async if awaited else _look_up
    return Asked(source, partial(look_up, source), TIMEOUT, waits=True, foreign=True)


def _path(option: str, source: Any) -> str:
    """The path of p0f's socket.

    Args:
        option: the name of the option or of the environment variable, for the error message.

    Raises:
        TypeError, ValueError: it is not a path.
    """
    path = os.fspath(source)
    if not isinstance(path, str):
        raise TypeError(f"{option} is a path as text, such as '/run/p0f.sock', not {path!r}")
    if not path:
        raise ValueError(f"{option} is the path of p0f's socket, not ''; None asks for the default")
    if path.startswith(("redis:", "rediss:", "valkey:", "valkeys:")):
        raise ValueError(
            f"{option} is the URL of a store: give SharedSyn(url), or AsyncSharedSyn(url)"
        )
    if path.startswith("unix:") or "://" in path or "\0" in path:
        raise ValueError(
            f"{option} is a path such as '/run/p0f.sock', without a scheme: not {_shown(path)}"
        )
    return path


def _refuse_timeout(timeout: float, source: object) -> None:
    if timeout is not TIMEOUT:  # as in `_at_once`
        raise ValueError(
            f"timeout is an option of {type(source).__name__} itself; the middleware's is for a"
            " source that is a path"
        )


def _require_kind(source: object, method: str, awaited: bool) -> None:
    """Raise TypeError if the source is awaited where it must not be, or the other way round."""
    is_async = _is_coroutine_function(getattr(source, method))
    name = type(source).__name__
    if awaited and not is_async:
        raise TypeError(
            f"source is a blocking {name}, which would hold up the event loop: give the path of"
            f" p0f's socket, AsyncP0f, or an object whose {method} is a coroutine function"
        )
    if is_async and not awaited:
        raise TypeError(
            f"source is an {name}, which has to be awaited: for WSGI give the path of p0f's socket,"
            f" P0f, or an object whose {method} is no coroutine function"
        )


def _is_coroutine_function(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__call__, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    return isinstance(flags, int) and bool(flags & _CO_COROUTINE)  # a Mock has any attribute


def _look_up(source: Source, visitor: Visitor, deadline: float) -> Outcome:
    """Ask a user's own source, which knows no deadline."""
    address = visitor.address
    if address is None:
        return NO_ADDRESS
    info: Any = source.lookup(address)
    if info is not None and hasattr(info, "__await__"):
        if hasattr(info, "close"):
            info.close()  # or Python warns of it
        raise TypeError(f"{type(source).__name__}.lookup gives something to be awaited")
    return _NOT_SEEN if info is None else Outcome(info, P0fStatus.OK, None)


async def _look_up_async(source: AsyncSource, visitor: Visitor, deadline: float) -> Outcome:
    address = visitor.address
    if address is None:
        return NO_ADDRESS
    info = await source.lookup(address)
    return _NOT_SEEN if info is None else Outcome(info, P0fStatus.OK, None)


def _syn() -> VisitorSource:
    from ..syn import Syn

    return Syn()


def _shown(source: object) -> str:
    shown = ascii(source)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
