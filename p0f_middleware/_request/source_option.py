"""Checks the middlewares' option `source` and turns it into something that can be asked.

It serves WSGI, ASGI and Django. A wrong value is an error when the middleware is made, one that
names the option and the remedy, so that it does not show up at each request in `p0f.reason`.

An object's class decides by which method it is asked, not the object itself: a wrapper that passes
on every attribute, a subclass of `P0f` that overrides `lookup` and a Mock (which is also a path)
all seem to have `fingerprint`, but their authors wrote `lookup`.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from .._daemon.blocking import TIMEOUT
from .._outcome import Outcome, P0fStatus
from .._visitor import AsyncSource, Source, Visitor
from .grace import GRACE
from .proxies import ProxyRules

SYN = "syn"
"""The text that stands for `Syn()`."""
COLOURED = "P0f", "AsyncP0f", "SharedSyn", "AsyncSharedSyn"
"""The sources that there are for each colour, blocking and awaited."""
_STORE_SCHEMES = ("redis://", "rediss://", "unix://")
_NOT_SEEN = Outcome(None, P0fStatus.NO_MATCH, "the source has not seen this client")
_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE; `inspect` takes milliseconds to import


class Asked(NamedTuple):
    """A source as the middlewares use it."""

    source: Any  # what was made of a text, or the given object
    fingerprint: Callable[[Visitor, float], Any]  # awaited for ASGI, if the source waits
    timeout: float
    waits: bool  # if not, timeout and grace mean nothing to it


def make_source(text: str, *, awaited: bool, timeout: float = TIMEOUT, arm: bool = True) -> Any:
    """The source that a text stands for: 'syn' (and `arm` is its option), the URL of a store, or
    the path of p0f's socket."""
    # Imported here, so that no program pays for asyncio or redis-py that does not use them.
    if text == SYN:
        from ..syn import Syn

        return Syn(arm=arm)
    if text.startswith(_STORE_SCHEMES):
        from ..shared.source import AsyncSharedSyn, SharedSyn

        return (AsyncSharedSyn if awaited else SharedSyn)(text, timeout=timeout)
    if awaited:
        from .._daemon.aio import AsyncP0f

        return AsyncP0f(text, timeout=timeout)
    from .._daemon.blocking import P0f

    return P0f(text, timeout=timeout)


def resolve(
    source: Any,
    rules: ProxyRules,
    *,
    timeout: float,
    grace: float,
    awaited: bool,
    make: Callable[..., Any] = make_source,
) -> Asked:
    """The source to ask, `awaited` for ASGI. P0fWSGIMiddleware documents the options, and what is
    raised; `make` makes the source that a text stands for."""
    option = "source"
    if source is None:
        option, source = _default_text()
    text = _text(option, source)
    if text is not None:
        source = make(text, awaited=awaited, timeout=timeout)
        timeout = timeout if text == SYN else TIMEOUT  # it is the source's own now
    method = method_of(source)
    if method is None:
        raise TypeError(
            "source is the path of p0f's socket, 'syn', the URL of a store, a client such as P0f or"
            f" AsyncP0f, or an object with a method lookup(ip_address); not {source!a:.80}"
        )
    if isinstance(source, type):
        raise TypeError(f"source is an instance, {source.__name__}(...), not the class itself")
    if method == "fingerprint" and getattr(source, "answers_at_once", False):
        _refuse_ignored(source, rules, timeout, grace)
        return Asked(source, source.fingerprint, TIMEOUT, waits=False)
    if timeout is not TIMEOUT:  # as in `_refuse_ignored`
        raise ValueError(
            f"timeout is an option of {type(source).__name__} itself; the middleware's is for a"
            " source that is text"
        )
    if is_awaited(source) != awaited:
        raise TypeError(_wrong_colour(type(source).__name__, method, awaited))
    if method == "lookup":
        look_up: Any = _look_up_async if awaited else _look_up
        return Asked(source, partial(look_up, source), TIMEOUT, waits=True)
    return Asked(source, source.fingerprint, getattr(source, "timeout", TIMEOUT), waits=True)


def _default_text() -> tuple[str, str]:
    """The text of the source where none is given, and the name under which it stands."""
    for name in ("P0F_SOURCE", "P0F_SOCKET"):
        if text := os.environ.get(name):
            return name, text
    return "source", SYN


def _text(option: str, source: object) -> str | None:
    """The text of a source that is given as text or as a path; None for any other."""
    if isinstance(source, os.PathLike) and method_of(source) is None:
        source = os.fspath(source)
    if isinstance(source, bytes):
        raise TypeError(f"{option} is a path as text, such as '/run/p0f/p0f.sock', not {source!r}")
    if not isinstance(source, str):
        return None
    if source == SYN or source.startswith(_STORE_SCHEMES):
        return source
    if not source or "://" in source or source.startswith("unix:") or "\0" in source:
        raise ValueError(
            f"{option} is the path of p0f's socket, such as '/run/p0f/p0f.sock'; or 'syn'; or the"
            f" URL of a store ({', '.join(_STORE_SCHEMES)}); not {source!a:.80}"
        )
    return source


def method_of(source: object) -> str | None:
    """The name of the method by which a source is asked; None if it is no source."""
    # The most derived class decides, and `fingerprint` if it has both. If no class has either, a
    # method of the object itself does.
    kind = source if isinstance(source, type) else type(source)
    for cls in kind.__mro__:
        for method in ("fingerprint", "lookup"):
            if callable(vars(cls).get(method)):
                return method
    for method in ("lookup", "fingerprint"):
        if callable(getattr(source, method, None)):
            return method
    return None


def _refuse_ignored(source: Any, rules: ProxyRules, timeout: float, grace: float) -> None:
    name = type(source).__name__
    # A default is recognised by its identity, so that an equal number, when given, is refused.
    if timeout is not TIMEOUT or not (grace is GRACE or grace == 0):
        option = "grace" if timeout is TIMEOUT else "timeout"
        raise ValueError(
            f"{option} is for sources that wait, and {name} answers at once: leave it out"
        )
    if getattr(source, "header", None) is not None and not rules.active:
        raise ValueError(
            f"{name}(header=...) is read from trusted_proxies alone, and there are none: name the"
            " proxy that writes it, trusted_proxies=[...]"
        )


def _wrong_colour(name: str, method: str, awaited: bool) -> str:
    other = name.removeprefix("Async") if name.startswith("Async") else f"Async{name}"
    if name not in COLOURED:
        other = f"an object whose {method} is {'a' if awaited else 'no'} coroutine function"
    if awaited:
        return (
            f"source is a blocking {name}, which would hold up the event loop:"
            f" for ASGI give {other}"
        )
    return f"source is an {name}, which has to be awaited: for WSGI give {other}"


def is_awaited(source: Any) -> bool:
    method = method_of(source)
    return method is not None and _is_coroutine_function(getattr(source, method))


def _is_coroutine_function(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    return isinstance(flags, int) and bool(flags & _CO_COROUTINE)  # a Mock has any attribute


def _look_up(source: Source, visitor: Visitor, _deadline: float) -> Outcome:
    info: Any = source.lookup(visitor.address or "")
    if hasattr(info, "__await__"):
        if hasattr(info, "close"):
            info.close()  # or Python warns of it
        raise TypeError(f"{type(source).__name__}.lookup gives something to be awaited")
    return _NOT_SEEN if info is None else Outcome(info, P0fStatus.OK, None)


async def _look_up_async(source: AsyncSource, visitor: Visitor, _deadline: float) -> Outcome:
    info = await source.lookup(visitor.address or "")
    return _NOT_SEEN if info is None else Outcome(info, P0fStatus.OK, None)
