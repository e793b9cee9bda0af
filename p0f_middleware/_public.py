"""Makes a public class name the root package as its module.

Pickles, tracebacks and reprs then say `p0f_middleware.P0fInfo`, which stays, and not the file the
class happens to live in, which may move.
"""

from __future__ import annotations

from typing import TypeVar

ClassT = TypeVar("ClassT", bound=type)


def public(cls: ClassT) -> ClassT:
    """A class decorator: the class is imported from `p0f_middleware`."""
    cls.__module__ = "p0f_middleware"
    return cls
