"""Sets the root package as the module of a public class.

Pickles, tracebacks and reprs then contain `p0f_middleware.P0fInfo`, a name that stays, and not the
module in which the class is written, which may change.
"""

from __future__ import annotations

from typing import TypeVar

ClassT = TypeVar("ClassT", bound=type)


def public(cls: ClassT) -> ClassT:
    """A class decorator for classes that users import from `p0f_middleware`."""
    cls.__module__ = "p0f_middleware"
    return cls
