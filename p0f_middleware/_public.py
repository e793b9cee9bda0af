"""Sets the root package as the module of a public class.

Pickles, tracebacks and reprs then contain `p0f_middleware.P0fInfo`, a name that stays, and not the
module in which the class is written, which may change.
"""

from __future__ import annotations

import sys
from typing import TypeVar, get_type_hints

ClassT = TypeVar("ClassT", bound=type)


def public(cls: ClassT) -> ClassT:
    """A class decorator for classes that users import from `p0f_middleware`."""
    # pydantic and FastAPI look the names in annotations up in the module that the class says it is
    # of, so the names are replaced by the types while it says the one that knows them.
    hints = get_type_hints(cls, vars(sys.modules[cls.__module__]))
    if hints:
        cls.__annotations__ = hints
    cls.__module__ = "p0f_middleware"
    return cls
